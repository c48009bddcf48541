"""One profile in time: what it says at a moment, and when that may change. All in whole seconds since 1970 (UTC).

Numbers, because a schedule may begin in the year 9999 and last for 68 years more: no datetime holds that.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise

from .model import Limit, Profile
from .wall_clock import offset_changes, wall_clock_start


def seconds(moment: datetime) -> int:
    """A moment as a number; fractions of a second are cut off."""
    return int(moment.timestamp() // 1)


def limit_at(profile: Profile, at: int, session_start: int) -> Limit | None:
    """The limit of a profile at a moment, None where it says nothing.

    `session_start` is when a relative schedule begins, and one that names no start (§7.13).
    """
    if not _is_valid(profile, at):
        return None
    schedule = profile.schedule
    passed = at - _start(profile, at, session_start)
    if passed < 0 or (schedule.duration is not None and passed >= schedule.duration):
        return None
    period = next((period for period in reversed(schedule.periods) if period.start <= passed), None)
    if period is None or period.limit is None:
        return None
    return Limit(period.limit, schedule.unit, period.phases)


def changes(profile: Profile, begin: int, end: int, session_start: int) -> set[int]:
    """The moments after `begin` and before `end` at which `limit_at` may change."""
    schedule = profile.schedule
    offsets = [period.start for period in schedule.periods]
    if schedule.duration is not None:
        offsets.append(schedule.duration)
    moments = {seconds(moment) for moment in (profile.valid_from, profile.valid_to) if moment is not None}
    bounds = [begin, *_clock_changes(profile, begin, end), end]
    moments.update(bounds)
    for since, until in pairwise(bounds):
        for start in _starts(profile, since, until, session_start):
            moments.update(start + offset for offset in offsets if since <= start + offset < until)
    return {moment for moment in moments if begin < moment < end}


def _is_valid(profile: Profile, at: int) -> bool:
    if profile.valid_from is not None and at < seconds(profile.valid_from):
        return False
    return profile.valid_to is None or at < seconds(profile.valid_to)


def _first_start(profile: Profile, session_start: int) -> int:
    start = profile.schedule.start
    return session_start if profile.kind == "Relative" or start is None else seconds(start)


def _start(profile: Profile, at: int, session_start: int) -> int:
    """When the schedule, or its repetition that is under way at `at`, began."""
    first, every = _first_start(profile, session_start), profile.every
    if every is None or at < first:
        return first
    if profile.clock is not None:
        reckoned_at = profile.reckoned_at
        return seconds(
            wall_clock_start(_moment(first), at=_moment(at), zone=profile.clock, every=every, reckoned_at=reckoned_at)
        )
    length = int(every.total_seconds())
    return at - (at - first) % length


def _starts(profile: Profile, since: int, until: int, session_start: int) -> Iterator[int]:
    """The beginning that counts at `since`, and those until `until`; between them the clocks do not change."""
    start = _start(profile, since, session_start)
    yield start
    if profile.every is not None:
        length = int(profile.every.total_seconds())
        yield from range(start + length, until, length)


def _clock_changes(profile: Profile, begin: int, end: int) -> list[int]:
    if profile.clock is None or profile.every is None:
        return []
    return [seconds(change) for change in offset_changes(profile.clock, _moment(begin), _moment(end))]


def _moment(number: int) -> datetime:
    return datetime.fromtimestamp(number, UTC)
