"""Sessions as stations tell them: starts, readings, stops, replays and lies (OCPP 1.6 §4.7, §4.8, §4.10)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from zoneinfo import ZoneInfo

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from stations.models import ChargePoint, Connector
from transactions import services
from transactions.clock import local_day
from transactions.models import DailyEnergy, IdTag, IdTagGroup, MeterValue, OrphanedStop, Reservation, Transaction
from transactions.samples import Sample

from .conftest import NOON, TalkingStation, energy_of_days, minute, one_batch, reading, registers, stored


class TestStart:
    def test_a_known_tag_starts_a_transaction(self, station, tag):
        transaction, verdict = station.starts("cafe", timestamp=NOON, meter_start_wh=1000)
        row = stored(transaction)
        assert verdict.is_accepted
        assert (row.id_tag, row.tag, row.authorization_status, row.flags) == ("cafe", tag, "Accepted", [])
        assert (row.started_at, row.start_reported_at, row.start_received_at) == (NOON, NOON, station.now)
        assert (row.meter_start_wh, row.register_wh, row.register_at, row.energy_wh) == (1000, 1000, NOON, 0)
        assert (row.is_running, row.connector.connector_id) == (True, 1)

    @pytest.mark.parametrize(
        ("fields", "status"), [(None, "Invalid"), ({"blocked": True}, "Blocked"), ({"expires_at": NOON}, "Expired")]
    )
    def test_a_refused_tag_gets_a_real_transaction(self, station, fields, status):  # L11, L12, L13
        if fields is not None:
            IdTag.objects.create(id_tag="CAFE", **fields)
        transaction, verdict = station.starts()
        assert (verdict.status, transaction.authorization_status) == (status, status)
        assert transaction.pk > 0
        assert stored(transaction).flags == ["unauthorized"]

    @pytest.mark.parametrize("closed", [False, True])
    def test_a_repeated_start_is_the_same_one(self, station, tag, closed):  # F20, L16
        first, _ = station.starts()
        if closed:
            station.stops(first)
        tag.blocked = True
        tag.save()
        again, verdict = station.starts("cafe", timestamp=NOON.astimezone(ZoneInfo("Asia/Tokyo")))
        assert (again.pk, verdict.status) == (first.pk, "Accepted")
        assert Transaction.objects.count() == 1
        assert stored(first).is_running is not closed

    def test_a_repeated_start_carries_the_group_of_today(self, station, tag):
        station.starts()
        tag.group = IdTagGroup.objects.create(parent_id_tag="FLEET")
        tag.save()
        assert station.starts()[1].parent_id_tag == "FLEET"

    def test_two_hundred_lost_answers_make_no_second_session(self, station, tag):  # F20
        with one_batch([station.charge_point]):
            answers = {(t.pk, v.status) for t, v in (station.starts() for _ in range(200))}
        assert len(answers) == Transaction.objects.count() == 1

    @pytest.mark.parametrize(
        "other",
        [{"id_tag": "BEEF"}, {"timestamp": minute(1)}, {"meter_start_wh": 1001}, {"connector_id": 2}],
    )
    def test_another_start_is_another_transaction(self, station, other):
        first, _ = station.starts()
        assert station.starts(**other)[0].pk != first.pk

    def test_no_timestamp_means_the_arrival(self, station, tag):
        first, _ = station.starts(timestamp=None)
        assert (first.started_at, first.flags) == (station.now, ["no_timestamp"])
        station.now += timedelta(minutes=1)
        assert station.starts("cafe", timestamp=None)[0].pk == first.pk
        assert station.starts("BEEF", timestamp=None)[0].pk != first.pk

    @pytest.mark.parametrize(
        "clock", [datetime(1970, 1, 1, 0, 5, tzinfo=UTC), datetime(2014, 12, 31, tzinfo=UTC), minute(24 * 60 + 6)]
    )
    def test_a_clock_that_is_off_is_flagged_and_not_believed(self, station, tag, clock):  # F28
        transaction, _ = station.starts(timestamp=clock)
        row = stored(transaction)
        assert (row.flags, row.start_reported_at, row.started_at) == (["clock_suspect"], clock, station.now)
        assert station.starts(timestamp=clock)[0].pk == transaction.pk

    @pytest.mark.parametrize("clock", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, tzinfo=UTC)])
    def test_a_time_that_cannot_be_shown_is_none(self, station, tag, clock):
        assert station.starts(timestamp=clock)[0].start_reported_at == station.now

    def test_oddities_are_flagged(self, station):
        transaction, verdict = station.starts("X" * 30, tag_too_long=True, connector_id=0)
        assert stored(transaction).id_tag == "X" * 20
        assert stored(transaction).flags == ["unauthorized", "tag_too_long", "connector_zero"]
        assert verdict.status == "Invalid"

    def test_numbers_rise_and_are_never_given_twice(self, station, tag):  # F32
        numbers = [station.starts(timestamp=minute(n))[0].pk for n in range(3)]
        Transaction.objects.filter(pk=numbers[-1]).delete()
        numbers.append(station.starts(timestamp=minute(9))[0].pk)
        assert numbers == sorted(set(numbers))


class TestSupersede:
    def test_a_new_start_ends_what_was_left_open(self, station, tag):  # F31
        first, _ = station.starts(meter_start_wh=1000)
        station.meters(reading(minute(10), 1800), transaction=first)
        second, _ = station.starts(timestamp=minute(30), meter_start_wh=2500)
        row = stored(first)
        assert (row.ended_by, row.stopped_at, row.stop_reason) == ("superseded", minute(30), "")
        assert (row.meter_stop_wh, row.energy_wh, row.flags) == (1800, 800, ["stop_missing"])
        assert stored(second).is_running
        assert energy_of_days() == 800

    @pytest.mark.parametrize(
        ("last_reading", "next_start", "meter_stop", "energy"),
        [
            (None, 2500, 1000, 0),  # nothing is known to have flowed
            (1800, 1500, 1500, 500),
            (1800, 0, 1800, 800),  # the next counts from 0: a register per session
            (None, 0, 1000, 0),
        ],
    )
    def test_its_meter_stop_is_what_is_certain(self, station, tag, last_reading, next_start, meter_stop, energy):
        first, _ = station.starts(meter_start_wh=1000)
        if last_reading is not None:
            station.meters(reading(minute(10), last_reading), transaction=first)
        station.starts(timestamp=minute(30), meter_start_wh=next_start)
        assert (stored(first).meter_stop_wh, stored(first).energy_wh, energy_of_days()) == (meter_stop, energy, energy)

    def test_the_next_register_from_0_takes_nothing_from_one_from_0(self, station, tag):
        first, _ = station.starts(meter_start_wh=0)
        station.meters(reading(minute(10), 6000), reading(minute(20), 12_000), transaction=first)
        station.starts(timestamp=minute(30), meter_start_wh=0)
        row = stored(first)
        assert (row.ended_by, row.meter_stop_wh, row.energy_wh, energy_of_days()) == (
            "superseded",
            12_000,
            12_000,
            12_000,
        )

    @pytest.mark.parametrize(
        ("meter_start", "registers", "next_start"),
        [
            (0, (7_000_000, 7_000_200), 7_000_300),  # meterStart 0 beside a lifetime register
            (7_000_000, (0, 200), 7_090_000),  # a register of the session; what flowed later is another's
        ],
    )
    def test_it_gets_no_more_than_its_readings_say(self, station, tag, meter_start, registers, next_start):
        first, _ = station.starts(meter_start_wh=meter_start)
        for number, register in enumerate(registers, start=1):
            station.meters(reading(minute(number), register), transaction=first)
        station.starts(timestamp=minute(30), meter_start_wh=next_start)
        assert stored(first).energy_wh == energy_of_days() == 200

    def test_an_old_replay_does_not_close_the_newer_session(self, station, tag):  # L17
        newer, _ = station.starts(timestamp=minute(60), meter_start_wh=5000)
        older, _ = station.starts(timestamp=NOON, meter_start_wh=1000)
        assert stored(newer).is_running
        assert stored(older).is_running
        station.stops(older, timestamp=minute(30), meter_stop_wh=2000)
        assert (stored(older).energy_wh, stored(newer).is_running) == (1000, True)

    def test_other_connectors_go_on(self, station, tag):
        first, _ = station.starts()
        station.starts(connector_id=2, timestamp=minute(1))
        assert stored(first).is_running

    def test_the_late_stop_replaces_our_end(self, station, tag):
        first, _ = station.starts(meter_start_wh=1000)
        station.meters(reading(minute(10), 1800), transaction=first)
        station.starts(timestamp=minute(30), meter_start_wh=2500)
        station.stops(first, timestamp=minute(25), meter_stop_wh=2400, reason="PowerLoss")
        row = stored(first)
        assert (row.ended_by, row.stopped_at, row.meter_stop_wh) == ("station", minute(25), 2400)
        assert (row.stop_reason, row.flags, row.energy_wh) == ("PowerLoss", [], 1400)
        assert energy_of_days() == 1400

    @pytest.mark.parametrize(
        ("end", "meter_stop"),
        [([reading(minute(60), 2500, context="Transaction.End")], 2500), ([], 1800)],
    )
    def test_a_late_stop_without_a_final_reading_has_the_last_one(self, station, tag, end, meter_stop):
        first, _ = station.starts(meter_start_wh=1000)
        station.meters(reading(minute(10), 1800), transaction=first)
        station.starts(timestamp=minute(90), meter_start_wh=1500)
        station.stops(first, timestamp=minute(60), meter_stop_wh=None, readings=end)
        row = stored(first)
        assert (row.ended_by, row.stopped_at, row.flags) == ("station", minute(60), ["no_meter_stop"])
        assert (row.meter_stop_wh, row.energy_wh, energy_of_days()) == (
            meter_stop,
            meter_stop - 1000,
            meter_stop - 1000,
        )

    def test_start_after_start_in_one_batch(self, station, tag):
        with one_batch([station.charge_point]):
            first, _ = station.starts()
            station.meters(reading(minute(5), 1500), transaction=first)
            second, _ = station.starts(timestamp=minute(10), meter_start_wh=1600)
            third, _ = station.starts(timestamp=minute(20), meter_start_wh=1700)
        assert [stored(t).ended_by for t in (first, second, third)] == ["superseded", "superseded", ""]
        assert [stored(t).energy_wh for t in (first, second, third)] == [500, 0, 0]


class TestStop:
    def test_a_session(self, station, tag):  # L18, L20
        started, _ = station.starts(meter_start_wh=1000)
        transaction, verdict = station.stops(started, meter_stop_wh=8000, timestamp=minute(60))
        row = stored(started)
        assert (transaction.pk, verdict) == (started.pk, None)
        assert (row.ended_by, row.stop_reason, row.stop_id_tag, row.flags) == ("station", "Local", "", [])
        assert (row.stopped_at, row.stop_reported_at, row.stop_received_at) == (minute(60), minute(60), station.now)
        assert (row.meter_stop_wh, row.energy_wh, energy_of_days()) == (8000, 7000, 7000)

    def test_any_tag_may_stop_and_hears_its_verdict(self, station, tag):  # L19
        started, _ = station.starts()
        _, verdict = station.stops(started, id_tag="STRANGER")
        assert verdict.status == "Invalid"
        assert (stored(started).ended_by, stored(started).stop_id_tag) == ("station", "STRANGER")

    def test_the_same_stop_again_changes_nothing(self, station, tag):  # F22, L21
        started, _ = station.starts()
        message = {"id_tag": "CAFE", "reason": "Remote", "readings": [reading(minute(30), 1500)]}
        station.stops(started, **message)
        before = _everything()
        for _ in range(5):
            station.now += timedelta(minutes=1)
            assert station.stops(started, **{**message, "id_tag": "cafe"})[0].pk == started.pk
        assert _everything() == before

    def test_the_same_stop_twice_in_one_batch(self, station, tag):
        started, _ = station.starts()
        with one_batch([station.charge_point], [started.pk]):
            station.stops(started)
            station.stops(started)
        assert (stored(started).flags, energy_of_days(), OrphanedStop.objects.count()) == ([], 1000, 0)

    def test_the_same_stop_without_meter_or_time_again(self, station, tag):
        started, _ = station.starts()
        for _ in range(2):
            station.now += timedelta(minutes=1)
            station.stops(started, meter_stop_wh=None, timestamp=None)
        assert stored(started).flags == ["no_timestamp", "no_meter_stop"]

    def test_a_different_second_stop_is_kept_beside_the_first(self, station, tag):
        started, _ = station.starts()
        station.stops(started, meter_stop_wh=2000)
        for _ in range(2):
            station.stops(started, meter_stop_wh=9000, readings=[reading(minute(5), 7)])
        row, orphan = stored(started), OrphanedStop.objects.get()
        assert (row.meter_stop_wh, row.energy_wh, row.flags) == (2000, 1000, ["stop_conflict"])
        assert (orphan.transaction, orphan.meter_stop_wh) == (started, 9000)
        assert orphan.transaction_data == [{"timestamp": minute(5).isoformat(), "sampledValue": [{"value": "7"}]}]
        assert energy_of_days() == 1000

    def test_the_operators_end_is_replaced_too(self, station, tag):
        started, _ = station.starts()
        Transaction.objects.filter(pk=started.pk).update(ended_by="operator", stopped_at=minute(5), meter_stop_wh=1000)
        station.stops(started)
        assert (stored(started).ended_by, stored(started).energy_wh) == ("station", 1000)

    def test_a_reason_we_do_not_know_is_kept_as_text(self, station, tag):
        started, _ = station.starts()
        station.stops(started, reason="CosmicRay" * 10)
        assert stored(started).stop_reason == ("CosmicRay" * 10)[:50]

    def test_a_lower_meter_stop_is_kept_and_flagged(self, station, tag):  # F30
        started, _ = station.starts(meter_start_wh=1000)
        station.stops(started, meter_stop_wh=400)
        row = stored(started)
        assert (row.meter_stop_wh, row.energy_wh, row.flags) == (400, 0, ["meter_lower"])

    def test_a_lower_meter_stop_leaves_the_readings(self, station, tag):  # F30
        started, _ = station.starts(meter_start_wh=1000)
        readings = [reading(minute(10), 1500), reading(minute(20), 0), reading(minute(30), 300)]
        station.stops(started, meter_stop_wh=400, readings=readings)
        assert stored(started).energy_wh == energy_of_days() == 500 + 300 + 100
        assert stored(started).flags == ["meter_reset", "meter_lower"]

    def test_no_meter_stop_is_the_last_reading(self, station, tag):
        started, _ = station.starts(meter_start_wh=1000)
        station.meters(reading(minute(10), 1700), transaction=started)
        station.stops(started, meter_stop_wh=None)
        row = stored(started)
        assert (row.meter_stop_wh, row.energy_wh, row.flags) == (1700, 700, ["no_meter_stop"])

    def test_a_stop_before_the_start_ends_at_its_arrival(self, station, tag):
        started, _ = station.starts()
        station.stops(started, timestamp=minute(-10))
        row = stored(started)
        assert (row.stopped_at, row.stop_reported_at) == (station.now, minute(-10))
        assert row.flags == ["stop_before_start"]

    def test_no_session_is_shorter_than_nothing(self, station, tag):
        started, _ = station.starts(timestamp=station.now + timedelta(minutes=4))
        station.stops(started, timestamp=minute(-10))
        assert stored(started).duration() == timedelta(0)

    @pytest.mark.parametrize("clock", [datetime(1970, 1, 1, tzinfo=UTC), minute(3 * 24 * 60)])
    def test_a_clock_that_is_off_does_not_end_it_in_the_future(self, station, tag, clock):  # F28
        started, _ = station.starts()
        station.stops(started, timestamp=clock)
        row = stored(started)
        assert (row.stopped_at, row.stop_reported_at) == (station.now, clock)
        assert (row.flags, row.energy_wh) == (["clock_suspect"], 1000)

    def test_registers_of_any_size_break_nothing(self, station, tag):
        started, _ = station.starts(meter_start_wh=-(2**63))
        station.stops(started, meter_stop_wh=2**63 - 1)
        assert not stored(started).is_running


class TestOrphans:
    @pytest.mark.parametrize("number", [0, -7, 4711, 2**31, 2**63 - 1, 10**30, -(10**30)])
    def test_a_stop_of_an_unknown_number_is_kept_once(self, station, tag, number):  # F23, quirks 40-43
        for _ in range(3):
            station.now += timedelta(minutes=1)
            assert station.stops(number, id_tag="CAFE", readings=[reading(minute(1), 5)])[0] is None
        orphan = OrphanedStop.objects.get()
        assert (orphan.reported_transaction_id, orphan.id_tag, orphan.reason) == (str(number), "CAFE", "Local")
        assert (orphan.meter_stop_wh, orphan.stopped_at, orphan.transaction) == (2000, minute(60), None)

    def test_a_stop_without_a_time_is_kept_once(self, station):
        for _ in range(3):
            station.now += timedelta(minutes=1)
            station.stops(4711, timestamp=None)
        assert OrphanedStop.objects.count() == 1

    def test_two_stops_of_one_moment_are_both_kept(self, station):  # quirk 42: number 0 is everybody's
        for _ in range(2):
            station.stops(0, meter_stop_wh=2000)
            station.stops(0, meter_stop_wh=3000)
        assert sorted(OrphanedStop.objects.values_list("meter_stop_wh", flat=True)) == [2000, 3000]

    def test_another_stations_number_is_unknown(self, station, neighbour, tag):
        theirs, _ = neighbour.starts()
        assert station.stops(theirs)[0] is None
        station.meters(reading(minute(1), 1500), transaction=theirs)
        assert stored(theirs).is_running
        assert (stored(theirs).energy_wh, OrphanedStop.objects.count()) == (0, 1)
        assert MeterValue.objects.get().reported_transaction_id == str(theirs.pk)


class TestStopWithoutNumber:
    """-1: the station never got the answer to its start (errata 3.18)."""

    def test_it_ends_the_one_it_can_mean(self, station, tag):  # F23, L14
        started, _ = station.starts()
        assert station.stops(-1, id_tag="cafe")[0].pk == started.pk
        assert (stored(started).ended_by, stored(started).flags) == ("station", ["stop_without_id"])

    def test_again_it_changes_nothing(self, station, tag):
        started, _ = station.starts()
        other, _ = station.starts("BEEF", connector_id=2)
        with one_batch([station.charge_point]):
            assert [station.stops(-1, id_tag="CAFE")[0].pk for _ in range(2)] == [started.pk] * 2
        assert station.stops(-1, id_tag="CAFE")[0].pk == started.pk
        assert (stored(other).is_running, OrphanedStop.objects.count()) == (True, 0)

    @pytest.mark.parametrize(
        "said", [{"id_tag": "OTHER"}, {"timestamp": minute(-1)}, {"meter_stop_wh": 999}], ids=["tag", "time", "meter"]
    )
    def test_it_does_not_end_what_it_cannot_mean(self, station, tag, said):
        started, _ = station.starts()
        assert station.stops(-1, **said)[0] is None
        assert (stored(started).is_running, OrphanedStop.objects.count()) == (True, 1)

    def test_between_two_it_does_not_choose(self, station, tag):
        station.starts()
        station.starts(connector_id=2)
        assert station.stops(-1, id_tag="CAFE")[0] is None
        assert (Transaction.objects.running().count(), OrphanedStop.objects.count()) == (2, 1)

    def test_the_neighbours_session_is_not_meant(self, station, neighbour, tag):
        started, _ = neighbour.starts()
        assert station.stops(-1)[0] is None
        assert stored(started).is_running


class TestReadings:
    def test_a_reading_is_stored_and_moves_the_session(self, station, tag):
        started, _ = station.starts(meter_start_wh=1000)
        power = Sample("11.04", measurand="Power.Active.Import", unit="kW")
        heat = Sample("31", measurand="Temperature", unit="Celsius", location="Body")
        station.meters(reading(minute(1), 1180, power, heat), transaction=started)
        row, session = MeterValue.objects.get(), stored(started)
        assert (row.transaction_id, row.connector_id, row.timestamp) == (started.pk, started.connector_id, minute(1))
        assert (row.context, row.energy_wh, row.power_w, row.samples) == ("Sample.Periodic", 1180, 11040, [heat.raw()])
        assert (session.register_wh, session.register_at, session.energy_wh) == (1180, minute(1), 180)
        assert energy_of_days() == 180

    @pytest.mark.parametrize("batched", [False, True])
    def test_repetition_changes_nothing(self, station, tag, batched):  # quirk 46
        started, _ = station.starts(meter_start_wh=1000)
        message = [reading(minute(n), 1000 + 100 * n, Sample("1.5", measurand="RPM")) for n in range(1, 4)]
        station.meters(*message, transaction=started)
        before = _everything()
        if batched:
            with one_batch([station.charge_point], [started.pk]):
                for _ in range(3):
                    station.meters(*message, transaction=started)
        else:
            station.meters(*message, transaction=started)
            station.meters(message[0], transaction=started)
        assert _everything() == before

    @pytest.mark.parametrize("batched", [False, True])
    def test_further_samples_of_a_moment_join_its_row(self, station, tag, batched):
        started, _ = station.starts()
        voltage = Sample("230", measurand="Voltage")
        if batched:
            with one_batch([station.charge_point], [started.pk]):
                station.meters(reading(minute(1), 1100), transaction=started)
                station.meters(reading(minute(1), voltage), transaction=started)
        else:
            station.meters(reading(minute(1), 1100), transaction=started)
            station.meters(reading(minute(1), voltage), transaction=started)
        row = MeterValue.objects.get()
        assert (row.energy_wh, row.voltage_v) == (1100, 230)

    def test_contexts_are_rows_of_their_own(self, station, tag):
        started, _ = station.starts()
        begin, clock = (Sample("1000", context=name) for name in ("Transaction.Begin", "Sample.Clock"))
        station.meters(reading(NOON, begin, clock), transaction=started)
        assert set(MeterValue.objects.values_list("context", flat=True)) == {"Transaction.Begin", "Sample.Clock"}
        assert stored(started).energy_wh == 0

    def test_transaction_data_joins_what_meter_values_brought(self, station, tag):  # L21
        started, _ = station.starts(meter_start_wh=1000)
        station.meters(reading(minute(10), 1500), transaction=started)
        begin, end = (
            reading(NOON, 1000, context="Transaction.Begin"),
            reading(minute(60), 2000, context="Transaction.End"),
        )
        station.stops(started, readings=[begin, reading(minute(10), 1500), end])
        assert registers() == [1000, 1500, 2000]
        assert stored(started).energy_wh == energy_of_days() == 1000

    def test_readings_after_the_stop_are_stored_and_change_nothing(self, station, tag):  # quirks 48, 49
        started, _ = station.starts()
        station.stops(started)
        station.meters(reading(minute(61), 2100), transaction=started)
        assert MeterValue.objects.get().transaction_id == started.pk
        assert (stored(started).is_running, stored(started).energy_wh, energy_of_days()) == (False, 1000, 1000)

    def test_any_number_ever_issued_is_accepted(self, station, tag):  # quirk 45
        first, _ = station.starts()
        station.starts(timestamp=minute(10))
        station.meters(reading(minute(11), 1100), transaction=first)
        assert MeterValue.objects.get().transaction_id == first.pk

    @pytest.mark.parametrize("number", [4711, 1936029036, 2**63 - 1, 10**30])
    def test_an_unknown_number_is_an_orphan(self, station, tag, number):  # F23, quirk 43
        started, _ = station.starts()
        station.meters(reading(minute(1), 1100), transaction=number)
        row = MeterValue.objects.get()
        assert (row.transaction_id, row.reported_transaction_id) == (0, str(number))
        assert stored(started).energy_wh == 0

    @pytest.mark.parametrize("number", [None, 0, -1, -(10**30)])
    def test_without_a_number_they_belong_to_what_runs_there(self, station, tag, number):  # L14, quirk 51
        started, _ = station.starts()
        station.meters(reading(minute(-1), 1000), reading(minute(1), 1100), transaction=number)
        station.meters(reading(minute(1), 1100), transaction=number, connector_id=2)
        rows = MeterValue.objects.order_by("connector", "timestamp").values_list("transaction_id", flat=True)
        assert list(rows) == [0, started.pk, 0]
        assert stored(started).energy_wh == 100

    def test_idle_and_station_readings_are_stored(self, station):  # L23
        clock = reading(NOON, Sample("5", context="Sample.Clock"))
        station.meters(clock, connector_id=0)
        station.meters(clock)
        rows = MeterValue.objects.order_by("connector__connector_id").values_list(
            "connector__connector_id", "energy_wh"
        )
        assert list(rows) == [(0, 5), (1, 5)]

    def test_after_a_replay_readings_belong_to_the_session_of_their_time(self, station, tag):
        newer, _ = station.starts(timestamp=minute(60), meter_start_wh=5000)
        older, _ = station.starts(timestamp=NOON, meter_start_wh=1000)
        station.meters(reading(minute(10), 1100), reading(minute(70), 5200))
        assert (stored(older).energy_wh, stored(newer).energy_wh) == (100, 200)

    def test_no_timestamp_is_the_arrival(self, station):
        station.meters(reading(None, 5))
        assert MeterValue.objects.get().timestamp == station.now

    def test_a_wrong_time_is_kept_and_the_day_is_ours(self, station, tag):
        started, _ = station.starts(timestamp=datetime(1970, 1, 1, tzinfo=UTC))
        clock = datetime(1970, 1, 1, 0, 10, tzinfo=UTC)
        station.meters(reading(clock, 1500), transaction=started)
        assert MeterValue.objects.get().timestamp == clock
        assert (stored(started).energy_wh, DailyEnergy.objects.get().day) == (500, local_day(station.now))

    def test_nothing_in_a_message_is_nothing(self, station):
        station.meters()
        station.meters(reading(NOON))
        assert MeterValue.objects.count() == 0

    def test_readings_in_any_order_are_counted_by_time(self, station, tag):  # quirk 72
        started, _ = station.starts()
        station.meters(reading(minute(2), 1200), reading(minute(1), 1100), transaction=started)
        assert (stored(started).energy_wh, stored(started).flags) == (200, [])

    def test_interval_values_are_no_register(self, station, tag):  # L24
        started, _ = station.starts()
        station.meters(reading(minute(1), Sample("50", measurand="Energy.Active.Import.Interval")), transaction=started)
        assert (stored(started).register_wh, stored(started).energy_wh) == (1000, 0)

    def test_kwh_and_wh_may_mix(self, station, tag):  # L25
        started, _ = station.starts()
        station.meters(reading(minute(1), Sample("1.1", unit="kWh")), reading(minute(2), 1250), transaction=started)
        assert stored(started).energy_wh == 250


class TestRegister:
    def test_a_meter_that_falls_is_flagged_and_counted_in_pieces(self, station, tag):  # F30
        started, _ = station.starts(meter_start_wh=1000)
        for n, register in enumerate((1500, 0, 200), start=1):
            station.meters(reading(minute(n), register), transaction=started)
        row = stored(started)
        assert (row.energy_wh, row.register_wh, row.flags) == (700, 200, ["meter_reset"])
        station.stops(started, meter_stop_wh=1900)
        assert stored(started).energy_wh == energy_of_days() == 900

    def test_a_register_of_the_session_beside_the_meters_own(self, station, tag):  # quirk 62
        started, _ = station.starts(meter_start_wh=7_000_000)
        for n, register in enumerate((0, 150, 300), start=1):
            station.meters(reading(minute(n), register), transaction=started)
            station.meters(reading(minute(n), Sample(str(7_000_000 + register), context="Sample.Clock")))
        assert (stored(started).energy_wh, stored(started).flags) == (300, [])
        station.stops(started, meter_stop_wh=7_000_350)
        assert stored(started).energy_wh == energy_of_days() == 350

    def test_the_meters_own_register_is_no_energy_after_a_while_either(self, station, tag):  # quirk 62
        """Of a meter so young that the step from the session's register to it could have flowed in eight minutes."""
        started, _ = station.starts(meter_start_wh=400_000)
        for quarter in range(4):
            charged = 3000 * quarter
            station.meters(reading(minute(15 * quarter + 7), charged), transaction=started)
            station.meters(reading(minute(15 * quarter + 15), Sample(str(401_500 + charged), context="Sample.Clock")))
        assert (stored(started).energy_wh, energy_of_days(), stored(started).flags) == (9000, 9000, [])
        station.starts(timestamp=minute(90), meter_start_wh=411_000)
        assert stored(started).energy_wh == energy_of_days() == 9000

    def test_meter_start_zero_beside_a_lifetime_register(self, station, tag):
        started, _ = station.starts(meter_start_wh=0)
        station.meters(reading(minute(1), 7_000_000), reading(minute(2), 7_000_200), transaction=started)
        assert stored(started).energy_wh == 200

    def test_two_values_of_one_moment_are_no_reset(self, station, tag):
        started, _ = station.starts()
        station.meters(reading(minute(1), 1101), transaction=started)
        station.meters(reading(minute(1), 1100, context="Sample.Clock"), transaction=started)
        assert (stored(started).energy_wh, stored(started).flags) == (101, [])

    def test_the_days_add_up_to_the_session(self, station, tag, settings):
        settings.TIME_ZONE = "Europe/Berlin"  # midnight is 23:00 UTC
        started, _ = station.starts(timestamp=NOON.replace(hour=22), meter_start_wh=1000)
        station.meters(reading(NOON.replace(hour=22, minute=59), 1600), transaction=started)
        station.meters(reading(NOON.replace(hour=23, minute=1), 1700), transaction=started)
        station.stops(started, timestamp=NOON.replace(hour=23, minute=30), meter_stop_wh=1650)
        days = dict(DailyEnergy.objects.values_list("day", "energy_wh"))
        assert {str(day): energy for day, energy in days.items()} == {"2026-03-10": 600, "2026-03-11": 50}
        assert stored(started).energy_wh == 650

    def test_energy_of_a_batch_is_written_once_and_right(self, station, tag):
        with one_batch([station.charge_point]):
            started, _ = station.starts()
            for n in range(1, 11):
                station.meters(reading(minute(n), 1000 + 10 * n), transaction=started)
            station.stops(started, meter_stop_wh=1111, timestamp=minute(11))
        assert stored(started).energy_wh == energy_of_days() == 111
        assert len(registers()) == 10


class TestReservations:
    @pytest.mark.parametrize("connector_id", [0, 1])
    def test_a_start_uses_its_reservation(self, station, tag, connector_id):  # L32
        reservation = _reservation(station, connector_id)
        started, _ = station.starts(reservation_id=reservation.pk)
        reservation.refresh_from_db()
        assert (reservation.status, reservation.transaction, reservation.ended_at) == ("used", started, NOON)
        assert stored(started).reservation_id == reservation.pk

    @pytest.mark.parametrize("number", [0, -1, None, 2**40])
    def test_no_reservation_of_that_number(self, station, tag, number):  # quirk 50
        reservation = _reservation(station, 1)
        started, _ = station.starts(reservation_id=number)
        reservation.refresh_from_db()
        assert (reservation.status, started.reservation_id) == ("active", 2**40 if number == 2**40 else None)

    def test_another_stations_reservation_stays(self, station, neighbour, tag):
        reservation = _reservation(neighbour, 1)
        station.starts(reservation_id=reservation.pk)
        reservation.refresh_from_db()
        assert reservation.status == "active"

    def test_it_expires_a_minute_after_its_end(self, station):
        reservation = _reservation(station, 1)
        assert services.end_expired_reservations(minute(1)) == 0
        assert [services.end_expired_reservations(minute(2)) for _ in range(2)] == [1, 0]
        reservation.refresh_from_db()
        assert (reservation.status, reservation.ended_at) == ("expired", minute(2))

    @pytest.mark.parametrize(("failing", "ended"), [(0, {0, 1, 2}), (1, {1})])
    def test_a_fault_ends_it(self, station, neighbour, failing, ended):  # L32
        reservations = {number: _reservation(station, number) for number in (0, 1, 2)}
        _reservation(neighbour, 1)
        services.end_reservations(reservations[failing].connector, NOON)
        over = Reservation.objects.filter(status="ended")
        assert set(over.values_list("connector__connector_id", flat=True)) == ended
        assert over.exclude(connector__charge_point=station.charge_point).count() == 0


class TestBatch:
    SIZE = 64

    @pytest.fixture
    def fleet(self, db, tag):
        fleet = [TalkingStation(ChargePoint.objects.create(identity=f"CP{n}")) for n in range(self.SIZE)]
        return [(station, station.starts()[0]) for station in fleet]

    def queries(self, fleet, talk):
        stations, numbers = [s.charge_point for s, _ in fleet], [t.pk for _, t in fleet]
        with CaptureQueriesContext(connection) as context, one_batch(stations, numbers):
            for station, transaction in fleet:
                talk(station, transaction)
        # executemany is logged as "64 times: UPDATE …"
        return [query["sql"].rpartition(" times: ")[2].split()[0] for query in context]

    @pytest.mark.parametrize("named", [True, False])
    def test_meter_values_of_a_batch_take_few_queries(self, fleet, named):
        def at(time, register_wh):
            return lambda station, transaction: station.meters(
                reading(time, register_wh), transaction=transaction if named else None
            )

        few, many = self.queries(fleet[:4], at(minute(1), 1100)), self.queries(fleet, at(minute(2), 1200))
        # transactions, and connectors where a transaction does not name them; that the sums of its month are stale,
        # for it is over; then what changed, readings and days, which is one statement for PostgreSQL
        reads, writes = ["SELECT"] * (1 if named else 2), ["UPDATE", "INSERT", "INSERT"]
        expected = sorted([*reads, "UPDATE", *(["WITH"] if connection.vendor == "postgresql" else writes)])
        for queries in (few, many):
            assert sorted(verb for verb in queries if verb not in ("SAVEPOINT", "RELEASE")) == expected
        assert energy_of_days() == 200 * self.SIZE

    def test_replayed_meter_values_write_nothing(self, fleet):
        def talk(station, transaction):
            station.meters(reading(minute(1), 1100), transaction=transaction)

        self.queries(fleet, talk)
        # the INSERT is how it learns that all of them are stored
        assert set(self.queries(fleet, talk)) == {"SAVEPOINT", "SELECT", "INSERT", "RELEASE"}
        assert len(registers()) == self.SIZE

    def test_stops_of_a_batch_take_few_queries(self, fleet):
        many = self.queries(fleet, lambda station, transaction: station.stops(transaction))
        assert many.count("SELECT") <= 2
        assert Transaction.objects.running().count() == 0

    def test_new_stations_get_their_connectors_once(self, db):  # F27
        fleet = [TalkingStation(ChargePoint.objects.create(identity=f"CP{n}")) for n in range(20)]
        with one_batch([s.charge_point for s in fleet]):
            for number in (0, 1, 2, 1):
                for station in fleet:
                    station.meters(reading(NOON, 5), connector_id=number)
        assert Connector.objects.count() == MeterValue.objects.count() == 60

    def test_a_failing_batch_leaves_nothing(self, station, tag):
        def talk():
            with one_batch([station.charge_point]):
                station.starts()
                station.meters(reading(NOON, 5))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            talk()
        assert (Transaction.objects.count(), MeterValue.objects.count()) == (0, 0)


@pytest.mark.django_db(transaction=True)
class TestTwoProcesses:
    """Two writers at once; each runs what failed again, alone, as the gateway's does."""

    ROUNDS = 10

    def at_once(self, *acts):
        barrier = Barrier(len(acts))

        def run(act):
            barrier.wait()
            try:
                try:
                    with one_batch():
                        return act()
                except DatabaseError:
                    with one_batch():
                        return act()
            finally:
                connection.close()

        with ThreadPoolExecutor(len(acts)) as threads:
            return [future.result() for future in [threads.submit(run, act) for act in acts]]

    def test_the_same_start(self, station, tag):  # F21
        for n in range(self.ROUNDS):
            answers = self.at_once(*[lambda n=n: station.starts(timestamp=minute(n))] * 2)
            assert len({(t.pk, v.status) for t, v in answers}) == 1
        assert Transaction.objects.count() == self.ROUNDS
        assert Transaction.objects.running().count() == 1

    def test_the_same_readings(self, station, tag):
        started, _ = station.starts()
        for n in range(1, self.ROUNDS):
            self.at_once(*[lambda n=n: station.meters(reading(minute(n), 1000 + n), transaction=started)] * 2)
        assert len(registers()) == stored(started).energy_wh == energy_of_days() == self.ROUNDS - 1

    def test_a_reading_and_the_stop(self, station, tag):
        for n in range(self.ROUNDS):
            started, _ = station.starts(connector_id=n + 1)
            self.at_once(
                lambda t=started: station.meters(reading(minute(1), 1100), transaction=t),
                lambda t=started: station.stops(t),
            )
            assert (stored(started).ended_by, stored(started).energy_wh) == ("station", 1000)
        assert energy_of_days() == 1000 * self.ROUNDS

    def test_the_same_orphan(self, station):
        self.at_once(*[lambda: station.stops(4711)] * 2)
        assert OrphanedStop.objects.count() == 1

    def test_expiry(self, station):
        _reservation(station, 1)
        assert sum(self.at_once(*[lambda: services.end_expired_reservations(minute(9))] * 2)) == 1


def test_thousands_of_readings_of_one_moment_take_no_time_squared(station):
    readings = [reading(NOON, n, Sample(f"x{n}")) for n in range(10_000)]
    station.meters(*readings)
    station.meters(*readings)
    row = MeterValue.objects.get()
    assert (row.energy_wh, len(row.samples)) == (0, 19_999)


def test_thousands_of_readings_in_one_stop(station, tag):  # F24, quirk 46
    started, _ = station.starts(meter_start_wh=0)
    readings = [reading(minute(n), n) for n in range(1, 6001)]
    for _ in range(2):
        station.stops(started, meter_stop_wh=6001, timestamp=minute(6001), readings=readings)
    assert (MeterValue.objects.count(), stored(started).energy_wh, energy_of_days()) == (6000, 6001, 6001)


def _everything():
    return [
        list(model.objects.order_by("pk").values())
        for model in (Transaction, MeterValue, DailyEnergy, OrphanedStop, Connector)
    ]


def _reservation(station, connector_id):
    connector, _ = Connector.objects.get_or_create(charge_point=station.charge_point, connector_id=connector_id)
    return Reservation.objects.create(connector=connector, id_tag="CAFE", expires_at=minute(0.5))
