"""Charging profiles: kept, added up, obeyed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from .central_system import call


def profile(number=1, limit=10.0, unit="A", purpose="TxDefaultProfile", kind="Relative", level=0, periods=None, **more):
    schedule = {
        "charging_rate_unit": unit,
        "charging_schedule_period": periods or [{"start_period": 0, "limit": limit}],
        **more.pop("schedule", {}),
    }
    return {
        "charging_profile_id": number,
        "stack_level": level,
        "charging_profile_purpose": purpose,
        "charging_profile_kind": kind,
        "charging_schedule": schedule,
        **more,
    }


@pytest.fixture
def limit(central, cp):
    async def limit(connector_id=1, **wished) -> str:
        request = call.SetChargingProfile(connector_id=connector_id, cs_charging_profiles=profile(**wished))
        return (await central.sends("SIM-1", request)).status

    return limit


@pytest.fixture
def composite(central, cp):
    async def composite(connector_id=1, duration=3600, unit="A") -> list[tuple[int, float]]:
        request = call.GetCompositeSchedule(connector_id=connector_id, duration=duration, charging_rate_unit=unit)
        schedule = (await central.sends("SIM-1", request)).charging_schedule
        assert (schedule["charging_rate_unit"], schedule["duration"]) == (unit, duration)
        return [(period["start_period"], float(period["limit"])) for period in schedule["charging_schedule_period"]]

    return composite


async def test_without_profiles_it_is_the_hardware(composite):
    assert await composite(unit="W") == [(0, 11_000)]
    assert await composite(connector_id=0, unit="W") == [(0, 22_000)]


async def test_units(limit, composite):
    assert await limit(limit=10.0) == "Accepted"
    assert (await composite(), await composite(unit="W")) == ([(0, 10.0)], [(0, 6900)])
    assert await limit(limit=4600.0, unit="W") == "Accepted"
    assert await composite() == [(0, 6.7)]
    assert await limit(periods=[{"start_period": 0, "limit": 16.0, "number_phases": 1}]) == "Accepted"
    assert await composite(unit="W") == [(0, 3680)]


async def test_periods_and_an_end(limit, composite):
    periods = [{"start_period": 0, "limit": 10.0}, {"start_period": 600, "limit": 8.1}]
    assert await limit(periods=periods, schedule={"duration": 1200}) == "Accepted"
    [(_, first), (second_at, second), (third_at, third)] = await composite()

    assert (first, second, third) == (10.0, 8.1, 15.9)
    assert (second_at, third_at) == (600, 1200)


async def test_the_higher_level_goes_first_and_the_connector_before_the_station(limit, composite):
    await limit(number=1, limit=6.0, level=0)
    await limit(number=2, limit=12.0, level=1)
    await limit(connector_id=0, number=3, limit=8.0)

    assert (await composite(1), await composite(2)) == ([(0, 12.0)], [(0, 8.0)])


async def test_the_same_id_or_the_same_place_replaces(cp, limit, composite):
    await limit(number=1, limit=6.0)
    await limit(number=2, limit=7.0)
    await limit(number=2, limit=8.0, connector_id=2)

    assert (await composite(1), await composite(2)) == ([(0, 15.9)], [(0, 8.0)])


async def test_absolute_and_recurring_schedules(cp, limit, composite):
    begin = cp.pace.now() + timedelta(minutes=10)
    await limit(kind="Absolute", schedule={"start_schedule": begin.isoformat()})
    [(_, before), (at, after)] = await composite()
    assert (before, after) == (15.9, 10.0)
    assert at == pytest.approx(600, abs=2)

    yesterday = begin - timedelta(days=1)
    times = {"start_schedule": yesterday.isoformat(), "duration": 300}
    await limit(kind="Recurring", recurrency_kind="Daily", schedule=times)
    assert [limit for _, limit in await composite()] == [15.9, 10.0, 15.9]


async def test_validity(cp, limit, composite):
    now = cp.pace.now()
    await limit(
        valid_from=(now + timedelta(minutes=10)).isoformat(), valid_to=(now + timedelta(minutes=20)).isoformat()
    )

    assert [limit for _, limit in await composite()] == [15.9, 10.0, 15.9]


async def test_a_cap_for_the_station_is_shared(cp, limit, composite):
    assert await limit(connector_id=0, purpose="ChargePointMaxProfile", limit=11_000.0, unit="W") == "Accepted"
    assert await composite(0, unit="W") == [(0, 11_000)]
    await cp.start(1)
    await cp.start(2)

    assert await composite(1, unit="W") == [(0, 5500)]


async def test_what_it_refuses(cp, limit):
    assert await limit(connector_id=9) == "Rejected"
    assert await limit(connector_id=1, purpose="ChargePointMaxProfile") == "Rejected"
    assert await limit(purpose="TxProfile") == "Rejected"
    assert await limit(level=99) == "Rejected"
    assert await limit(kind="Recurring") == "Rejected"
    assert await limit(periods=[{"start_period": 5, "limit": 10.0}]) == "Rejected"
    cp.configuration.set("ChargingScheduleAllowedChargingRateUnit", "Current")
    assert await limit(unit="W") == "Rejected"
    cp.configuration.set("MaxChargingProfilesInstalled", "1")
    assert await limit(number=1) == "Accepted"
    assert await limit(number=2, level=1) == "Rejected"
    assert await limit(number=2) == "Accepted"


async def test_a_transaction_s_profile_goes_with_it(cp, limit, composite):
    transaction = await cp.start(1)
    assert await limit(purpose="TxProfile", transaction_id=1) == "Rejected"
    assert await limit(purpose="TxProfile", transaction_id=transaction.transaction_id, limit=8.0) == "Accepted"
    assert await composite() == [(0, 8.0)]
    await cp.stop(1)

    assert await composite() == [(0, 15.9)]


async def test_a_remote_start_brings_its_profile(central, cp, composite):
    request = call.RemoteStartTransaction(
        id_tag="APP", connector_id=1, charging_profile=profile(purpose="TxProfile", limit=9.0)
    )
    wrong = call.RemoteStartTransaction(id_tag="APP", connector_id=2, charging_profile=profile())
    assert (await central.sends("SIM-1", wrong)).status == "Rejected"
    assert (await central.sends("SIM-1", request)).status == "Accepted"
    await central.hears("StatusNotification", connectorId=1, status="Charging")
    await central.hears("MeterValues")

    assert await composite() == [(0, 9.0)]


async def test_zero_suspends_and_clearing_resumes(central, cp, limit):
    await cp.start(1)
    await limit(limit=0.0)
    await central.hears("StatusNotification", connectorId=1, status="SuspendedEVSE")
    cleared = await central.sends("SIM-1", call.ClearChargingProfile(id=1))
    await central.hears("StatusNotification", connectorId=1, status="Charging", times=2)
    unknown = await central.sends("SIM-1", call.ClearChargingProfile(id=1))

    assert (cleared.status, unknown.status) == ("Accepted", "Unknown")


async def test_less_than_6_a_is_nothing_and_power_follows_the_limit(cp, limit):
    await cp.start(1)
    await limit(limit=10.0)
    meter = cp.connectors[1].meter
    meter.advance(cp.pace.elapsed_s() + 60)
    assert 6700 < meter.power_w <= 6900
    assert [value["value"] for value in meter.sampled_values(["Current.Offered"], "Trigger")] == ["10.0"]
    await limit(limit=5.9)
    meter.advance(cp.pace.elapsed_s() + 120)
    assert (meter.power_w, cp.connectors[1].status) == (0, "SuspendedEVSE")


async def test_clearing_by_filter(central, limit, composite):
    async def clear(**wanted) -> str:
        return (await central.sends("SIM-1", call.ClearChargingProfile(**wanted))).status

    await limit(number=1, connector_id=1)
    await limit(number=2, connector_id=2)
    await limit(number=3, connector_id=0, purpose="ChargePointMaxProfile", limit=20.0)
    assert await clear(connector_id=0, charging_profile_purpose="TxDefaultProfile") == "Unknown"
    assert await clear(connector_id=0) == "Accepted"
    assert await clear(stack_level=1) == "Unknown"
    assert await clear(connector_id=1, stack_level=0) == "Accepted"
    assert await clear() == "Accepted"
    assert await composite(2) == [(0, 15.9)]


async def test_an_unknown_connector_has_no_schedule(central, cp):
    answer = await central.sends("SIM-1", call.GetCompositeSchedule(connector_id=9, duration=60))

    assert (answer.status, answer.charging_schedule) == ("Rejected", None)
