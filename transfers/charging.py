"""Which stations charge now: while they do, a campaign does not begin an update, and an update may wait."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from stations.models import ChargePointStatus, Connector
from transactions.models import Transaction

_AT_WORK = (ChargePointStatus.CHARGING, ChargePointStatus.SUSPENDED_EV, ChargePointStatus.SUSPENDED_EVSE)


def charging_connectors() -> QuerySet[Connector]:
    """Outlets with a car that charges or is paused, and those with a session unless the car has left."""
    session = Exists(Transaction.objects.running().filter(connector=OuterRef("pk")))
    has_left = Q(status=ChargePointStatus.AVAILABLE)
    return Connector.objects.filter(Q(status__in=_AT_WORK) | (Q(session) & ~has_left), connector_id__gt=0)


def is_charging(charge_point_id: int) -> bool:
    return charging_connectors().filter(charge_point=charge_point_id).exists()
