"""Certificates of stations are renewed before they end: we ask, the station makes a key and a request (A02)."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Q

from stations.commands import SYSTEM, CommandRefused, Origin, queue_command
from stations.models import ChargePoint, Command, ConfigurationKey
from stations.one_by_one import each

from .models import SigningRequest

OPERATOR_KEY = "CpoName"
#: One that is away when its turn has come is asked when it returns, or tomorrow again.
EVERY = timedelta(days=1)
_RENEWAL = "certificate renewal"


@transaction.atomic
def ask(
    charge_point: ChargePoint,
    *,
    origin: Origin = SYSTEM,
    valid_until: datetime | None = None,
    idempotency_key: str = "",
) -> Command:
    """Make the station send a request for a certificate; before that it learns the operator's name for it.

    Returns the ExtendedTriggerMessage. Raises CommandRefused.
    """
    known = ConfigurationKey.objects.filter(charge_point=charge_point, key__iexact=OPERATOR_KEY)
    if not known.filter(value=settings.OPERATOR_NAME).exists():
        queue_command(
            charge_point,
            "ChangeConfiguration",
            {"key": OPERATOR_KEY, "value": settings.OPERATOR_NAME},
            origin=origin,
            valid_until=valid_until,
            idempotency_key=idempotency_key and f"{idempotency_key} {OPERATOR_KEY}",
        )
    return queue_command(
        charge_point,
        "ExtendedTriggerMessage",
        {"requestedMessage": "SignChargePointCertificate"},
        origin=origin,
        valid_until=valid_until,
        idempotency_key=idempotency_key,
    )


def renew_due(now: datetime) -> int:
    """Ask every station whose certificate ends soon, once a day; how many were asked. For the clock."""
    return each(_due(now), lambda station: _renew(station, now))


def _due(now: datetime) -> list[ChargePoint]:
    """Stations whose last certificate ends within the time for renewals, and that have no request on its way."""
    held = Q(certificates__delivered_at__isnull=False) | Q(certificates__used_at__isnull=False)
    stations = ChargePoint.objects.filter(held, certificates__revoked_at=None, archived_at=None)
    soon = now + timedelta(days=settings.CERTIFICATE_RENEWAL_DAYS)
    ending = stations.annotate(ends_at=Max("certificates__not_after")).filter(ends_at__gt=now, ends_at__lte=soon)
    busy = SigningRequest.objects.filter(ended_at=None).values("charge_point")
    asked = Command.objects.filter(idempotency_key=_RENEWAL, created_at__gt=now - EVERY).values("charge_point")
    return list(ending.exclude(pk__in=busy).exclude(pk__in=asked).order_by("pk"))


def _renew(charge_point: ChargePoint, now: datetime) -> bool:
    try:
        ask(charge_point, valid_until=now + EVERY, idempotency_key=_RENEWAL)
    except CommandRefused:  # archived since
        return False
    return True
