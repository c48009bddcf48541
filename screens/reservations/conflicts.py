"""What speaks against a reservation, in words, before anybody asks the charger."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils import timezone
from django.utils.translation import gettext as _

from stations.models import ChargePoint, ChargePointStatus, Connector
from stations.moments import local_text
from transactions import station_keys
from transactions.models import Reservation, Transaction

#: States in which a charger says no.
_REFUSING = (ChargePointStatus.FAULTED, ChargePointStatus.UNAVAILABLE)


def conflicts(target: Connector | ChargePoint) -> list[str]:
    """Sentences; the charger has the last word, since only it knows."""
    if isinstance(target, ChargePoint):
        return [*_of_charger(target), *_of_any_connector(target)]
    return [*_of_charger(target.charge_point), *_of_connector(target)]


def _of_charger(station: ChargePoint) -> Iterator[str]:
    if not station.is_online:
        yield _("The charger is offline: it cannot be asked now.")


def _of_any_connector(station: ChargePoint) -> Iterator[str]:
    if station_keys.truth_of(station, "ReserveConnectorZeroSupported") is False:
        yield _("The charger reserves single connectors only.")


def _of_connector(connector: Connector) -> Iterator[str]:
    number = {"connector": connector.connector_id}
    held = Reservation.objects.open().filter(connector=connector, expires_at__gt=timezone.now()).order_by("pk").first()
    if held is not None:
        words = {**number, "until": local_text(held.expires_at), "reservation": held}
        yield _("Connector %(connector)s is reserved until %(until)s (%(reservation)s).") % words
    if Transaction.objects.running().filter(connector=connector).exists():
        yield _("A session is running on connector %(connector)s.") % number
    if connector.status in _REFUSING:
        state = connector.get_status_display()
        yield _("Connector %(connector)s: %(state)s.") % {**number, "state": state}
