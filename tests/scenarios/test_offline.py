"""Dialogues of a station that was away: power cuts, lost answers, and the queue it brings along (§3.7)."""

from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from stations.models import ChargePoint, Connector
from tests.conftest import make_station
from transactions.models import IdTag, MeterValue, OrphanedStop, Transaction

from .speech import at, meter_value, meters, minute, shows, start, starts, stops, the_session, written


@pytest.fixture
def reconnect(cp, connect):
    """`cp = await reconnect()`: the line was lost and is back; message ids begin anew."""

    async def reconnect():
        await cp.disconnect()
        return await connect(cp.identity)

    return reconnect


async def test_power_fails_and_no_stop_comes(cp, tag, stored, reconnect):
    first = await starts(cp)
    cp = await reconnect()
    await cp.boots()
    await starts(cp, timestamp=at(180), meterStart=4000)
    left_open = await stored(lambda: Transaction.objects.get(pk=first))
    assert (left_open.ended_by, left_open.flags) == ("superseded", ["stop_missing"])


async def test_the_line_comes_back_without_a_boot(cp, tag, stored, reconnect):
    number = await starts(cp)
    cp = await reconnect()
    assert await meters(cp, meter_value(6000, 30), transactionId=number) == {}
    assert await stops(cp, number) == {}
    assert (await stored(the_session)).energy_wh == 11_000


async def test_a_boot_ends_no_session(cp, tag, stored):
    number = await starts(cp)
    await cp.boots()
    await meters(cp, meter_value(6000, 30), transactionId=number)
    session = await stored(the_session)
    assert (session.is_running, session.energy_wh) == (True, 5000)


async def test_a_start_whose_answer_was_lost(cp, tag, stored, connect):
    await IdTag.objects.aupdate(max_concurrent=1)
    answers = [await cp.call("StartTransaction", **start())]
    for _ in range(5):
        await cp.disconnect()
        cp = await connect(cp.identity)
        answers.append(await cp.call("StartTransaction", **start()))
    number = (await stored(the_session)).pk
    assert answers == [{"idTagInfo": {"status": "Accepted"}, "transactionId": number}] * 6


async def test_the_start_again_in_another_spelling(cp, tag, stored, reconnect):
    first = await cp.call("StartTransaction", **start())
    cp = await reconnect()
    again = await cp.call("StartTransaction", **start(idTag="cafe", timestamp="2025-06-01T14:00:00.000+02:00"))
    assert again == first
    assert await stored(Transaction.objects.count) == 1


async def test_the_first_verdict_stays(cp, tag, stored, reconnect):
    first = await cp.call("StartTransaction", **start())
    await IdTag.objects.aupdate(blocked=True)
    cp = await reconnect()
    assert await cp.call("StartTransaction", **start()) == first


async def test_the_start_again_after_the_stop(cp, tag, stored, reconnect):
    number = await starts(cp)
    await stops(cp, number)
    cp = await reconnect()
    assert await starts(cp) == number
    assert not (await stored(the_session)).is_running


async def test_the_queue_twice(cp, tag, stored, reconnect):
    for _ in range(2):
        for day in range(3):
            number = await starts(cp, timestamp=at(1440 * day), meterStart=20_000 * day)
            await meters(cp, meter_value(20_000 * day + 3000, 1440 * day + 30), transactionId=number)
            await stops(cp, number, timestamp=at(1440 * day + 60), meterStop=20_000 * day + 7000)
        cp = await reconnect()
    energies = Transaction.objects.order_by("pk").values_list("energy_wh", flat=True)
    assert await stored(lambda: list(energies)) == [7000, 7000, 7000]
    assert await stored(MeterValue.objects.count) == 3


async def test_history_does_not_move_the_present(cp, tag, stored):
    await starts(cp, timestamp=at(600), meterStart=50_000)
    await shows(cp, "Charging", timestamp=at(600))
    old = await starts(cp)
    await stops(cp, old)
    await shows(cp, "Available", timestamp=at(61))
    await shows(cp, "Faulted", connector=0, timestamp=at(62))
    running = await stored(Transaction.objects.running().get)
    assert (running.started_at, running.meter_start_wh) == (minute(600), 50_000)
    assert (await stored(Connector.objects.filter(connector_id=1).get)).status == "Charging"


async def test_history_is_not_judged_by_the_present(cp, stored):
    await IdTag.objects.acreate(id_tag="CAFE", max_concurrent=1)
    await starts(cp, timestamp=at(600))
    old = await cp.call("StartTransaction", **start(connectorId=2))
    assert old["idTagInfo"]["status"] == "Accepted"


async def test_a_stop_again(cp, tag, stored, reconnect):
    number = await starts(cp)
    answers = [await stops(cp, number, idTag="CAFE") for _ in range(3)]
    cp = await reconnect()
    answers.append(await stops(cp, number, idTag="CAFE"))
    assert answers == [{"idTagInfo": {"status": "Accepted"}}] * 4
    session = await stored(the_session)
    assert (session.energy_wh, session.flags) == (11_000, [])
    assert await stored(OrphanedStop.objects.count) == 0


async def test_another_stop_is_kept_beside_the_first(cp, tag, stored):
    number = await starts(cp)
    await stops(cp, number)
    assert await stops(cp, number, meterStop=99_000, timestamp=at(90)) == {}
    session = await stored(the_session)
    assert (session.energy_wh, session.flags) == (11_000, ["stop_conflict"])
    assert (await stored(OrphanedStop.objects.get)).transaction_id == number


async def test_a_stop_without_its_number(cp, tag, stored):
    await starts(cp)
    for _ in range(2):
        assert await stops(cp, -1, idTag="CAFE") == {"idTagInfo": {"status": "Accepted"}}
    session = await stored(the_session)
    assert (session.ended_by, session.energy_wh, session.flags) == ("station", 11_000, ["stop_without_id"])
    assert await stored(OrphanedStop.objects.count) == 0


async def test_a_stop_without_its_number_that_may_mean_two(cp, tag, stored):
    await starts(cp)
    await starts(cp, connectorId=2)
    assert await stops(cp, -1) == {}
    assert await stored(Transaction.objects.running().count) == 2
    assert (await stored(OrphanedStop.objects.get)).reported_transaction_id == "-1"


async def test_a_session_without_its_number(cp, tag, stored, reconnect):
    """The answer to the start was lost and never asked for again (errata 3.18)."""
    await starts(cp)
    cp = await reconnect()
    await meters(cp, meter_value(6000, 30), transactionId=-1)
    await stops(cp, -1, idTag="CAFE", transactionData=[meter_value(12_000, 60, context="Transaction.End")])
    session = await stored(the_session)
    assert session.energy_wh == 11_000
    assert await stored(MeterValue.objects.filter(transaction=session).count) == 2


async def test_orphaned_stops_are_kept_once(cp, stored):
    for number in (0, 4711, 9223372036854775807):
        for _ in range(3):
            assert await stops(cp, number) == {}
    numbers = OrphanedStop.objects.order_by("pk").values_list("reported_transaction_id", flat=True)
    assert await stored(lambda: list(numbers)) == ["0", "4711", "9223372036854775807"]


async def test_a_stop_of_another_stations_session(cp, tag, stored, connect):
    number = await starts(cp)
    await sync_to_async(make_station)("CP2")
    neighbour = await connect("CP2")
    assert await stops(neighbour, number) == {}
    assert (await stored(the_session)).is_running
    orphan = await stored(lambda: OrphanedStop.objects.select_related("charge_point").get())
    assert (orphan.charge_point.identity, orphan.transaction_id) == ("CP2", None)


async def test_readings_after_the_stop_change_nothing(cp, tag, stored):
    number = await starts(cp)
    await stops(cp, number)
    assert await meters(cp, meter_value(13_000, 61), transactionId=number) == {}
    assert (await stored(the_session)).energy_wh == 11_000
    assert (await stored(MeterValue.objects.get)).transaction_id == number


CLOCKS = {
    "a day ahead": lambda now: written(now + timedelta(days=1)),
    "far ahead": lambda now: "2090-01-01T00:00:00Z",
    "1970": lambda now: "1970-01-01T00:00:07Z",
    "2000": lambda now: "2000-01-01T00:00:00+01:00",
    "year 1": lambda now: "0001-01-01T00:00:00Z",
    "year 9999": lambda now: "9999-12-31T23:59:59Z",
}


async def test_clocks_that_are_wrong_throughout(cp, tag, stored):
    for connector, clock in enumerate(CLOCKS.values(), start=1):
        time = clock(timezone.now())
        await stops(cp, await starts(cp, connectorId=connector, timestamp=time), timestamp=time)
    sessions = await stored(lambda: list(Transaction.objects.all()))
    assert [(s.ended_by, s.energy_wh) for s in sessions] == [("station", 11_000)] * len(CLOCKS)
    assert all({"clock_suspect", "no_timestamp"} & set(s.flags) for s in sessions)
    assert all(s.started_at <= s.stopped_at <= timezone.now() for s in sessions)


async def test_a_clock_that_jumps_back(cp, tag, stored):
    await stops(cp, await starts(cp), timestamp=at(-1440))
    session = await stored(the_session)
    assert (session.ended_by, session.flags) == ("station", ["stop_before_start"])
    assert session.stopped_at >= session.started_at


async def test_a_clock_that_is_set_during_the_session(cp, tag, stored):
    number = await starts(cp, timestamp="1970-01-01T00:00:07Z")
    await stops(cp, number, timestamp=written(timezone.now()))
    session = await stored(the_session)
    assert (session.energy_wh, "clock_suspect" in session.flags) == (11_000, True)
    assert session.stopped_at >= session.started_at


async def test_a_clock_without_a_zone_and_a_leap_day(cp, tag, stored):
    number = await starts(cp, timestamp="2024-02-29T12:00:00")
    await stops(cp, number, timestamp="2024-02-29T13:00:00")
    session = await stored(the_session)
    assert (session.duration().total_seconds(), session.flags) == (3600, [])


async def test_a_day_that_does_not_exist(cp, tag, stored):
    number = await starts(cp, timestamp="2025-02-29T12:00:00Z")
    await stops(cp, number)
    session = await stored(the_session)
    assert (session.ended_by, "no_timestamp" in session.flags) == ("station", True)


async def test_two_sockets_of_one_station(cp, tag, stored, connect):
    number = await starts(cp)
    newer = await connect(cp.identity)
    assert await cp.closes() == 1000
    assert await stops(newer, number) == {}
    row = await stored(lambda: ChargePoint.objects.select_related("gateway").get())
    assert row.is_online


async def test_the_end_of_the_old_socket_changes_nothing(cp, stored, connect):
    newer = await connect(cp.identity.lower())
    await cp.closes()
    held = (await stored(ChargePoint.objects.get)).connection
    await cp.disconnect()
    assert (await stored(ChargePoint.objects.get)).connection == held != ""
    assert "currentTime" in await newer.call("Heartbeat")
