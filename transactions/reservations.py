"""How reservations end without a message of their own (OCPP 1.6 §5.13)."""

from __future__ import annotations

from datetime import datetime, timedelta

from stations.models import Connector

from .models import Reservation, Transaction

#: Stations report the end themselves; only then do we take it for granted.
EXPIRY_GRACE = timedelta(seconds=60)


def use_reservation(transaction: Transaction) -> None:
    """A start with a reservationId ends that reservation, of its connector or of the whole station (connector 0).

    The station's word counts even for one we took for over: a start from its queue may be older than that.
    """
    if transaction.reservation_id is not None:
        unused = Reservation.objects.exclude(status=Reservation.Status.USED)
        unused.filter(pk=transaction.reservation_id, connector__charge_point=transaction.charge_point_id).update(
            status=Reservation.Status.USED, transaction=transaction, ended_at=transaction.started_at
        )


def end_expired_reservations(now: datetime) -> int:
    """Expire what the stations did not use in time; returns how many. Any process may run it, any number of times."""
    active = Reservation.objects.filter(status=Reservation.Status.ACTIVE)
    return active.filter(expires_at__lt=now - EXPIRY_GRACE).update(status=Reservation.Status.EXPIRED, ended_at=now)


def end_reservations(connector: Connector, now: datetime) -> int:
    """End a connector's reservations when it becomes Faulted or Unavailable; connector 0 stands for all of them."""
    active = Reservation.objects.filter(status=Reservation.Status.ACTIVE)
    if connector.connector_id == 0:
        active = active.filter(connector__charge_point=connector.charge_point_id)
    else:
        active = active.filter(connector=connector)
    return active.update(status=Reservation.Status.ENDED, ended_at=now)
