"""What we make of a station's time (OCPP 1.6 §3.14; clocks are wrong before the first boot answer)."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from django.utils import timezone

from stations.services import is_clock_suspect

from .models import Flag


class Moment(NamedTuple):
    """A moment of a message: the station's word (None if it has none), what we believe, and what is odd about it."""

    reported_at: datetime | None
    at: datetime
    flag: Flag | None


def moment_of(timestamp: datetime | None, received_at: datetime) -> Moment:
    """The arrival stands in for a time that is missing, unusable or not to be believed."""
    # the first and the last year cannot be shown in every time zone
    if timestamp is None or not 1 < timestamp.year < 9999:
        return Moment(None, received_at, Flag.NO_TIMESTAMP)
    if is_clock_suspect(timestamp, received_at):
        return Moment(timestamp, received_at, Flag.CLOCK_SUSPECT)
    return Moment(timestamp, timestamp, None)


def local_day(at: datetime) -> date:
    """The day in the installation's time zone, whatever zone a request has activated."""
    return at.astimezone(timezone.get_default_timezone()).date()
