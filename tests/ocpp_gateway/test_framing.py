"""Frames on the wire: one reply to every readable CALL, silence where none is due, and the log of it all."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from asgiref.sync import sync_to_async

from ocpp_gateway import dispatch, journal
from ocpp_gateway.v16.handlers import heartbeat, start_transaction
from stations import services
from stations.masking import mask_text
from stations.models import Connector, Message, Repair, StatusRecord
from tests.conftest import make_station
from tests.fake_charge_point import CallFailed
from transactions.models import IdTag, Transaction

STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}


async def log(stored) -> list[tuple[str, int, str]]:
    rows = Message.objects.order_by("pk").values_list("direction", "kind", "action")
    return await stored(lambda: list(rows))


async def test_unknown_action(cp):
    with pytest.raises(CallFailed, match="^NotImplemented"):
        await cp.call("MakeCoffee")


async def test_an_action_only_we_may_send(cp):
    with pytest.raises(CallFailed, match="^NotSupported"):
        await cp.call("Reset", type="Soft")


async def test_actions_are_case_sensitive(cp):
    with pytest.raises(CallFailed, match="^NotImplemented"):
        await cp.call("heartbeat")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        "[5, 1]",
        '[9,"a","Heartbeat",{}]',
        '[3,"unasked",{}]',
        '[4,"unasked","GenericError","",{}]',
    ],
)
async def test_silence(cp, text):
    await cp.send_text(text)
    assert await cp.is_silent()
    assert (await cp.call("Heartbeat"))["currentTime"]


async def test_torn_json_with_a_readable_id(cp, stored):
    await cp.send_text('[2,"torn","Heartbeat",{')
    assert (await cp.answer_to("torn"))[:3] == [4, "torn", "FormationViolation"]
    assert await log(stored) == [("in", 0, ""), ("out", 4, "")]


async def test_null_payload_is_empty(cp):
    assert (await cp.exchange([2, "n", "Heartbeat", None]))["currentTime"]


async def test_binary_frames_are_read_as_text(cp):
    await cp.send_bytes(b'[2,"b","Heartbeat",{}]')
    assert (await cp.answer_to("b"))[0] == 3
    await cp.send_bytes(b"\xff\xfe\x00")
    assert await cp.is_silent()


async def test_answers_come_in_order(cp):
    for n in range(40):
        action, payload = ("Heartbeat", {}) if n % 2 else ("StatusNotification", STATUS)
        await cp.send([2, f"o{n}", action, payload])
    assert [(await cp.receive())[1] for _ in range(40)] == [f"o{n}" for n in range(40)]


async def test_the_same_call_again_is_answered_again_and_stored_once(cp, stored):
    frame = [2, "same", "StatusNotification", STATUS]
    assert await cp.exchange(frame) == await cp.exchange(frame)
    assert await stored(lambda: services.Connector.objects.get().status_records.count()) == 1


async def test_an_id_used_again_for_something_else_is_a_new_call(cp, stored):
    await cp.exchange([2, "1", "StatusNotification", STATUS])
    await cp.exchange([2, "1", "StatusNotification", {**STATUS, "connectorId": 2}])
    assert await stored(services.Connector.objects.count) == 2


async def test_message_ids_mean_nothing_on_the_next_socket(cp, connect, station, stored):
    start = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": "2026-11-01T10:00:00Z"}
    await cp.exchange([2, "1", "Heartbeat", {}])
    await cp.disconnect()
    again = await connect(station.identity)
    assert (await again.exchange([2, "1", "StartTransaction", start]))["transactionId"] > 0
    assert await stored(Transaction.objects.count) == 1


async def test_different_calls_under_one_id_in_one_breath_are_all_answered(cp, stored):
    for connector_id in (1, 2, 3):
        await cp.send([2, "same", "StatusNotification", {**STATUS, "connectorId": connector_id}])
    await cp.send([2, "same", "Heartbeat", {}])
    answers = [await cp.receive() for _ in range(4)]
    assert [answer[:2] for answer in answers] == [[3, "same"]] * 4
    assert answers[:3] == [[3, "same", {}]] * 3
    assert "currentTime" in answers[3][2]
    connectors = await stored(lambda: list(Connector.objects.values_list("connector_id", flat=True)))
    assert sorted(connectors) == [1, 2, 3]


async def test_a_call_repeated_while_it_is_worked_on_is_answered_once(cp, stored):
    for _ in range(3):
        await cp.send([2, "same", "StatusNotification", STATUS])
    assert await cp.receive() == [3, "same", {}]
    assert await cp.is_silent()
    assert await stored(StatusRecord.objects.count) == 1


async def test_of_calls_under_one_id_each_is_known_again(cp, stored):
    other = {**STATUS, "connectorId": 2}
    for payload in (STATUS, other, STATUS, other):
        await cp.exchange([2, "same", "StatusNotification", payload])
    assert await stored(StatusRecord.objects.count) == 2


async def test_a_heartbeat_under_an_old_id_is_told_the_time(cp, monkeypatch):
    await cp.exchange([2, "same", "Heartbeat", {}])
    monkeypatch.setattr(heartbeat, "timezone", SimpleNamespace(now=lambda: datetime(2031, 1, 2, 3, 4, 5, tzinfo=UTC)))
    assert await cp.exchange([2, "same", "Heartbeat", {}]) == {"currentTime": "2031-01-02T03:04:05Z"}


async def test_a_tag_under_an_old_id_is_judged_anew(cp, stored, tag):
    asked = [2, "same", "Authorize", {"idTag": tag.id_tag}]
    assert (await cp.exchange(asked))["idTagInfo"]["status"] == "Accepted"
    await stored(lambda: IdTag.objects.update(blocked=True))
    assert (await cp.exchange(asked))["idTagInfo"]["status"] == "Blocked"


async def test_what_we_failed_to_handle_is_tried_again_under_its_id(cp, stored, monkeypatch):
    def fails(*_args, **_kwargs):
        raise ValueError("a fault of ours")

    start = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": "2026-11-01T10:00:00Z"}
    with monkeypatch.context() as broken:
        broken.setattr(start_transaction, "start_transaction", fails)
        with pytest.raises(CallFailed, match="^InternalError"):
            await cp.exchange([2, "same", "StartTransaction", start])
    number = (await cp.exchange([2, "same", "StartTransaction", start]))["transactionId"]
    assert (await stored(Transaction.objects.get)).pk == number


async def test_everything_is_logged(cp, stored):
    await cp.call("Heartbeat")
    with pytest.raises(CallFailed):
        await cp.call("MakeCoffee")
    assert await log(stored) == [
        ("in", 2, "Heartbeat"),
        ("out", 3, "Heartbeat"),
        ("in", 2, "MakeCoffee"),
        ("out", 4, "MakeCoffee"),
    ]


async def test_only_errors_are_logged(cp, stored, settings):
    settings.MESSAGE_LOG = "errors"
    await cp.call("StatusNotification", **STATUS)
    with pytest.raises(CallFailed):
        await cp.call("MakeCoffee")
    assert [kind for _, kind, _ in await log(stored)] == [2, 4]


async def test_nothing_is_logged(cp, stored, settings):
    settings.MESSAGE_LOG = "none"
    await cp.call("StatusNotification", **STATUS)
    with pytest.raises(CallFailed):
        await cp.call("MakeCoffee")
    assert await log(stored) == []


async def test_nul_and_surrogates_reach_the_log_escaped(cp, stored):
    await cp.send_text('[2,"x","DataTransfer",{"vendorId":"a\\u0000b","data":"\\ud800 \0"}]')
    await cp.send_text('[2,"y","Heartbeat",{}]')
    assert (await cp.answer_to("x"))[2] == "FormationViolation"
    await cp.answer_to("y")
    text = await stored(lambda: Message.objects.order_by("pk").first().text)
    assert "\0" not in text
    assert "\\u0000" in text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ('{"location":"ftp://anna:s3cret@host/x"}', '{"location":"ftp://anna:***@host/x"}'),
        ('{"key":"AuthorizationKey","value":"0001"}', '{"key":"AuthorizationKey","value":"***"}'),
        (
            '{"key":"StationPassword","readonly":false,"value":"x"}',
            '{"key":"StationPassword","readonly":false,"value":"***"}',
        ),
        ('{"key":"HeartbeatInterval","value":"300"}', '{"key":"HeartbeatInterval","value":"300"}'),
        ('{"info":"mail me@example.org, see http://x/"}', '{"info":"mail me@example.org, see http://x/"}'),
    ],
)
def test_secrets_are_masked(text, masked):
    assert mask_text(text) == masked


@pytest.mark.parametrize("text", ["x", "ftp://anna:s3cret@h/f"])
@pytest.mark.parametrize("action", ["Heartbeat", "StatusNotification", "DataTransfer"])
async def test_a_call_nested_deeply_is_answered_and_logged(cp, stored, text, action):
    payload = {**STATUS, "vendorId": "x"} if action == "StatusNotification" else {"vendorId": "x"}
    lists = "[" * 600 + f'"{text}"' + "]" * 600
    frame = json.dumps([2, "deep", action, {**payload, "data": "#"}]).replace('"#"', lists)
    await cp.send_text(frame)
    assert (await cp.answer_to("deep"))[0] == 3
    rows = await stored(lambda: list(Message.objects.filter(unique_id="deep").order_by("pk")))
    assert [row.direction for row in rows] == ["in", "out"]
    assert "s3cret" not in rows[0].text
    assert rows[0].text == frame or text != "x"


async def test_a_call_is_answered_though_its_log_fails(cp, gateway, monkeypatch):
    logged = []

    def fail(*_arguments, **_facts):
        raise ArithmeticError("no coffee")

    monkeypatch.setattr(dispatch.journal, "record", fail)
    monkeypatch.setattr(dispatch.log, "error", lambda event, **facts: logged.append(event))
    await cp.send([2, "unlogged", "StatusNotification", STATUS])
    assert (await cp.answer_to("unlogged"))[:3] == [4, "unlogged", "InternalError"]
    assert logged == ["handler failed", "message not logged"]


async def test_a_long_frame_is_cut_before_it_is_masked(cp, stored, monkeypatch):
    seen = []
    monkeypatch.setattr(journal, "mask_text", lambda text: seen.append(len(text)) or mask_text(text))
    data = "://" + "?" * 1_000_000
    await cp.send([2, "long", "Heartbeat", {"data": data}])
    assert (await cp.answer_to("long"))[0] == 3
    row = await stored(lambda: Message.objects.get(unique_id="long", direction="in"))
    assert max(seen) <= 110_000
    assert row.text[:100_000] == json.dumps([2, "long", "Heartbeat", {"data": data}])[:100_000]
    assert row.text.endswith("… (1000041 characters)")


async def test_repairs_are_counted(cp, stored):
    for _ in range(2):
        await cp.call("StatusNotification", **{**STATUS, "connectorId": "1", "colour": "green"})
    rows = await stored(lambda: set(Repair.objects.values_list("action", "rule", "field", "count")))
    assert rows == {
        ("StatusNotification", "number_from_text", "connectorId", 2),
        ("StatusNotification", "unknown_member", "colour", 2),
    }


async def test_a_strict_station_is_taken_at_its_word(gateway, connect, stored):
    await sync_to_async(make_station)(strict=True)
    cp = await connect()
    with pytest.raises(CallFailed, match="^TypeConstraintViolation"):
        await cp.call("StatusNotification", **{**STATUS, "connectorId": "1"})
    assert await stored(Repair.objects.count) == 0


async def test_last_seen_follows_every_frame(cp, station, gateway, stored):
    before = await stored(lambda: services.ChargePoint.objects.get().last_seen_at)
    await cp.send_text("noise")
    await cp.call("Heartbeat")
    await gateway.beat()
    assert await stored(lambda: services.ChargePoint.objects.get().last_seen_at) > before
