"""A certificate that lets nobody in any more: at the next handshake, and on the line that was opened with it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from stations import bell, changes
from stations.commands import SYSTEM
from stations.models import SecurityProfile

from .models import StationCertificate
from .requests import TOPIC

#: The bell may be lost: for this long the clock rings it again.
RINGS_FOR = timedelta(hours=1)


@transaction.atomic
def revoke(
    certificate: StationCertificate, *, reason: str = StationCertificate.Revocation.LOST, by: User | None = None
) -> bool:
    """Refuse a certificate from now on and end the line that was opened with it; False if it was revoked before.

    `reason` is one of StationCertificate.Revocation.
    """
    now = timezone.now()
    revoked = StationCertificate.objects.filter(pk=certificate.pk, revoked_at=None).update(
        revoked_at=now, revocation=reason, revoked_by=(SYSTEM.name if by is None else by.get_username())[:150]
    )
    certificate.refresh_from_db()
    changes.note(changes.station(certificate.charge_point_id), TOPIC)
    _end_lines(now, only=certificate.pk)
    return revoked == 1


def end_lines(now: datetime) -> int:
    """End lines that are still open with a revoked certificate; how many. For the clock."""
    return _end_lines(now)


def _end_lines(now: datetime, *, only: int | None = None) -> int:
    """The line of profile 3 that a station opened when it last used the certificate."""
    revoked = StationCertificate.objects.filter(
        revoked_at__gt=now - RINGS_FOR,
        charge_point__security_profile=SecurityProfile.CERTIFICATE,
        charge_point__gateway__isnull=False,
        last_used_at__gte=F("charge_point__connected_at"),
    ).exclude(charge_point__connection="")
    rows = revoked if only is None else revoked.filter(pk=only)
    lines = set(rows.values_list("charge_point_id", "charge_point__connection", "charge_point__gateway__channel"))
    for station, connection, channel in lines:
        bell.ring(channel, {"type": "socket.revoked", "station": station, "connection": connection})
    return len(lines)
