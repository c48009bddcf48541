"""Ends entered by hand, and stops attached by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import transaction as database
from django.utils import timezone

from stations.write_batch import Names, Stale, write_batch
from transactions.corrections import CannotCorrect, attach_stop, close_by_hand
from transactions.models import Correction, DailyEnergy, EndedBy, Flag, OrphanedStop, Transaction

from .conftest import NOON, energy_of_days, minute, one_batch, reading, stored

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna():
    return User.objects.create_user("anna")


@pytest.fixture
def running(station, tag):
    started, _verdict = station.starts()
    station.meters(reading(minute(10), 4000), transaction=started)
    return started


def close(transaction, by, **entered):
    values = {"stopped_at": minute(60), "meter_stop_wh": 5000, "reason": "Charger was scrapped"}
    return close_by_hand(transaction.pk, by=by, **{**values, **entered})


def test_a_session_closed_by_hand_has_its_end_and_keeps_what_was_before(running, anna):
    correction = close(running, anna)
    row = stored(running)
    assert (row.ended_by, row.stopped_at, row.meter_stop_wh, row.energy_wh) == ("operator", minute(60), 5000, 4000)
    assert row.flags == [Flag.STOP_MISSING]
    assert (correction.made_by, correction.actor, correction.reason) == (anna, "anna", "Charger was scrapped")
    assert (correction.stopped_at, correction.meter_stop_wh, correction.energy_wh) == (minute(60), 5000, 4000)
    before = (correction.stopped_at_before, correction.meter_stop_wh_before, correction.energy_wh_before)
    assert before == (None, None, 3000)
    assert correction.ended_by_before == EndedBy.OPEN
    assert energy_of_days() == 4000


def test_without_a_final_reading_the_last_one_counts(running, anna):
    close(running, anna, meter_stop_wh=None)
    row = stored(running)
    assert (row.meter_stop_wh, row.energy_wh, energy_of_days()) == (4000, 3000, 3000)


def test_the_end_can_be_corrected_again_and_every_step_stays(running, anna):
    close(running, anna)
    close(running, anna, meter_stop_wh=2000, stopped_at=minute(20))
    row = stored(running)
    assert (row.stopped_at, row.energy_wh, energy_of_days()) == (minute(20), 1000, 1000)
    steps = Correction.objects.values_list("energy_wh_before", "energy_wh", "ended_by_before")
    assert list(steps) == [(3000, 4000, ""), (4000, 1000, "operator")]


def test_a_superseded_session_can_be_corrected(station, running, anna):
    station.starts(timestamp=minute(90), meter_start_wh=9000)
    assert stored(running).ended_by == EndedBy.SUPERSEDED
    correction = close(running, anna)
    assert correction.ended_by_before == EndedBy.SUPERSEDED
    assert (stored(running).ended_by, stored(running).energy_wh) == (EndedBy.OPERATOR, 4000)


def test_the_last_reading_counts_also_where_the_next_start_was_lower(station, running, anna):
    station.starts(timestamp=minute(90), meter_start_wh=1500)
    assert (stored(running).meter_stop_wh, stored(running).energy_wh) == (1500, 500)
    for entered in (None, 2000, None):
        close(running, anna, meter_stop_wh=entered)
        row = stored(running)
        assert row.energy_wh == row.meter_stop_wh - 1000 == (entered or 4000) - 1000
    assert energy_of_days() == 3000


def test_the_charger_s_own_stop_comes_later_and_wins_but_the_correction_stays(station, running, anna):
    close(running, anna)
    station.stops(running, meter_stop_wh=8000, timestamp=minute(70))
    row = stored(running)
    assert (row.ended_by, row.stopped_at, row.meter_stop_wh, row.energy_wh) == ("station", minute(70), 8000, 7000)
    assert row.flags == []
    assert energy_of_days() == 7000
    assert Correction.objects.get().meter_stop_wh == 5000
    with pytest.raises(CannotCorrect):
        close(running, anna)


def test_readings_after_the_end_are_stored_and_change_nothing(station, running, anna):
    close(running, anna)
    station.meters(reading(minute(65), 6000), transaction=running)
    assert (stored(running).energy_wh, running.meter_values.count()) == (4000, 2)


def test_the_gateway_notices_that_a_session_it_remembers_was_closed(
    station, running, anna, django_capture_on_commit_callbacks
):
    memory: dict = {}

    def meter(at, register_wh):
        names = [Names(station.charge_point.pk, "MeterValues", running.pk)]
        with django_capture_on_commit_callbacks(execute=True), database.atomic(), write_batch(names, memory):
            station.meters(reading(at, register_wh), transaction=running)

    meter(minute(20), 4500)
    close(running, anna)
    with pytest.raises(Stale):
        meter(minute(30), 6000)
    memory.clear()
    meter(minute(30), 6000)
    assert stored(running).energy_wh == 4000


@pytest.mark.parametrize(
    ("entered", "field"),
    [
        ({"stopped_at": NOON - timedelta(seconds=1)}, "stopped_at"),
        ({"stopped_at": timezone.now() + timedelta(days=365 * 30)}, "stopped_at"),
        ({"meter_stop_wh": 999}, "meter_stop_wh"),
        ({"meter_stop_wh": 10**15}, "meter_stop_wh"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changes(running, anna, entered, field):
    with pytest.raises(CannotCorrect) as refusal:
        close(running, anna, **entered)
    assert refusal.value.field == field
    assert stored(running).is_running
    assert not Correction.objects.exists()


def test_after_a_fall_of_the_meter_the_final_reading_may_be_below_the_first(station, running, anna):
    station.meters(reading(minute(20), 200), transaction=running)
    assert Flag.METER_RESET in stored(running).flags
    close(running, anna, meter_stop_wh=700)
    assert stored(running).energy_wh == 3000 + 500


def test_energy_is_counted_on_the_day_of_the_end(station, running, anna):
    close(running, anna, stopped_at=minute(36 * 60))
    assert list(DailyEnergy.objects.order_by("day").values_list("energy_wh", flat=True)) == [3000, 1000]


def days() -> dict[str, int]:
    return {str(day): wh for day, wh in DailyEnergy.objects.order_by("day").values_list("day", "energy_wh") if wh}


def test_an_end_corrected_again_moves_its_energy_to_the_new_day(running, anna):
    close(running, anna, stopped_at=minute(31 * 24 * 60), meter_stop_wh=9000)  # of the wrong month
    close(running, anna, stopped_at=minute(24 * 60), meter_stop_wh=5000)
    assert days() == {"2026-03-10": 3000, "2026-03-11": 1000}
    close(running, anna, stopped_at=minute(60), meter_stop_wh=None)
    assert (days(), stored(running).energy_wh) == ({"2026-03-10": 3000}, 3000)


@pytest.mark.parametrize(("meter_stop_wh", "energy_wh"), [(8000, 7000), (None, 4000)])
def test_the_charger_s_own_stop_brings_the_energy_to_its_day(station, running, anna, meter_stop_wh, energy_wh):
    close(running, anna, stopped_at=minute(24 * 60))
    station.stops(running, meter_stop_wh=meter_stop_wh, timestamp=minute(70))
    assert (days(), stored(running).energy_wh) == ({"2026-03-10": energy_wh}, energy_wh)


def test_energy_that_the_next_start_takes_back_is_taken_from_the_day_it_was_counted_on(station, running):
    station.starts(timestamp=minute(24 * 60), meter_start_wh=3500)
    assert (days(), stored(running).energy_wh) == ({"2026-03-10": 2500}, 2500)


def test_a_stop_is_attached_and_taken_back(station, running):
    station.stops(999)
    stop = OrphanedStop.objects.get()
    attach_stop(stop.pk, running.pk)
    assert OrphanedStop.objects.get().transaction == running
    assert stored(running).is_running
    attach_stop(stop.pk, None)
    assert OrphanedStop.objects.get().transaction is None


def test_a_stop_stays_with_its_charger(station, neighbour, running, tag):
    theirs, _verdict = neighbour.starts()
    station.stops(999)
    for number in (theirs.pk, 2**31 - 1):
        with pytest.raises(CannotCorrect):
            attach_stop(OrphanedStop.objects.get().pk, number)
    assert OrphanedStop.objects.get().transaction is None


def test_inside_a_batch_the_same_instances_are_changed(station, running, anna):
    with one_batch():
        close(running, anna)
        station.meters(reading(minute(62), 7000), transaction=running)
    assert (stored(running).energy_wh, Transaction.objects.running().count()) == (4000, 0)
