"""What a station says it will do beside what we believe it does (GetCompositeSchedule, OCPP 1.6 §5.7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from stations import changes
from stations.commands import Origin, queue_command
from stations.models import ChargePoint, Command

from . import belief
from .models import CompositeReading
from .schedule import Period, Unit, at_second

#: A limit that differs by less is the same: stations round, and reckon with volts of their own.
_SMALL = {"A": Decimal("0.1"), "W": Decimal(23)}
_SMALL_PART = Decimal("0.01")
#: A difference that lasts less is one of clocks.
_SHORT = timedelta(minutes=1)
#: A station whose clock is further off begins its schedule at a moment of its own.
_CLOCK_TOLERANCE = timedelta(hours=1)
#: Nobody plans further ahead, and some stations answer with a duration of 68 years.
LONGEST_S = 7 * 86_400
#: What a column holds.
_MOST_S = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Difference:
    """From `begin` until `end` the station says something else than we expect; None: we know of no limit."""

    begin: datetime
    end: datetime
    expected: Decimal | None
    reported: Decimal


def ask(
    charge_point: ChargePoint,
    connector_id: int,
    *,
    duration_s: int = 86_400,
    unit: Unit,
    origin: Origin,
    idempotency_key: str = "",
) -> Command:
    """Ask a station for the limits of the seconds to come; what it answers becomes a `CompositeReading`."""
    payload = {"connectorId": connector_id, "duration": min(duration_s, LONGEST_S), "chargingRateUnit": unit}
    return queue_command(charge_point, "GetCompositeSchedule", payload, origin=origin, idempotency_key=idempotency_key)


def record(
    command: Command,
    *,
    connector_id: int | None,
    starts_at: datetime | None,
    schedule: dict[str, Any] | None,
    at: datetime,
) -> CompositeReading | None:
    """Keep what a station answered; None if it named no limit, which some do that accept the question.

    `schedule` is chargingSchedule. It begins when the station says, unless its clock is off: then when it was asked.
    """
    if schedule is None or not schedule["chargingSchedulePeriod"]:
        return None
    asked_at = command.sent_at or at
    is_sound = starts_at is not None and abs(starts_at - asked_at) <= _CLOCK_TOLERANCE
    duration_s = schedule.get("duration") or command.payload["duration"]  # of a station it may be any number
    reading, _created = CompositeReading.objects.get_or_create(
        command=command,
        defaults={
            "charge_point_id": command.charge_point_id,
            "connector_id": command.payload.get("connectorId", 0) if connector_id is None else connector_id,
            "starts_at": starts_at if starts_at is not None and is_sound else asked_at,
            "duration_s": min(max(duration_s, 0), _MOST_S),
            "unit": schedule["chargingRateUnit"],
            "schedule": schedule,
            "read_at": at,
        },
    )
    changes.note(changes.station(command.charge_point_id), "profiles")
    return reading


def reported(reading: CompositeReading) -> list[Period]:
    """What the station said, as periods from `reading.starts_at` on."""
    periods = [
        Period(period["startPeriod"], Decimal(str(period["limit"])), period.get("numberPhases") or 3)
        for period in reading.schedule["chargingSchedulePeriod"]
    ]
    return sorted(periods, key=lambda period: period.start)


def expected(reading: CompositeReading) -> list[Period]:
    """What we believed at the time of the reading, in its unit and over its window."""
    unit: Unit = "W" if reading.unit == "W" else "A"
    return belief.expected(
        reading.charge_point,
        reading.connector_id,
        at=reading.read_at,
        begin=reading.starts_at,
        duration_s=window_s(reading),
        unit=unit,
    )


def window_s(reading: CompositeReading) -> int:
    """How much of a reading is looked at."""
    return min(reading.duration_s, LONGEST_S)


def differences(reading: CompositeReading) -> list[Difference]:
    """Where the station says something else than we believe, in order.

    Less than 0.1 A (23 W) or 1 % is no difference, and nothing that lasts less than a minute. Where we know of no limit
    the station's own maximum is none either: its highest limit in this reading is taken for that.
    """
    runs: list[list[Difference]] = []
    for difference in _differing(reading):
        if runs and runs[-1][-1].end == difference.begin:
            runs[-1].append(difference)
        else:
            runs.append([difference])
    return [one for run in runs if run[-1].end - run[0].begin >= _SHORT for one in run]


def _differing(reading: CompositeReading) -> Iterator[Difference]:
    told, believed, end = reported(reading), expected(reading), window_s(reading)
    first = max(told[0].start, 0)
    if first >= end:
        return
    starts = sorted({first, *(period.start for period in (*told, *believed) if first < period.start < end)})
    highest = max(period.limit for period in told if period.limit is not None)
    for start, until in zip(starts, [*starts[1:], end], strict=True):
        says, expects = at_second(told, start).limit, at_second(believed, start).limit
        if says is not None and _differ(reading.unit, highest if expects is None else expects, says):
            begin, end_of_it = (reading.starts_at + timedelta(seconds=second) for second in (start, until))
            yield Difference(begin, end_of_it, expects, says)


def _differ(unit: str, expects: Decimal, says: Decimal) -> bool:
    return abs(expects - says) > max(_SMALL[unit], abs(expects) * _SMALL_PART)
