"""A session's readings for a chart, its signed values."""

from __future__ import annotations

from datetime import timedelta

import pytest

from transactions import readings
from transactions.models import MeterValue
from transactions.samples import Sample

from .conftest import NOON, minute, reading, stored

pytestmark = pytest.mark.django_db


@pytest.fixture
def running(station, tag):
    station.now = NOON
    return station.starts()[0]


def test_points_are_what_was_sent_with_energy_since_the_start(station, running):
    station.meters(
        reading(minute(1), 1500, Sample("7.2", measurand="Power.Active.Import", unit="kW")),
        reading(minute(2), 1620, Sample("48", measurand="SoC", unit="Percent")),
        transaction=running,
    )
    first, second = readings.points(running)
    assert (first.at, first.energy_wh, first.power_w) == (minute(1), 500, 7200)
    assert (second.energy_wh, second.power_w, second.soc_percent) == (620, None, 48)


def test_a_register_of_the_session_begins_at_nothing(station, tag):
    started, _verdict = station.starts(meter_start_wh=1_000_000)
    station.meters(reading(minute(1), 0), reading(minute(2), 300), transaction=started)
    assert [point.energy_wh for point in readings.points(started)] == [0, 300]


def test_a_register_of_the_session_may_pass_a_small_meter_start(station, tag):
    started, _verdict = station.starts(meter_start_wh=300)
    station.meters(*(reading(minute(15 * n), 2750 * n) for n in range(4)), transaction=started)
    assert [point.energy_wh for point in readings.points(started)] == [0, 2750, 5500, 8250]


def test_the_meters_own_register_beside_the_sessions_says_the_same(station, tag):
    """What names the session begins at 0, what comes by the clock is the meter's life."""
    started, _verdict = station.starts(meter_start_wh=400_000)
    station.meters(reading(minute(0), 400_000, context="Sample.Clock"))
    station.meters(reading(minute(1), 0), reading(minute(2), 100), transaction=started)
    station.meters(reading(minute(3), 400_200, context="Sample.Clock"))
    station.meters(reading(minute(4), 300), transaction=started)
    points = readings.points(started)
    assert [point.energy_wh for point in points] == [0, 0, 100, 200, 300]
    assert [point.power_w for point in points] == [None, 0, 6000, 6000, 6000]
    assert stored(started).energy_wh == 300


def test_a_register_that_begins_anew_in_the_middle_counts_on(station, running):
    station.now = minute(10)
    station.meters(
        reading(minute(1), 1500), reading(minute(2), 20), reading(minute(3), 120), reading(minute(9), 980),
        reading(minute(10), 1100), transaction=running,
    )  # fmt: skip
    assert [point.energy_wh for point in readings.points(stored(running))] == [500, 500, 600, 1460, 1580]
    assert stored(running).energy_wh == 1580


def test_power_comes_from_the_register_where_none_is_sent(station, running):
    station.meters(*(reading(minute(n), 1000 + 100 * n) for n in range(3)), transaction=running)
    assert [point.power_w for point in readings.points(running)] == [None, 6000, 6000]


def test_many_readings_are_drawn_together(running):
    MeterValue.objects.bulk_create(
        MeterValue(
            connector=running.connector,
            transaction=running,
            timestamp=NOON + timedelta(seconds=n),
            energy_wh=1000 + n,
            power_w=n % 2 * 1000,
        )
        for n in range(1201)
    )
    points = readings.points(running)
    assert len(points) == 401
    assert points[-1].energy_wh == 1200
    assert points[0].at == NOON + timedelta(seconds=2)
    assert {round(point.power_w) for point in points[:-1]} == {333, 667}


def test_a_session_without_readings_has_no_points(running):
    assert readings.points(running) == []


# Signed values


def test_signed_values_are_found_untouched(station, running):
    ocmf = 'OCMF|{"FV":"1.0","RD":[]}|{"SD":"3046…"}'
    signed = Sample(ocmf, format="SignedData", context="Transaction.Begin")
    station.meters(reading(minute(1), 1500, signed), transaction=running)
    found = readings.signed_values(running)
    assert [(value.sample.value, value.context) for value in found] == [(ocmf, "Transaction.Begin")]
    stored = MeterValue.objects.get(pk=found[0].meter_value_id)
    assert stored.samples[found[0].position]["value"] == ocmf
