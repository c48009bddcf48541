"""Moments in words, in the zone and the language of whoever reads."""

from __future__ import annotations

from datetime import UTC, datetime

from django.utils import timezone
from django.utils.formats import date_format


def local_text(at: datetime, *, seconds: bool = False) -> str:
    """A moment in the reader's zone, or in UTC if that zone has no such moment: a station may say 9999-12-31T23:59Z."""
    try:
        local, zone = timezone.localtime(at), ""
    except OverflowError:
        local, zone = at.astimezone(UTC), " UTC"
    return f"{date_format(local, 'SHORT_DATE_FORMAT')} {local:{'%H:%M:%S' if seconds else '%H:%M'}}{zone}"
