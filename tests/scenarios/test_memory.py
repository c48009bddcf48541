"""What a writer remembers of running transactions must never outlive the truth."""

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.db.models import F

from ocpp_gateway import writer
from ocpp_gateway.writer import Job
from stations.models import Message
from tests.conftest import make_station
from transactions import ledger, services
from transactions.models import DailyEnergy, MeterValue, Transaction
from transactions.samples import Reading, Sample

from .speech import at, meter_value, meters, minute, starts, stops


def changed(**fields):
    """Somebody else's transaction: another process, or a person in the admin."""
    return sync_to_async(lambda: Transaction.objects.update(**fields))()


def books():
    """Energy of the sessions, energy of the days, readings."""
    return (
        sum(Transaction.objects.values_list("energy_wh", flat=True)),
        sum(DailyEnergy.objects.values_list("energy_wh", flat=True)),
        MeterValue.objects.count(),
    )


async def test_a_session_is_followed_without_reading_it_again(gateway, cp, tag, stored, monkeypatch):
    number = await starts(cp)
    monkeypatch.setattr(ledger.Ledger, "find", lambda *_: pytest.fail("read again"))
    await meters(cp, meter_value(2000, 1), transactionId=number)
    await meters(cp, meter_value(3500, 2), transactionId=number)
    assert await stored(books) == (2500, 2500, 2)


async def test_what_another_process_counted_is_not_counted_again(gateway, cp, tag, stored):
    number = await starts(cp)
    await meters(cp, meter_value(2000, 1), transactionId=number)
    await changed(register_wh=3000, register_at=at(2), energy_wh=F("energy_wh") + 1000)
    await meters(cp, meter_value(3500, 3), transactionId=number)
    row = await stored(Transaction.objects.get)
    assert (row.register_wh, row.energy_wh) == (3500, 2500)


async def test_a_session_closed_by_hand_stays_closed(gateway, cp, tag, stored):
    number = await starts(cp)
    await meters(cp, meter_value(2000, 1), transactionId=number)
    await changed(ended_by="operator", stopped_at=at(2), meter_stop_wh=2000)
    await meters(cp, meter_value(3500, 3), transactionId=number)
    row = await stored(Transaction.objects.get)
    assert (row.ended_by, row.register_wh, row.energy_wh) == ("operator", 2000, 1000)
    assert await stored(MeterValue.objects.count) == 2


async def test_a_stop_reads_what_is_true_now(gateway, cp, tag, stored):
    number = await starts(cp)
    await meters(cp, meter_value(2000, 1), transactionId=number)
    await changed(register_wh=3000, energy_wh=2000)
    reading = {"connectorId": 1, "transactionId": number, "meterValue": [meter_value(4000, 5)]}
    await cp.send([2, "a", "MeterValues", reading])
    await cp.answer_to("a")
    await stops(cp, number, meterStop=5000)
    row = await stored(Transaction.objects.get)
    assert (row.register_wh, row.energy_wh, row.ended_by) == (4000, 4000, "station")


async def test_a_batch_that_fails_is_forgotten(gateway, cp, tag, stored):
    """Both in one batch: the reading has moved the remembered session when the other job fails."""
    number = await starts(cp)
    await meters(cp, meter_value(2000, 1), transactionId=number)

    def explode():
        raise ValueError("boom")

    reading = {"connectorId": 1, "transactionId": number, "meterValue": [meter_value(3000, 2)]}
    guilty = asyncio.ensure_future(gateway.writer.submit(Job(explode, failed=lambda error: "sorry")))
    await cp.exchange([2, "x", "MeterValues", reading])
    assert await guilty == "sorry"
    await meters(cp, meter_value(3600, 3), transactionId=number)
    assert await stored(books) == (2600, 2600, 3)
    assert await stored(Message.objects.filter(action="MeterValues", direction="in").count) == 3


async def test_memory_is_bounded(gateway, connect, tag, stored, monkeypatch):
    monkeypatch.setattr(ledger, "MAX_REMEMBERED", 2)
    for number in range(4):
        cp = await connect((await sync_to_async(make_station)(f"NEW{number}")).identity)
        await meters(cp, meter_value(2000, 1), transactionId=await starts(cp))
    assert len(gateway.writer._memory["transactions.running"]) == 2
    assert (await stored(books))[0] == 4000


def metering(station, number, wh, minutes):
    """The job of a MeterValues."""
    readings = [Reading(minute(minutes), [Sample(str(wh))])]
    said = {"connector_id": 1, "transaction_id": number, "readings": readings, "received_at": minute(minutes)}
    return Job(lambda: services.record_meter_values(station, **said))


def stopping(station, number, wh, minutes):
    """The job of a StopTransaction."""
    said = {"transaction_id": number, "meter_stop_wh": wh, "timestamp": minute(minutes), "received_at": minute(minutes)}
    rest = {"id_tag": None, "tag_too_long": False, "reason": None, "readings": []}
    return Job(lambda: services.stop_transaction(station, **said, **rest))


@pytest.fixture
def running(transactional_db):
    """A station and the number of its running transaction."""
    station = make_station()
    said = {"connector_id": 1, "id_tag": "CAFE", "meter_start_wh": 0, "timestamp": minute(0), "received_at": minute(0)}
    begun, _ = services.start_transaction(station, **said, tag_too_long=False, reservation_id=None)
    return station, begun.pk


def test_two_processes_follow_one_session(running):
    """A station's old and new socket in two processes: each remembers, and each is told when it is wrong."""
    memories = {}, {}
    for number in range(1, 7):
        writer._run_together([metering(*running, number * 100, number)], memories[number % 2])
    assert books() == (600, 600, 6)


@pytest.mark.parametrize("meanwhile", [{}, {"register_wh": 300, "energy_wh": 300}])
def test_a_reading_and_the_stop_in_one_batch(running, meanwhile):
    memory = {}
    writer._run_together([metering(*running, 100, 1)], memory)
    Transaction.objects.filter(pk=running[1]).update(**meanwhile)
    writer._run_together([metering(*running, 400, 4), stopping(*running, 500, 5)], memory)
    row = Transaction.objects.get()
    assert (row.register_wh, row.energy_wh, row.ended_by) == (400, 500, "station")
    assert not memory["transactions.running"]
