"""What a profile looks like, wherever it comes from: the library, or a payload that a station was sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from charging_profiles.models import ChargingProfile

Rhythm = Literal["daily", "weekly", "once", "session"]

DAY_S = 86_400
_CYCLES_S = {"daily": DAY_S, "weekly": 7 * DAY_S}


class Limit(NamedTuple):
    """From `start` seconds after the beginning on; `phases` None: as many as there are."""

    start: int
    limit: Decimal
    phases: int | None = None


@dataclass(frozen=True)
class Shape:
    """`begins` is when it first began, None where it begins with a session. Limits are in order of their start."""

    unit: str
    rhythm: Rhythm
    begins: datetime | None
    duration_s: int | None
    limits: tuple[Limit, ...]

    @property
    def cycle_s(self) -> int | None:
        """After how many seconds it begins again."""
        return _CYCLES_S.get(self.rhythm)

    @property
    def offset_s(self) -> int:
        """Where on the clock of the installation it begins: seconds after midnight, or after midnight on Monday."""
        if self.begins is None or self.cycle_s is None:
            return 0
        try:
            local = timezone.localtime(self.begins, timezone.get_default_timezone())
        except OverflowError:  # an expert's command may say 9999-12-31T23:59Z
            local = self.begins
        time_s = local.hour * 3600 + local.minute * 60 + local.second
        return time_s + (local.weekday() * DAY_S if self.rhythm == "weekly" else 0)


def rhythm_of(kind: str, recurrency: str) -> Rhythm:
    if kind == "Recurring":
        return "weekly" if recurrency == "Weekly" else "daily"
    return "session" if kind == "Relative" else "once"


def shape_of(profile: ChargingProfile) -> Shape:
    limits = (Limit(row["start"], Decimal(row["limit"]), row.get("phases")) for row in profile.periods)
    rhythm = rhythm_of(profile.kind, profile.recurrency)
    return Shape(
        unit=profile.unit,
        rhythm=rhythm,
        begins=profile.starts_at if profile.follows_clock else _latest(profile.starts_at, rhythm),
        duration_s=profile.duration_s,
        limits=tuple(sorted(limits)),
    )


def shape_of_payload(payload: Mapping[str, Any]) -> Shape:
    """Of csChargingProfiles as it was sent."""
    schedule = payload["chargingSchedule"]
    begins = schedule.get("startSchedule")
    limits = (
        Limit(row["startPeriod"], Decimal(str(row["limit"])), row.get("numberPhases"))
        for row in schedule["chargingSchedulePeriod"]
    )
    rhythm = rhythm_of(payload["chargingProfileKind"], payload.get("recurrencyKind") or "")
    return Shape(
        unit=schedule["chargingRateUnit"],
        rhythm=rhythm,
        begins=_latest(parse_datetime(begins), rhythm) if begins else None,
        duration_s=schedule.get("duration"),
        limits=tuple(sorted(limits)),
    )


def _latest(begins: datetime | None, rhythm: Rhythm) -> datetime | None:
    """The newest beginning of what a station repeats every 24 hours, so by another clock in summer than in winter."""
    cycle_s = _CYCLES_S.get(rhythm)
    now = timezone.now()
    if begins is None or cycle_s is None or begins > now:
        return begins
    return now - (now - begins) % timedelta(seconds=cycle_s)


def anchor(rhythm: Rhythm, offset_s: int) -> datetime:
    """A moment in the past at which a profile that is repeated begins, `offset_s` after midnight (of Monday)."""
    zone = timezone.get_default_timezone()
    today = timezone.localdate(timezone=zone)
    first = today - timedelta(days=7 + today.weekday() if rhythm == "weekly" else 1)
    days, time_s = divmod(offset_s, DAY_S)
    naive = datetime.combine(first + timedelta(days=days), datetime.min.time()) + timedelta(seconds=time_s)
    begins = naive.replace(tzinfo=zone)
    if begins.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == naive:
        return begins
    # the clocks were put forward over this time: it would be another one as soon as it is stored
    return begins - timedelta(seconds=_CYCLES_S[rhythm])
