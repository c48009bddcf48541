"""Our CALLs: stored before they leave, one at a time, and each with an end."""

import asyncio
import gc
import json
import logging
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, transaction
from django.utils import timezone

from ocpp_gateway import dispatch
from stations import commands, presence, waiting
from stations.models import ChargePoint, Command, CommandStatus, EffectStatus, Message
from stations.write_batch import CONNECT, Names, write_batch
from tests.conftest import make_station

SECRET = {"key": "AuthorizationKey", "value": "0001020304050607FFFFFFFFFFFFFFFF"}
TRIGGER = {"requestedMessage": "Heartbeat"}


@pytest.fixture
def send(station):
    async def send(payload=TRIGGER, action="TriggerMessage", **options) -> Command:
        return await sync_to_async(commands.queue_command)(station, action, payload, **options)

    return send


async def test_accepted(cp, send, ended):
    command = await send()
    await (await cp.expects("TriggerMessage", **TRIGGER)).replies(status="Accepted")
    row = await ended(command)
    assert (row.status, row.answer) == (CommandStatus.ACCEPTED, {"status": "Accepted"})
    assert row.sent_at is not None


async def test_it_is_stored_as_sent_before_it_leaves(cp, send, stored):
    command = await send()
    call = await cp.expects("TriggerMessage", **TRIGGER)
    row = await stored(lambda: Command.objects.get(pk=command.pk))
    assert (row.status, call.unique_id) == (CommandStatus.SENT, str(command.pk))
    await call.replies(status="Accepted")


@pytest.mark.parametrize("status", ["Rejected", "NotImplemented"])
async def test_refused(cp, send, ended, status):
    command = await send()
    await (await cp.expects("TriggerMessage", **TRIGGER)).replies(status=status)
    row = await ended(command)
    assert (row.status, row.answer) == (CommandStatus.REJECTED, {"status": status})


async def test_callerror(cp, send, ended):
    command = await send()
    await (await cp.expects("TriggerMessage", **TRIGGER)).fails("InternalError", "out of\0 coffee")
    row = await ended(command)
    assert (row.status, row.error_code) == (CommandStatus.FAILED, "InternalError")
    assert row.error_description.startswith("out of")


async def test_a_malformed_answer(cp, send, ended):
    command = await send()
    await (await cp.expects("TriggerMessage", **TRIGGER)).replies(status=["what"])
    row = await ended(command)
    assert (row.status, row.answer) == (CommandStatus.FAILED, {"status": ["what"]})
    assert "invalid answer" in row.error_description


@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        ('[3,"%s"]', ""),
        ('[3,"%s",{"status":"Accep', '{"status":"Accep'),
        ('[3,"%s",{},{}]', "{},{}"),
        ('[3,"%s",7]', 7),
    ],
)
async def test_an_answer_out_of_shape(cp, send, ended, frame, answer):
    command = await send()
    call = await cp.expects("TriggerMessage", **TRIGGER)
    await cp.send_text(frame % call.unique_id)
    row = await ended(command)
    assert (row.status, row.answer) == (CommandStatus.FAILED, answer)


def nested(text, depth=600):
    return "[" * depth + f'"{text}"' + "]" * depth


@pytest.mark.parametrize("text", ["x", "ftp://anna:s3cret@h/f"])
@pytest.mark.parametrize(
    ("frame", "status"),
    [
        ('[3,"%s",{"status":"Accepted","x":%s}]', CommandStatus.ACCEPTED),
        ('[3,"%s",{"status":"Accepted","status":%s}]', CommandStatus.FAILED),
        ('[3,"%s",%s]', CommandStatus.FAILED),
        ('[4,"%s","GenericError","",{"x":%s}]', CommandStatus.FAILED),
    ],
)
async def test_an_answer_nested_deeply(cp, send, ended, stored, caplog, frame, status, text):
    command = await send()
    call = await cp.expects("TriggerMessage", **TRIGGER)
    await cp.send_text(frame % (call.unique_id, nested(text)))
    row = await ended(command)
    assert row.status == status
    assert "s3cret" not in json.dumps(row.answer)
    logged = await stored(lambda: Message.objects.get(unique_id=call.unique_id, direction="in"))
    assert "s3cret" not in logged.text
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_late_answer_nested_deeply(cp, send, ended, stored):
    command = await send(timeout_s=0)
    call = await cp.expects("TriggerMessage", **TRIGGER)
    await ended(command)
    await cp.send_text(f'[4,"{call.unique_id}","GenericError","",{{"x":{nested("x")}}}]')
    await cp.call("Heartbeat")
    assert (await stored(lambda: Command.objects.get(pk=command.pk))).late_answer["errorCode"] == "GenericError"


async def test_an_answer_that_cannot_be_kept_ends_its_command(cp, send, ended, monkeypatch):
    logged = []

    def fail(*_):
        raise ArithmeticError("no coffee")

    monkeypatch.setattr(dispatch._End, "of", fail)
    monkeypatch.setattr(dispatch.log, "error", lambda event, **facts: logged.append(event))
    command = await send()
    await (await cp.expects("TriggerMessage", **TRIGGER)).replies(status="Accepted")
    row = await ended(command)
    assert (row.status, row.error_description) == (CommandStatus.FAILED, "plugcontrol cannot keep this answer")
    assert logged == ["answer not used", "answer not kept"]


async def test_a_callerror_out_of_shape(cp, send, ended):
    command = await send()
    call = await cp.expects("TriggerMessage", **TRIGGER)
    await cp.send([4, call.unique_id])
    row = await ended(command)
    assert (row.status, row.error_code) == (CommandStatus.FAILED, "GenericError")


async def test_a_callerror_says_more(cp, send, ended):
    command = await send()
    call = await cp.expects("TriggerMessage", **TRIGGER)
    await cp.send([4, call.unique_id, "Vendor\u00dferror", "see details", {"cause": "rain"}])
    row = await ended(command)
    assert (row.error_code, row.error_description, row.answer) == ("Vendorßerror", "see details", {"cause": "rain"})


async def test_silence(cp, send, ended):
    command = await send(timeout_s=0)
    assert (await ended(command)).status == CommandStatus.TIMED_OUT


async def test_a_lost_connection(cp, send, ended):
    command = await send()
    await cp.expects("TriggerMessage", **TRIGGER)
    await cp.disconnect()
    row = await ended(command)
    assert (row.status, row.error_description) == (CommandStatus.FAILED, commands.CONNECTION_LOST)


async def test_a_line_that_breaks_under_our_frame_is_no_fault_of_ours(cp, send, ended, station, gateway, monkeypatch):
    async def gone(_event):
        raise ConnectionResetError

    faults = []
    monkeypatch.setattr(gateway.sockets[station.pk], "base_send", gone)
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: faults.append(context["message"]))
    row = await ended(await send())
    assert (row.status, row.error_description) == (CommandStatus.FAILED, commands.CONNECTION_LOST)
    gc.collect()
    assert faults == []


async def test_an_offline_station(send, stored, station):
    command = await send()
    assert (command.status, command.closed_at is not None) == (CommandStatus.UNDELIVERED, True)


async def test_one_at_a_time_in_order(cp, send, ended):
    orders = [await send({"requestedMessage": name}) for name in ("Heartbeat", "MeterValues", "StatusNotification")]
    for order in orders:
        call = await cp.expects("TriggerMessage", **order.payload)
        assert await cp.is_silent()
        await call.replies(status="Accepted")
    assert [(await ended(order)).status for order in orders] == [CommandStatus.ACCEPTED] * 3


async def test_calls_may_cross(cp, send, ended):
    command = await send()
    call = await cp.expects("TriggerMessage", **TRIGGER)
    assert (await cp.call("Heartbeat"))["currentTime"]
    await call.replies(status="Accepted")
    assert (await ended(command)).status == CommandStatus.ACCEPTED


async def test_an_answer_with_a_wrong_id_is_not_taken(cp, send, ended):
    command = await send()
    call = await cp.expects("TriggerMessage", **TRIGGER)
    await cp.send([3, "somebody-elses", {"status": "Accepted"}])
    await call.replies(status="Rejected")
    assert (await ended(command)).status == CommandStatus.REJECTED


async def test_an_action_we_cannot_send_yet(cp, send, ended):
    command = await send({}, action="MakeCoffee")
    assert (await ended(command)).status == CommandStatus.UNDELIVERED


async def test_an_update_in_the_year_9999_holds_up_nothing(cp, send, ended):
    payload = {"location": "ftp://h/f", "retrieveDate": "9999-12-31T12:00:00Z"}
    update, next_one = await send(payload, action="UpdateFirmware"), await send()
    await (await cp.expects("UpdateFirmware", **payload)).replies()
    await (await cp.expects("TriggerMessage", **TRIGGER)).replies(status="Accepted")
    assert [(await ended(row)).status for row in (update, next_one)] == [CommandStatus.ACCEPTED] * 2


async def test_a_command_that_cannot_be_claimed_holds_up_nothing(cp, send, ended, monkeypatch):
    logged, expected = [], commands.effects.expected

    def fails_for_resets(command, at):
        if command.action == "Reset":
            raise ArithmeticError("no coffee")
        return expected(command, at)

    monkeypatch.setattr(commands.effects, "expected", fails_for_resets)
    monkeypatch.setattr(dispatch.log, "error", lambda event, **facts: logged.append((event, facts["action"])))
    guilty, next_one = await send({"type": "Soft"}, action="Reset"), await send()
    await (await cp.expects("TriggerMessage", **TRIGGER)).replies(status="Accepted")
    row = await ended(guilty)
    assert (row.status, row.sent_at) == (CommandStatus.UNDELIVERED, None)
    assert row.error_description == "plugcontrol cannot write this command"
    assert (await ended(next_one)).status == CommandStatus.ACCEPTED
    assert logged == [("command not written", "Reset")]


async def test_a_database_that_goes_away_closes_no_command(station, stored, monkeypatch):
    def goes_away(command, at):
        raise OperationalError("server closed the connection unexpectedly")

    await ChargePoint.objects.aupdate(connection="c")
    command = await Command.objects.acreate(charge_point=station, action="TriggerMessage", payload=TRIGGER)
    monkeypatch.setattr(commands.effects, "expected", goes_away)
    with pytest.raises(OperationalError):
        await stored(lambda: transaction.atomic(dispatch.prepare)(station.pk, "c"))
    assert (await stored(lambda: Command.objects.get(pk=command.pk))).status == CommandStatus.QUEUED


async def test_a_lost_bell(cp, station, gateway, ended):
    command = await Command.objects.acreate(charge_point=station, action="TriggerMessage", payload=TRIGGER)
    await gateway._ring_again()
    await (await cp.expects("TriggerMessage", **TRIGGER)).replies(status="Accepted")
    assert (await ended(command)).status == CommandStatus.ACCEPTED


async def test_the_call_and_its_answer_are_logged(cp, send, stored, ended):
    command = await send()
    await (await cp.expects("TriggerMessage", **TRIGGER)).replies(status="Accepted")
    await ended(command)
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
    assert await stored(lambda: commands.mark_sent(command, "a"))
    assert not await stored(lambda: commands.mark_sent(command, "b"))


async def test_a_late_answer_changes_nothing(cp, send, ended, stored):
    late, next_one = await send(timeout_s=0), await send({"requestedMessage": "MeterValues"})
    call = await cp.expects("TriggerMessage", **TRIGGER)
    other = await cp.expects("TriggerMessage", requestedMessage="MeterValues")
    await call.replies(status="Accepted")
    await call.replies(status="Rejected")
    await other.replies(status="Rejected")
    assert (await ended(next_one)).answer == {"status": "Rejected"}
    row = await stored(lambda: Command.objects.get(pk=late.pk))
    assert (row.status, row.answer, row.late_answer) == (CommandStatus.TIMED_OUT, None, {"status": "Accepted"})
    assert row.late_at > row.closed_at


async def test_a_late_callerror(cp, send, ended, stored):
    late = await send(timeout_s=0)
    call = await cp.expects("TriggerMessage", **TRIGGER)
    await ended(late)
    await call.fails("InternalError", "too slow")
    await cp.call("Heartbeat")
    row = await stored(lambda: Command.objects.get(pk=late.pk))
    assert row.late_answer == {"errorCode": "InternalError", "errorDescription": "too slow", "errorDetails": {}}


@pytest.mark.parametrize(
    ("answer", "effect"),
    [
        ([3, {"status": "Accepted"}], EffectStatus.AWAITED),
        ([3, {"status": "Rejected"}], EffectStatus.NONE),
        ([4, "NotSupported", "", {}], EffectStatus.NONE),
    ],
)
async def test_after_a_late_refusal_nothing_is_awaited(cp, send, ended, stored, answer, effect):
    late = await send({"type": "Soft"}, action="Reset", timeout_s=0)
    call = await cp.expects("Reset", type="Soft")
    assert (await ended(late)).effect_status == EffectStatus.AWAITED
    kind, *rest = answer
    await cp.send([kind, call.unique_id, *rest])
    await cp.call("Heartbeat")
    row = await stored(lambda: Command.objects.get(pk=late.pk))
    assert (row.status, row.effect_status, row.late_answer is None) == (CommandStatus.TIMED_OUT, effect, False)


async def test_an_answer_on_the_next_socket_is_late(cp, connect, station, send, ended, stored):
    command = await send()
    call = await cp.expects("TriggerMessage", **TRIGGER)
    again = await connect(station.identity)
    assert (await ended(command)).error_description == commands.CONNECTION_LOST
    await again.send([3, call.unique_id, {"status": "Accepted"}])
    await again.call("Heartbeat")
    row = await stored(lambda: Command.objects.get(pk=command.pk))
    assert (row.status, row.late_answer) == (CommandStatus.FAILED, {"status": "Accepted"})


async def test_another_stations_answer_is_not_taken(cp, connect, send, stored, ended):
    command = await send(timeout_s=0)
    call = await cp.expects("TriggerMessage", **TRIGGER)
    await ended(command)
    await sync_to_async(make_station)("CP2")
    thief = await connect("CP2")
    await thief.send([3, call.unique_id, {"status": "Accepted"}])
    await thief.call("Heartbeat")
    assert (await stored(lambda: Command.objects.get(pk=command.pk))).late_answer is None


async def test_what_a_dead_process_left_behind_ends_when_the_station_returns(connect, station, stored):
    now = timezone.now()
    left = await Command.objects.acreate(
        charge_point=station, action="Reset", status="sent", sent_at=now, connection="of a process that was killed"
    )
    await connect(station.identity)
    row = await stored(lambda: Command.objects.get(pk=left.pk))
    assert (row.status, row.error_description) == (CommandStatus.FAILED, commands.CONNECTION_LOST)


async def test_a_socket_that_lost_the_station_gets_nothing(cp, station, gateway, stored):
    await ChargePoint.objects.aupdate(connection="a newer one of another process")
    command = await Command.objects.acreate(charge_point=station, action="TriggerMessage", payload=TRIGGER)
    gateway.sockets[station.pk].ring()
    assert await cp.is_silent()
    assert (await stored(lambda: Command.objects.get(pk=command.pk))).status == CommandStatus.QUEUED


async def test_nor_does_one_that_loses_it_in_the_same_write_batch(cp, station, gateway, stored):
    process_id = await gateway.registered()
    held = await stored(lambda: ChargePoint.objects.get(pk=station.pk).connection)
    command = await Command.objects.acreate(charge_point=station, action="TriggerMessage", payload=TRIGGER)
    newer = presence.Line(
        gateway_id=process_id,
        connection="newer",
        protocol="ocpp1.6",
        remote_address="10.0.0.2",
        subprotocol_missing=False,
        security_profile=0,
    )

    def taken_over_and_rung():
        with transaction.atomic(), write_batch([Names(station.pk, CONNECT)]):
            presence.connect(station.pk, newer, at=timezone.now())
            return [dispatch.prepare(station.pk, connection) for connection in (held, "newer")]

    late, claimed = await stored(taken_over_and_rung)
    assert (late, claimed.command.pk) == (None, command.pk)


async def test_a_command_that_never_left_goes_out_on_the_next_socket(cp, connect, station, gateway, stored, ended):
    delivery = gateway.sockets[station.pk]._delivery
    delivery.end()
    held = await stored(lambda: ChargePoint.objects.get(pk=station.pk).connection)
    command = await Command.objects.acreate(charge_point=station, action="ChangeConfiguration", payload=SECRET)
    prepare = transaction.atomic(dispatch.prepare)
    await delivery._carry_out(await stored(lambda: prepare(station.pk, held)))
    assert cp.status == 101
    again = await connect(station.identity)
    await (await again.expects("ChangeConfiguration", **SECRET)).replies(status="Accepted")
    assert (await ended(command)).status == CommandStatus.ACCEPTED


async def test_secrets_are_sent_and_then_forgotten(cp, send, ended, stored):
    command = await send(SECRET, action="ChangeConfiguration")
    call = await cp.expects("ChangeConfiguration", **SECRET)
    row = await stored(lambda: Command.objects.get(pk=command.pk))
    assert row.payload == {"key": "AuthorizationKey", "value": "***"}
    await call.replies(status="Accepted")
    assert (await ended(command)).payload == row.payload
    texts = await stored(lambda: list(Message.objects.values_list("text", flat=True)))
    assert len(texts) == 2
    assert SECRET["value"] not in "".join(texts)


async def test_secrets_of_an_answer_are_not_kept(cp, send, ended, stored):
    command = await send({}, action="GetConfiguration")
    keys = [{"key": "AuthorizationKey", "readonly": False, "value": "0123"}]
    await (await cp.expects("GetConfiguration")).replies(configurationKey=keys)
    assert (await ended(command)).answer["configurationKey"][0]["value"] == "***"
    assert "0123" not in (await stored(lambda: Message.objects.get(direction="in"))).text


@pytest.mark.parametrize("action", ["RemoteStartTransaction", "RemoteStopTransaction"])
async def test_a_pending_station_starts_and_stops_nothing(connect, gateway, ended, action):
    pending = await sync_to_async(make_station)("NEW", registration_status="Pending", accepted_at=None)
    cp = await connect("NEW")
    payload = {"idTag": "CAFE"} if action == "RemoteStartTransaction" else {"transactionId": 1}
    refused = await sync_to_async(commands.queue_command)(pending, action, payload)
    allowed = await sync_to_async(commands.queue_command)(pending, "ChangeConfiguration", {"key": "a", "value": "1"})
    await (await cp.expects("ChangeConfiguration", key="a", value="1")).replies(status="Accepted")
    row = await ended(refused)
    assert (row.status, row.error_description) == (CommandStatus.UNDELIVERED, "the charger is not approved yet")
    assert (await ended(allowed)).status == CommandStatus.ACCEPTED


async def test_a_rejected_station_is_told_nothing(connect, gateway, ended):
    rejected = await sync_to_async(make_station)("BAD", registration_status="Rejected")
    cp = await connect("BAD")
    command = await sync_to_async(commands.queue_command)(rejected, "Reset", {"type": "Hard"})
    row = await ended(command)
    assert (row.status, row.error_description) == (CommandStatus.UNDELIVERED, "the charger is rejected")
    assert await cp.is_silent()


async def test_a_triggered_message_may_overtake_its_answer_while_pending(connect, gateway, ended):
    pending = await sync_to_async(make_station)("NEW", registration_status="Pending", accepted_at=None)
    cp = await connect("NEW")
    command = await sync_to_async(commands.queue_command)(pending, "TriggerMessage", TRIGGER)
    call = await cp.expects("TriggerMessage", **TRIGGER)
    assert (await cp.call("Heartbeat"))["currentTime"]
    await call.replies(status="Accepted")
    assert (await ended(command)).status == CommandStatus.ACCEPTED


async def test_a_payload_that_breaks_the_schema_is_not_sent(cp, send, ended):
    row = await ended(await send({"type": "Soft", "colour": "red"}, action="Reset"))
    assert row.status == CommandStatus.UNDELIVERED
    assert "colour" in row.error_description
    assert await cp.is_silent()


async def test_a_command_that_we_fail_to_write_holds_up_nothing(cp, send, ended, monkeypatch):
    def fail(action: str, payload: dict) -> dict:
        if action == "Reset":
            raise RuntimeError("a fault of ours")
        return payload

    monkeypatch.setattr(dispatch, "read_payload", fail)
    broken, sound = await send({"type": "Soft"}, action="Reset"), await send()
    await (await cp.expects("TriggerMessage", **TRIGGER)).replies(status="Accepted")
    assert [(await ended(row)).status for row in (broken, sound)] == ["undelivered", "accepted"]


async def test_a_command_waits_for_its_station(station, connect, send, ended):
    command = await send(valid_until=timezone.now() + timedelta(minutes=5))
    assert (command.status, command.closed_at) == (CommandStatus.QUEUED, None)
    cp = await connect(station.identity)
    await (await cp.expects("TriggerMessage", **TRIGGER)).replies(status="Accepted")
    assert (await ended(command)).status == CommandStatus.ACCEPTED


async def test_an_expired_command_is_not_sent(station, connect, send, stored):
    command = await send(valid_until=timezone.now() + timedelta(minutes=5))
    await Command.objects.aupdate(valid_until=timezone.now())
    cp = await connect(station.identity)
    assert await cp.is_silent()
    assert await stored(lambda: commands.close_lost(timezone.now())) == 1
    assert (await stored(lambda: Command.objects.get(pk=command.pk))).status == CommandStatus.EXPIRED


async def test_a_command_goes_out_when_it_is_due(cp, send, ended, gateway, stored):
    paced = await send(not_before=timezone.now() + timedelta(minutes=5))
    at_once = await send({"requestedMessage": "MeterValues"})
    await (await cp.expects("TriggerMessage", requestedMessage="MeterValues")).replies(status="Accepted")
    assert (await ended(at_once)).status == CommandStatus.ACCEPTED
    assert await cp.is_silent()
    await stored(lambda: Command.objects.filter(pk=paced.pk).update(not_before=timezone.now()))
    await gateway._ring_again()
    await (await cp.expects("TriggerMessage", **TRIGGER)).replies(status="Accepted")
    assert (await ended(paced)).status == CommandStatus.ACCEPTED


async def test_an_answer_that_we_fail_to_use_is_kept(cp, send, ended, monkeypatch):
    def fail(_command: Command, _response: object) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setitem(dispatch.RESULTS, "TriggerMessage", fail)
    first, second = await send(), await send()
    for _ in (first, second):
        await (await cp.expects("TriggerMessage", **TRIGGER)).replies(status="Accepted")
    assert [(await ended(row)).status for row in (first, second)] == [CommandStatus.ACCEPTED] * 2


async def test_whoever_waits_is_woken(cp, send, monkeypatch):
    monkeypatch.setattr(waiting, "QUICK_S", 60)
    command = await send()
    waiter = asyncio.create_task(commands.wait_for(command.pk, 30))
    await (await cp.expects("TriggerMessage", **TRIGGER)).replies(status="Accepted")
    assert (await asyncio.wait_for(waiter, 5)).status == CommandStatus.ACCEPTED


async def test_waiting_ends(cp, send):
    command = await send()
    assert (await commands.wait_for(command.pk, 0)).status in ("queued", "sent")
