"""A profile of the library by itself, over a day, a week, or from its beginning on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from django.utils import timezone
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from charging_profiles.schedule import Period, Profile, Schedule, steps

from .amounts import span
from .drawing import Drawing, Layer, Step, steps_of
from .shapes import DAY_S, Shape

HOUR_S = 3600
#: Midnight of a Monday in a zone whose clock is never changed.
_MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
#: Marks on the time axis, for a telephone too.
MAX_TICKS = 5
_TICK_HOURS = (1, 2, 3, 6, 12, 24, 48, 96, 168, 336, 720, 1440, 2160, 8760)


def drawing_of(shape: Shape) -> Drawing:
    """What the profile says if nothing else does: round the clock for one that is repeated, else from its beginning."""
    length_s = shape.cycle_s or _length(shape)
    layer = Layer(_("Limit"), _steps(shape, length_s), "result")
    place = _place(shape)
    ticks = [(second, _tick(shape, second)) for second in marks(length_s)]
    return Drawing("profile", shape.unit, length_s, [layer], place, ticks)


def marks(length_s: int) -> list[int]:
    """Seconds at which the time axis is marked; days of a week each."""
    if length_s == 7 * DAY_S:
        return [day * DAY_S for day in range(7)]
    every = next((hours for hours in _TICK_HOURS if length_s <= hours * HOUR_S * MAX_TICKS), _TICK_HOURS[-1])
    return list(range(0, length_s + 1, every * HOUR_S))


def _length(shape: Shape) -> int:
    """Long enough to see the last step, a day at least where nothing ends it."""
    if shape.duration_s is not None:
        return max(shape.duration_s, HOUR_S)
    last = max((row.start for row in shape.limits), default=0)
    return max(DAY_S, -(-(last + 4 * HOUR_S) // HOUR_S) * HOUR_S)


def _steps(shape: Shape, length_s: int) -> list[Step]:
    """Over a day or a week in which no clock is changed, or from the beginning on."""
    cycle_s = shape.cycle_s
    start = _MONDAY if cycle_s is None else _MONDAY + timedelta(seconds=shape.offset_s - cycle_s)
    schedule = Schedule(
        unit="W" if shape.unit == "W" else "A",
        periods=tuple(Period(row.start, row.limit) for row in shape.limits),
        start=start,
        duration=shape.duration_s,
    )
    profile = Profile(
        connector_id=1,
        profile_id=0,
        purpose="TxDefaultProfile",
        stack_level=0,
        kind="Absolute" if cycle_s is None else "Recurring",
        recurrency={"daily": "Daily", "weekly": "Weekly"}.get(shape.rhythm),  # type: ignore[arg-type]
        schedule=schedule,
    )
    return steps_of(steps(profile, begin=_MONDAY, duration_s=length_s, unit=schedule.unit), length_s)


def _place(shape: Shape) -> Callable[[int], str]:
    if shape.cycle_s is not None:
        return lambda second: _on_the_clock(shape, second)
    if shape.begins is None:
        return span
    begins = shape.begins
    return lambda second: _short(begins, second, with_day=True)


def _tick(shape: Shape, second: int) -> str:
    if shape.rhythm == "weekly":
        return str(WEEKDAYS_ABBR[second // DAY_S % 7])
    if shape.begins is not None and shape.rhythm == "once":
        return _short(shape.begins, second, with_day=_length(shape) > 2 * DAY_S)
    return _on_the_clock(shape, second) if shape.cycle_s else span(second)


def _on_the_clock(shape: Shape, second: int) -> str:
    day, within = divmod(second, DAY_S)
    if within == 0 and second and second == shape.cycle_s:
        day, within = day - 1, DAY_S
    time = f"{within // HOUR_S:02}:{within // 60 % 60:02}"
    return f"{WEEKDAYS_ABBR[day % 7]} {time}" if shape.rhythm == "weekly" else time


def _short(begins: datetime, second: int, *, with_day: bool) -> str:
    local = timezone.localtime(begins + timedelta(seconds=second))
    return date_format(local, "j. M H:i") if with_day else f"{local:%H:%M}"
