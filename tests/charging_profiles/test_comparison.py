"""GetCompositeSchedule beside what we believe."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from charging_profiles import comparison
from charging_profiles.models import Assignment, CompositeReading, Kind
from stations.commands import SYSTEM, queue_command
from stations.models import ChargePoint, Command

from .conftest import make_profile, online_station
from .timetable import periods, written

pytestmark = pytest.mark.django_db

DAY = [{"start": 0, "limit": "16"}, {"start": 3600, "limit": "10"}, {"start": 7200, "limit": "16"}]


def on_the_wire(text: str) -> list[dict[str, Any]]:
    return [{"startPeriod": period.start, "limit": float(period.limit or 0)} for period in periods(text)]


def schedule(text: str, unit: str = "A", duration: int | None = 86_400) -> dict[str, Any]:
    lasts = {} if duration is None else {"duration": duration}
    return {"chargingRateUnit": unit, "chargingSchedulePeriod": on_the_wire(text), **lasts}


@pytest.fixture
def read(online: ChargePoint) -> Callable[..., CompositeReading]:
    """`read("0:00 16")`: what the station answers, a second after what it was given last."""

    def read(text: str, unit: str = "A", connector_id: int = 1, duration_s: int = 86_400) -> CompositeReading:
        now = timezone.now() + timedelta(seconds=1)
        return CompositeReading.objects.create(
            charge_point=online,
            connector_id=connector_id,
            starts_at=now,
            duration_s=duration_s,
            unit=unit,
            schedule=schedule(text, unit),
            read_at=now,
        )

    return read


def found(reading: CompositeReading) -> list[tuple[float, float, Decimal | None, Decimal]]:
    """Differences with their times in seconds from the beginning."""
    return [
        (
            (one.begin - reading.starts_at).total_seconds(),
            (one.end - reading.starts_at).total_seconds(),
            one.expected,
            one.reported,
        )
        for one in comparison.differences(reading)
    ]


@pytest.fixture
def steps(give: Callable[..., Assignment]) -> Assignment:
    """16 A, after an hour 10 A for an hour, as if a session began now."""
    return give(make_profile(kind=Kind.RELATIVE, periods=DAY))


# Asking


def test_the_question(online: ChargePoint) -> None:
    command = comparison.ask(online, 1, duration_s=3600, unit="W", origin=SYSTEM)
    assert (command.action, command.payload) == (
        "GetCompositeSchedule",
        {"connectorId": 1, "duration": 3600, "chargingRateUnit": "W"},
    )
    assert comparison.ask(online, 1, duration_s=10**9, unit="A", origin=SYSTEM).payload["duration"] == 604_800


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("scheduled", [True, False])
async def test_an_answer_becomes_a_reading(cp: Any, station: ChargePoint, ended: Any, scheduled: bool) -> None:
    command = await sync_to_async(comparison.ask)(station, 1, duration_s=3600, unit="A", origin=SYSTEM)
    call = await cp.expects("GetCompositeSchedule", connectorId=1, duration=3600, chargingRateUnit="A")
    start = (timezone.now() - timedelta(seconds=30)).replace(microsecond=0)
    plan = {"scheduleStart": start.isoformat(), "chargingSchedule": schedule("0:00 16, 0:30 10", duration=1800)}
    await call.replies(status="Accepted", connectorId=1, **(plan if scheduled else {}))
    await ended(command)
    readings = [reading async for reading in CompositeReading.objects.all()]
    assert len(readings) == int(scheduled)
    if scheduled:
        reading = readings[0]
        assert (reading.connector_id, reading.starts_at, reading.duration_s) == (1, start, 1800)
        assert (reading.unit, reading.command_id) == ("A", command.pk)
        assert written(comparison.reported(reading)) == "0:00 16, 0:30 10"


@pytest.mark.django_db(transaction=True)
async def test_an_answer_without_any_limit_says_nothing(cp: Any, station: ChargePoint, ended: Any) -> None:
    command = await sync_to_async(comparison.ask)(station, 1, duration_s=3600, unit="A", origin=SYSTEM)
    empty = {"chargingRateUnit": "A", "chargingSchedulePeriod": [], "duration": 3600}
    await (await cp.hears()).replies(status="Accepted", connectorId=1, chargingSchedule=empty)
    await ended(command)
    assert not await CompositeReading.objects.aexists()
    await command.arefresh_from_db()
    assert (command.status, command.answer["chargingSchedule"]) == ("accepted", empty)


@pytest.mark.django_db(transaction=True)
async def test_a_refusal_does_not(cp: Any, station: ChargePoint, ended: Any) -> None:
    command = await sync_to_async(comparison.ask)(station, 9, duration_s=3600, unit="A", origin=SYSTEM)
    await (await cp.hears()).replies(status="Rejected")
    await ended(command)
    assert not await CompositeReading.objects.aexists()


def test_a_station_whose_clock_is_off_begins_when_it_was_asked(online: ChargePoint) -> None:
    command = queue_command(online, "GetCompositeSchedule", {"connectorId": 1, "duration": 3600})
    Command.objects.filter(pk=command.pk).update(sent_at=timezone.now())
    command.refresh_from_db()
    reading = comparison.record(
        command,
        connector_id=None,
        starts_at=timezone.now() - timedelta(days=9000),
        schedule=schedule("0:00 16", duration=None),
        at=timezone.now(),
    )
    assert reading is not None
    assert (reading.starts_at, reading.duration_s, reading.connector_id) == (command.sent_at, 3600, 1)


@pytest.mark.parametrize(("says", "kept"), [(2**40, 2**31 - 1), (-5, 0), (0, 3600)])
def test_a_duration_that_no_column_holds(online: ChargePoint, says: int, kept: int) -> None:
    command = queue_command(online, "GetCompositeSchedule", {"connectorId": 1, "duration": 3600})
    plan = schedule("0:00 16", duration=says)
    reading = comparison.record(command, connector_id=1, starts_at=None, schedule=plan, at=timezone.now())
    assert reading is not None
    assert reading.duration_s == kept
    assert comparison.differences(reading) == []


# Comparing


def test_it_does_as_it_was_told(steps: Assignment, read: Callable[..., CompositeReading]) -> None:
    assert found(read("0:00 16, 1:00 10, 2:00 16")) == []


def test_the_same_in_watts(steps: Assignment, read: Callable[..., CompositeReading]) -> None:
    assert found(read("0:00 11040, 1:00 6900, 2:00 11040", "W")) == []


@pytest.mark.parametrize("limit", ["15.9", "16.1", "15.84", "16.16"])
def test_a_tenth_or_a_hundredth_is_nothing(
    steps: Assignment, read: Callable[..., CompositeReading], limit: str
) -> None:
    assert found(read(f"0:00 {limit}, 1:00 10, 2:00 16")) == []


def test_it_has_forgotten_an_hour(steps: Assignment, read: Callable[..., CompositeReading]) -> None:
    assert found(read("0:00 16")) == [(3600, 7200, Decimal(10), Decimal(16))]


def test_it_does_something_else(steps: Assignment, read: Callable[..., CompositeReading]) -> None:
    assert found(read("0:00 6")) == [
        (0, 3600, Decimal(16), Decimal(6)),
        (3600, 7200, Decimal(10), Decimal(6)),
        (7200, 86_400, Decimal(16), Decimal(6)),
    ]


@pytest.mark.parametrize(("text", "seconds"), [("0:00 16, 1:00:40 10, 2:00 16", 0), ("0:00 16, 1:02 10, 2:00 16", 120)])
def test_a_few_seconds_are_the_clocks(
    steps: Assignment, read: Callable[..., CompositeReading], text: str, seconds: int
) -> None:
    assert sum(until - since for since, until, *_limits in found(read(text))) == seconds


def test_what_it_does_not_report_is_not_compared(steps: Assignment, read: Callable[..., CompositeReading]) -> None:
    assert found(read("0:00 16", duration_s=3000)) == []


def test_its_own_maximum_is_no_difference(online: ChargePoint, read: Callable[..., CompositeReading]) -> None:
    assert found(read("0:00 32")) == []


def test_a_limit_that_we_know_nothing_of(online: ChargePoint, read: Callable[..., CompositeReading]) -> None:
    assert found(read("0:00 32, 5:00 8, 6:00 32")) == [(18_000, 21_600, None, Decimal(8))]


def test_less_than_it_was_allowed(give: Callable[..., Assignment], read: Callable[..., CompositeReading]) -> None:
    give(make_profile(kind=Kind.RELATIVE, periods=[{"start": 0, "limit": "63"}]))
    assert found(read("0:00 32")) == [(0, 86_400, Decimal(63), Decimal(32))]


def test_a_reading_is_judged_by_what_was_believed_then(
    online: ChargePoint, steps: Assignment, read: Callable[..., CompositeReading]
) -> None:
    reading = read("0:00 16, 1:00 10, 2:00 16")
    Assignment.objects.update(state="cleared", ended_at=timezone.now() + timedelta(minutes=5))
    assert found(reading) == []


def test_a_station_that_plans_for_68_years(online: ChargePoint, read: Callable[..., CompositeReading]) -> None:
    assert comparison.window_s(read("0:00 16", duration_s=2**31 - 1)) == 604_800


def test_a_plan_that_began_before_it_was_asked_for(steps: Assignment, read: Callable[..., CompositeReading]) -> None:
    reading = read("0:00 16, 1:00 10, 2:00 16")
    reading.schedule["chargingSchedulePeriod"][0]["startPeriod"] = -60
    assert found(reading) == []


def test_a_plan_that_begins_after_its_window(steps: Assignment, read: Callable[..., CompositeReading]) -> None:
    reading = read("0:00 6")
    reading.schedule["chargingSchedulePeriod"][0]["startPeriod"] = 10**15
    assert found(reading) == []


def test_two_stations_are_not_mixed_up(steps: Assignment, read: Callable[..., CompositeReading]) -> None:
    reading = read("0:00 16")
    reading.charge_point = online_station("CP2")
    assert found(reading) == []
