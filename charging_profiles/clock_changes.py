"""Profiles that keep to the clock on the wall are sent again when the clocks change: stations repeat every 24 hours."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from django.utils import timezone

from stations.commands import SYSTEM
from stations.models import RegistrationStatus
from stations.one_by_one import each

from .assignments import tell_again
from .belief import profile_of
from .models import ACTIVE_STATES, Assignment
from .payloads import moment
from .schedule import offset_changes, wall_clock_start

#: A station that is away hears it when it comes back within this.
_PATIENCE = timedelta(days=1)
#: More than a year: where clocks change at all, they have changed since.
_LOOK_BACK = timedelta(days=400)
_SECOND = timedelta(seconds=1)


def resend_due(now: datetime) -> int:
    """Send the profiles whose days begin at another moment by now; returns how many.

    The rows tell what each station was told and when: nothing depends on a process being awake at the change. What goes
    out is what the station holds, also where the library's profile was changed since. One that a station refuses, or
    does not hear, is tried again the next day.
    """
    changes = offset_changes(timezone.get_default_timezone(), now - _LOOK_BACK, now + _SECOND)
    if not changes:
        return 0
    rows = Assignment.objects.filter(
        ended_at=None,
        asked_at__lt=changes[-1],
        state__in=ACTIVE_STATES,
        profile__follows_clock=True,
        charge_point__archived_at=None,
        charge_point__registration_status=RegistrationStatus.ACCEPTED,
    )
    due = [(row, start) for row in rows.select_related("profile") if (start := _new_start(row, now)) is not None]
    return each(due, partial(_resend, now=now))


def _new_start(assignment: Assignment, now: datetime) -> datetime | None:
    """Where its day or week begins by the clock; None if the station has that beginning, or none any more."""
    told = profile_of(assignment)
    start, zone, every = told.schedule.start, told.clock, told.every
    is_over = told.valid_to is not None and told.valid_to <= now
    if start is None or zone is None or every is None or is_over:
        return None
    wanted = wall_clock_start(start, at=now, zone=zone, every=every, reckoned_at=told.reckoned_at)
    return None if (wanted - start) % every == timedelta(0) else wanted


def _resend(due: tuple[Assignment, datetime], *, now: datetime) -> bool:
    assignment, start = due
    schedule = {**assignment.payload["chargingSchedule"], "startSchedule": moment(start)}
    return tell_again(
        assignment,
        {**assignment.payload, "chargingSchedule": schedule},
        origin=SYSTEM,
        at=now,
        valid_until=now + _PATIENCE,
        idempotency_key=f"clock-{assignment.pk}-{timezone.localtime(now, timezone.get_default_timezone()):%z}",
    )
