"""Our CALLs: stored before they leave, one at a time, and each with an end."""

import asyncio
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from stations import commands
from stations.models import ChargePoint, Command, CommandStatus, Message

TRIGGER = {"requestedMessage": "Heartbeat"}


@pytest.fixture
def send(station):
    async def send(payload=TRIGGER, action="TriggerMessage", **options) -> Command:
        return await sync_to_async(commands.queue_command)(station, action, payload, **options)

    return send


async def ended(stored, command: Command) -> Command:
    """The command once it is closed."""
    for _ in range(200):
        row = await stored(lambda: Command.objects.get(pk=command.pk))
        if row.closed_at is not None:
            return row
        await asyncio.sleep(0.01)
    raise AssertionError(f"still {row.status}")


async def test_accepted(cp, send, stored):
    command = await send()
    await (await cp.expects("TriggerMessage", **TRIGGER)).replies(status="Accepted")
    row = await ended(stored, command)
    assert (row.status, row.answer) == (CommandStatus.ACCEPTED, {"status": "Accepted"})
    assert row.sent_at is not None


async def test_it_is_stored_as_sent_before_it_leaves(cp, send, stored):
    command = await send()
    call = await cp.expects("TriggerMessage", **TRIGGER)
    row = await stored(lambda: Command.objects.get(pk=command.pk))
    assert (row.status, call.unique_id) == (CommandStatus.SENT, str(command.pk))
    await call.replies(status="Accepted")


@pytest.mark.parametrize("status", ["Rejected", "NotImplemented"])
async def test_refused(cp, send, stored, status):
    command = await send()
    await (await cp.expects("TriggerMessage", **TRIGGER)).replies(status=status)
    row = await ended(stored, command)
    assert (row.status, row.answer) == (CommandStatus.REJECTED, {"status": status})


async def test_callerror(cp, send, stored):
    command = await send()
    await (await cp.expects("TriggerMessage", **TRIGGER)).fails("InternalError", "out of\0 coffee")
    row = await ended(stored, command)
    assert (row.status, row.error_code) == (CommandStatus.FAILED, "InternalError")
    assert row.error_description.startswith("out of")


async def test_a_malformed_answer(cp, send, stored):
    command = await send()
    await (await cp.expects("TriggerMessage", **TRIGGER)).replies(status=["what"])
    row = await ended(stored, command)
    assert row.status == CommandStatus.FAILED
    assert "invalid answer" in row.error_description


async def test_silence(cp, send, stored):
    command = await send(timeout_s=0)
    assert (await ended(stored, command)).status == CommandStatus.TIMED_OUT


async def test_a_lost_connection(cp, send, stored):
    command = await send()
    await cp.expects("TriggerMessage", **TRIGGER)
    await cp.disconnect()
    row = await ended(stored, command)
    assert row.status == CommandStatus.FAILED
    assert "connection was lost" in row.error_description


async def test_an_offline_station(send, stored, station):
    command = await send()
    assert (command.status, command.closed_at is not None) == (CommandStatus.UNDELIVERED, True)


async def test_one_at_a_time_in_order(cp, send, stored):
    orders = [await send({"requestedMessage": name}) for name in ("Heartbeat", "MeterValues", "StatusNotification")]
    for order in orders:
        call = await cp.expects("TriggerMessage", **order.payload)
        assert await cp.is_silent()
        await call.replies(status="Accepted")
    assert [(await ended(stored, order)).status for order in orders] == [CommandStatus.ACCEPTED] * 3


async def test_calls_may_cross(cp, send, stored):
    command = await send()
    call = await cp.expects("TriggerMessage", **TRIGGER)
    assert (await cp.call("Heartbeat"))["currentTime"]
    await call.replies(status="Accepted")
    assert (await ended(stored, command)).status == CommandStatus.ACCEPTED


async def test_an_answer_with_a_wrong_id_is_not_taken(cp, send, stored):
    command = await send()
    call = await cp.expects("TriggerMessage", **TRIGGER)
    await cp.send([3, "somebody-elses", {"status": "Accepted"}])
    await call.replies(status="Rejected")
    assert (await ended(stored, command)).status == CommandStatus.REJECTED


async def test_an_action_we_cannot_send_yet(cp, send, stored):
    command = await send({}, action="MakeCoffee")
    assert (await ended(stored, command)).status == CommandStatus.UNDELIVERED


async def test_a_lost_bell(cp, station, gateway, stored):
    command = await Command.objects.acreate(charge_point=station, action="TriggerMessage", payload=TRIGGER)
    await gateway._ring_again()
    await (await cp.expects("TriggerMessage", **TRIGGER)).replies(status="Accepted")
    assert (await ended(stored, command)).status == CommandStatus.ACCEPTED


async def test_the_call_and_its_answer_are_logged(cp, send, stored):
    command = await send()
    await (await cp.expects("TriggerMessage", **TRIGGER)).replies(status="Accepted")
    await ended(stored, command)
    rows = await stored(lambda: list(Message.objects.order_by("pk").values_list("direction", "kind", "action")))
    assert rows == [("out", 2, "TriggerMessage"), ("in", 3, "TriggerMessage")]


async def test_a_command_whose_process_died_is_closed(station, stored):
    now = timezone.now()
    old = now - timedelta(seconds=50)
    lost = await Command.objects.acreate(charge_point=station, action="TriggerMessage", status="sent", sent_at=old)
    fresh = await Command.objects.acreate(charge_point=station, action="TriggerMessage", status="sent", sent_at=now)
    assert await stored(lambda: commands.close_lost(now)) == 1
    assert (await stored(lambda: Command.objects.get(pk=lost.pk))).status == CommandStatus.TIMED_OUT
    assert (await stored(lambda: Command.objects.get(pk=fresh.pk))).status == CommandStatus.SENT


async def test_a_command_left_behind_by_a_station_is_closed(station, stored):
    now = timezone.now()
    stranded = await Command.objects.acreate(
        charge_point=station, action="TriggerMessage", created_at=now - timedelta(seconds=50)
    )
    assert await stored(lambda: commands.close_lost(now)) == 1
    assert (await stored(lambda: Command.objects.get(pk=stranded.pk))).status == CommandStatus.UNDELIVERED


async def test_a_command_is_claimed_once(station, stored):
    await ChargePoint.objects.aupdate(connection="c")
    command = await Command.objects.acreate(charge_point=station, action="TriggerMessage", payload=TRIGGER)
    assert await stored(lambda: commands.mark_sent(command.pk, "a"))
    assert not await stored(lambda: commands.mark_sent(command.pk, "b"))
