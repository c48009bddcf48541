"""Schedules that keep to the clock on the wall, though stations repeat them every 24 hours."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

#: Two changes of an offset are further apart than this, everywhere.
_LOOK_EVERY = timedelta(hours=12)
_SECOND = timedelta(seconds=1)


def wall_clock_start(
    start: datetime, *, at: datetime, zone: tzinfo, every: timedelta, reckoned_at: datetime | None = None
) -> datetime:
    """The startSchedule that a station must have at `at`, so that its periods begin as the clock in `zone` says.

    The schedule began at `start` and repeats `every` day or week by that clock. The answer is the beginning of the
    repetition that is under way, counted with the offset that holds at `at`: at noon of the day on which clocks go
    forward at two, a day that began at midnight began twelve hours ago, not eleven. So an hour that the clock skips
    is skipped, and one that it strikes twice counts twice. Until `start` that is the answer.

    A `start` that is itself such an answer was reckoned with the offset of the moment it was given for, `reckoned_at`.
    """
    if at <= start:
        return start
    passed = at - start + _offset(zone, at) - _offset(zone, reckoned_at or start)
    return start if passed < timedelta(0) else at - passed % every


def offset_changes(zone: tzinfo, begin: datetime, end: datetime) -> list[datetime]:
    """The moments after `begin` and before `end`, whole seconds, at which clocks in `zone` go forward or back."""
    changes = []
    before, end = begin.replace(microsecond=0), end.replace(microsecond=0)
    while before < end:
        after = min(before + _LOOK_EVERY, end)
        if _offset(zone, before) != _offset(zone, after) and (change := _change(zone, before, after)) < end:
            changes.append(change)
        before = after
    return changes


def _change(zone: tzinfo, before: datetime, after: datetime) -> datetime:
    """The first second of the new offset: `before` has the old one, `after` the new."""
    while after - before > _SECOND:
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if _offset(zone, middle) == _offset(zone, before):
            before = middle
        else:
            after = middle
    return after


def _offset(zone: tzinfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)
