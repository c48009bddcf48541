"""What a connector does now, by what its charger sent last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from stations.models import Connector
from transactions.models import AuthorizationStatus, MeterValue, Transaction
from transactions.now import Now, now_of

from ..conftest import make_station

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


@pytest.fixture
def connector() -> Connector:
    return Connector.objects.create(charge_point=make_station(), connector_id=1, status="Charging", status_at=ago(60))


def start(connector: Connector, **fields: Any) -> Transaction:
    usual = {
        "id_tag": "CAFE", "authorization_status": AuthorizationStatus.ACCEPTED, "started_at": ago(60),
        "start_reported_at": ago(60), "start_received_at": ago(60), "meter_start_wh": 0, "register_wh": 0,
        "register_at": ago(60),
    }  # fmt: skip
    return Transaction.objects.create(charge_point=connector.charge_point, connector=connector, **{**usual, **fields})


@pytest.fixture
def session(connector: Connector) -> Transaction:
    return start(connector)


def read(session: Transaction, at: datetime, context: str = "Sample.Periodic", **values: Any) -> None:
    MeterValue.objects.create(connector=session.connector, transaction=session, timestamp=at, context=context, **values)


def now(session: Transaction) -> Now:
    [state] = now_of([session.connector_id], at=NOW).values()
    return state


def test_what_was_sent_is_what_is(session: Transaction) -> None:
    read(session, ago(2), power_w=7000, soc_percent=79)
    read(
        session, ago(1), energy_wh=6420, power_w="11040.4", current_l1_a="15.9", current_l2_a=16, current_l3_a=0,
        voltage_l1_v="229.5", voltage_l2_v=231, soc_percent=81, current_offered_a=32,
    )  # fmt: skip
    assert now(session) == Now(
        transaction_id=session.pk,
        power_w=11040,
        current_a=16.0,
        phases_a=(15.9, 16.0, 0.0),
        voltage_v=229.5,
        soc_percent=81.0,
        current_offered_a=32.0,
        at=ago(1),
    )


def test_measurands_may_come_one_by_one(session: Transaction) -> None:
    read(session, ago(1), power_w=11040)
    read(session, ago(1.01), current_a=16)
    read(session, ago(1.02), voltage_v=230)
    read(session, ago(1.03), soc_percent=81)
    state = now(session)
    assert (state.power_w, state.current_a, state.voltage_v, state.soc_percent) == (11040, 16.0, 230.0, 81.0)


def test_power_zero_is_a_power(session: Transaction) -> None:
    read(session, ago(1), power_w=0, current_a=16, voltage_v=230)
    assert now(session).power_w == 0


def test_only_running_sessions_count(connector: Connector, session: Transaction) -> None:
    read(session, ago(1), power_w=11040)
    Transaction.objects.filter(pk=session.pk).update(ended_by="station")
    assert now_of([connector.pk], at=NOW) == {}
    assert now_of([], at=NOW) == {}


def test_a_session_without_readings(session: Transaction) -> None:
    assert now(session) == Now(session.pk)


def test_of_two_open_sessions_the_newer_counts(connector: Connector, session: Transaction) -> None:
    read(session, ago(1), power_w=11040)
    newer = start(connector, meter_start_wh=5)
    read(newer, ago(1), power_w=3000)
    assert now(session) == Now(newer.pk, power_w=3000, at=ago(1))


class TestWithoutPower:
    def test_the_register_tells(self, session: Transaction) -> None:
        read(session, ago(2), energy_wh=1000)
        read(session, ago(1), energy_wh=1184)
        assert now(session).power_w == 11040

    def test_readings_of_one_moment_are_no_step(self, session: Transaction) -> None:
        read(session, ago(2), energy_wh=1000)
        read(session, ago(1) - timedelta(seconds=1), energy_wh=1183)
        read(session, ago(1), energy_wh=1184)
        assert now(session).power_w == 11040

    def test_a_register_that_stands_still_is_no_power(self, session: Transaction) -> None:
        read(session, ago(2), energy_wh=1000)
        read(session, ago(1), energy_wh=1000)
        assert now(session).power_w == 0

    def test_a_register_that_fell_tells_nothing(self, session: Transaction) -> None:
        read(session, ago(2), energy_wh=1000)
        read(session, ago(1), energy_wh=10)
        assert now(session).power_w is None

    def test_from_one_register_to_the_other_is_no_step(self, connector: Connector) -> None:
        """Of the session in what names it, the meter's own by the clock."""
        session = start(connector, meter_start_wh=400_000)
        read(session, ago(3), energy_wh=1000)
        read(session, ago(2), energy_wh=1184)
        read(session, ago(1), "Sample.Clock", energy_wh=401_300)
        assert now(session).power_w == 11040
        read(session, ago(0.5), energy_wh=1460)
        assert now(session).power_w == 11040

    def test_a_step_of_an_hour_is_history(self, session: Transaction) -> None:
        read(session, ago(61), energy_wh=0)
        read(session, ago(1), energy_wh=11040)
        assert now(session).power_w is None

    def test_one_reading_is_no_step(self, session: Transaction) -> None:
        read(session, ago(1), energy_wh=1000)
        assert now(session).power_w is None

    def test_the_register_counts_more_than_a_power_of_long_before(self, session: Transaction) -> None:
        read(session, ago(10), "Transaction.Begin", power_w=0, energy_wh=0)
        read(session, ago(2), energy_wh=1000)
        read(session, ago(1), energy_wh=1184)
        assert now(session).power_w == 11040

    @pytest.mark.parametrize(
        ("values", "power_w"),
        [
            ({"current_a": 16, "voltage_v": 230}, 3680),
            ({"current_l1_a": 16, "current_l2_a": 16, "current_l3_a": 16, "voltage_v": 230}, 11040),
            ({"current_l1_a": 16, "current_l2_a": 10, "voltage_l1_v": 230, "voltage_l2_v": 220}, 5880),
            ({"current_l1_a": 16, "current_l2_a": 10, "voltage_l1_v": 230}, 5980),
            ({"current_l1_a": 0, "voltage_l1_v": 230}, 0),
            ({"current_a": 16}, None),
            ({"voltage_v": 230}, None),
        ],
    )
    def test_currents_times_voltages(self, session: Transaction, values: dict[str, int], power_w: int | None) -> None:
        read(session, ago(1), **values)
        assert now(session).power_w == power_w


class TestOldReadings:
    @pytest.mark.parametrize(("minutes", "power_w"), [(14.9, 11040), (15.1, None)])
    def test_tell_for_a_quarter_of_an_hour(self, session: Transaction, minutes: float, power_w: int | None) -> None:
        read(session, ago(minutes), power_w=11040)
        assert now(session).power_w == power_w

    @pytest.mark.parametrize(("minutes", "power_w"), [(44, 11040), (46, None)])
    def test_of_a_slow_charger_for_three_of_its_intervals(
        self, session: Transaction, minutes: float, power_w: int | None
    ) -> None:
        read(session, ago(minutes + 15), power_w=5000)
        read(session, ago(minutes), power_w=11040)
        assert now(session).power_w == power_w

    @pytest.mark.parametrize(("minutes", "power_w"), [(1, 11040), (20, None)])
    @pytest.mark.parametrize("clock", [datetime(1970, 1, 1, tzinfo=UTC), NOW + timedelta(hours=2)])
    def test_of_a_wrong_clock_go_by_when_the_register_moved(
        self, connector: Connector, clock: datetime, minutes: float, power_w: int | None
    ) -> None:
        session = start(connector, started_at=ago(60), start_reported_at=clock, register_at=ago(minutes))
        read(session, clock, power_w=11040)
        assert now(session).power_w == power_w

    @pytest.mark.parametrize(("minutes", "power_w"), [(1, 11040), (20, None)])
    def test_of_a_clock_that_is_behind_are_as_late_as_the_start(
        self, connector: Connector, minutes: float, power_w: int | None
    ) -> None:
        session = start(connector, started_at=ago(60 + 300), start_received_at=ago(60), register_at=ago(300))
        read(session, ago(300 + minutes), power_w=11040)
        assert now(session).power_w == power_w


@pytest.mark.parametrize("status", ["SuspendedEV", "SuspendedEVSE", "Finishing", "Available", "Faulted"])
def test_a_power_from_before_the_pause_is_none(connector: Connector, session: Transaction, status: str) -> None:
    read(session, ago(2), power_w=11040, current_a=16, soc_percent=81)
    Connector.objects.filter(pk=connector.pk).update(status=status, status_at=ago(1))
    assert (now(session).power_w, now(session).current_a, now(session).soc_percent) == (None, None, 81.0)
    read(session, ago(0.5), power_w=40)
    assert now(session).power_w == 40


def test_two_queries_for_any_number(session: Transaction) -> None:
    connectors = [session.connector_id]
    for number in range(20):
        connector = Connector.objects.create(charge_point=make_station(f"M{number}"), connector_id=1)
        read(start(connector), ago(1), power_w=number)
        connectors.append(connector.pk)
    with CaptureQueriesContext(connections["default"]) as queries:
        states = now_of(connectors, at=NOW)
    assert len(queries) == 2
    assert sum(state.power_w or 0 for state in states.values()) == sum(range(20))
