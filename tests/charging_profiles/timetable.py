"""A shorthand for profiles and what they come to: `"0:00 16, 8:00 10/1"` is 16 A, after eight hours 10 A on one phase.

`-` means no limit. Hours count from noon of Tuesday, 10 March 2026 (UTC), when the window begins too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from charging_profiles.schedule import Kind, Period, Profile, Schedule

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
SESSION = 7


def hour(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


def periods(text: str) -> list[Period]:
    return [_period(part.strip()) for part in text.split(",")]


def _period(text: str) -> Period:
    clock, limit = text.split()
    hours, minutes, seconds = (int(part) for part in f"{clock}:00".split(":")[:3])
    rate, _slash, phases = limit.partition("/")
    start = hours * 3600 + minutes * 60 + seconds
    return Period(start, None if rate == "-" else Decimal(rate), int(phases or 3))


def written(found: Sequence[Period]) -> str:
    """The same shorthand for what was found, for a legible failure."""
    return ", ".join(_written(period) for period in found)


def _written(period: Period) -> str:
    minutes, seconds = divmod(period.start, 60)
    clock = f"{minutes // 60}:{minutes % 60:02}" + (f":{seconds:02}" if seconds else "")
    if period.limit is None:
        return f"{clock} -"
    return f"{clock} {period.limit.normalize():f}" + ("" if period.phases == 3 else f"/{period.phases}")


def _profile(kind: Kind, text: str, start: float | datetime | None, **more: Any) -> Profile:
    """`lasts`, `start`, `valid_from` and `valid_to` in hours from noon, or as moments; a default of connector 1."""
    lasts = more.pop("lasts", None)
    for name in ("valid_from", "valid_to"):
        if name in more:
            more[name] = hour(more[name])
    schedule = Schedule(
        unit=more.pop("unit", "A"),
        periods=tuple(periods(text)),
        start=start if isinstance(start, datetime) or start is None else hour(start),
        duration=None if lasts is None else round(lasts * 3600),
    )
    place = {"connector_id": 1, "purpose": "TxDefaultProfile", "stack_level": 0, "profile_id": 1}
    return Profile(kind=kind, schedule=schedule, **{**place, **more})


def absolute(text: str, start: float | datetime | None = 0, **more: Any) -> Profile:
    return _profile("Absolute", text, start, **more)


def daily(text: str, start: float | datetime | None = -12, **more: Any) -> Profile:
    """From midnight on, if nothing else is said."""
    return _profile("Recurring", text, start, recurrency="Daily", **more)


def weekly(text: str, start: float | datetime, **more: Any) -> Profile:
    return _profile("Recurring", text, start, recurrency="Weekly", **more)


def relative(text: str, **more: Any) -> Profile:
    return _profile("Relative", text, None, **more)


def cap(profile: Profile, connector_id: int = 0) -> Profile:
    return replace(profile, purpose="ChargePointMaxProfile", connector_id=connector_id)


def everywhere(profile: Profile) -> Profile:
    """The default of all connectors."""
    return replace(profile, connector_id=0)


def of_session(profile: Profile, number: int | None = SESSION) -> Profile:
    return replace(profile, purpose="TxProfile", transaction_id=number)


def level(stack_level: int, profile: Profile) -> Profile:
    return replace(profile, stack_level=stack_level)
