"""The rows behind our CALLs: who raised them, how long they wait, and how each of them ends."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from django.utils import timezone

from stations import commands
from stations.commands import CommandRefused, Origin, StationArchived, cancel_command, close_lost, queue_command
from stations.masking import MAX_DEPTH, is_masked, mask_text, masked
from stations.models import ChargePoint, Command, CommandSource, CommandStatus, GatewayProcess, StationModel
from tests.conftest import make_station

pytestmark = pytest.mark.django_db

RESET = {"type": "Soft"}
SECRET = {"key": "AuthorizationKey", "value": "0001020304050607"}


@pytest.fixture
def station() -> ChargePoint:
    return make_station(vendor="Acme", model="Wall 22")


@pytest.fixture
def online(station: ChargePoint) -> ChargePoint:
    """Held by a process that lives, somewhere else."""
    station.gateway = GatewayProcess.objects.create(channel="elsewhere", host="b", pid=1)
    station.connection = "c1"
    station.save()
    return station


@pytest.fixture
def anna() -> User:
    return User.objects.create_user("anna")


def in_minutes(minutes: float) -> Any:
    return timezone.now() + timedelta(minutes=minutes)


# Raised


def test_who_and_from_where(online: ChargePoint, anna: User) -> None:
    origin = Origin(CommandSource.API, anna, "API key cron", "192.0.2.7")
    row = Command.objects.get(pk=queue_command(online, "Reset", RESET, origin=origin).pk)
    assert (row.source, row.created_by, row.actor, row.remote_address) == ("api", anna, "API key cron", "192.0.2.7")
    assert (row.status, row.payload, row.is_final) == (CommandStatus.QUEUED, RESET, False)


def test_a_person_is_named(online: ChargePoint, anna: User) -> None:
    assert queue_command(online, "Reset", RESET, origin=Origin(CommandSource.SCREEN, anna)).actor == "anna"
    assert queue_command(online, "Reset", RESET).actor == "plugcontrol"


def test_an_offline_station_ends_it_at_once(station: ChargePoint) -> None:
    row = queue_command(station, "ChangeConfiguration", SECRET)
    assert (row.status, row.is_final) == (CommandStatus.UNDELIVERED, True)
    assert Command.objects.get().payload == {"key": "AuthorizationKey", "value": "***"}


def test_an_archived_station_refuses(station: ChargePoint) -> None:
    station.archived_at = timezone.now()
    station.save()
    with pytest.raises(StationArchived, match="archived"):
        queue_command(station, "Reset", RESET)
    assert Command.objects.count() == 0


def test_a_masked_secret_is_not_sent_again(online: ChargePoint) -> None:
    with pytest.raises(CommandRefused, match="masked"):
        queue_command(online, "ChangeConfiguration", masked(SECRET))


@pytest.mark.parametrize(
    ("vendor", "model", "timeout_s"),
    [("ACME", "wall 22", 90), ("acme", "other", 60), ("Other", "Wall 22", 45)],
)
def test_the_time_out_is_the_models(online: ChargePoint, vendor: str, model: str, timeout_s: int) -> None:
    StationModel.objects.create(command_timeout_s=45)
    StationModel.objects.create(vendor="Acme", command_timeout_s=60)
    StationModel.objects.create(vendor="Acme", model="Wall 22", command_timeout_s=90)
    ChargePoint.objects.update(vendor=vendor, model=model)
    assert queue_command(online, "Reset", RESET).timeout_s == timeout_s
    assert queue_command(online, "Reset", RESET, timeout_s=5).timeout_s == 5


def test_the_time_out_of_an_unknown_model(online: ChargePoint) -> None:
    StationModel.objects.create(vendor="Other", command_timeout_s=60)
    assert queue_command(online, "Reset", RESET).timeout_s == 30


def test_a_model_is_entered_once() -> None:
    StationModel.objects.create(vendor="Acme")
    with pytest.raises(IntegrityError):
        StationModel.objects.create(vendor="ACME")


# Once


def test_two_clicks_are_one_command(online: ChargePoint, anna: User) -> None:
    origin = Origin(CommandSource.SCREEN, anna)
    rows = [queue_command(online, "Reset", RESET, origin=origin, idempotency_key="k1") for _ in range(2)]
    assert rows[0] == rows[1]
    assert Command.objects.count() == 1


def test_a_key_is_one_persons_for_one_station(online: ChargePoint, anna: User) -> None:
    origin = Origin(CommandSource.SCREEN, anna)
    first = queue_command(online, "Reset", RESET, origin=origin, idempotency_key="k1")
    others = [
        queue_command(online, "Reset", RESET, origin=Origin(CommandSource.API, None, "API key"), idempotency_key="k1"),
        queue_command(make_station("CP2"), "Reset", RESET, origin=origin, idempotency_key="k1"),
        queue_command(online, "Reset", RESET, origin=origin, idempotency_key="k2"),
        queue_command(online, "Reset", RESET, origin=origin),
    ]
    assert len({first, *others}) == 5


def test_a_key_counts_for_a_day(online: ChargePoint) -> None:
    first = queue_command(online, "Reset", RESET, idempotency_key="k1")
    Command.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))
    assert queue_command(online, "Reset", RESET, idempotency_key="k1") != first


@pytest.mark.django_db(transaction=True)
def test_two_people_at_the_same_moment(online: ChargePoint) -> None:
    together = Barrier(8)

    def press(_number: int) -> Any:
        together.wait(10)
        try:
            return queue_command(online, "Reset", RESET, idempotency_key="k1").pk
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(press, range(8)))) == 1
    assert Command.objects.count() == 1


# Ends


def test_a_queued_command_is_cancelled_once(online: ChargePoint) -> None:
    row = queue_command(online, "ChangeConfiguration", SECRET)
    assert cancel_command(row)
    assert not cancel_command(row)
    row.refresh_from_db()
    assert (row.status, row.payload["value"], row.closed_at is not None) == (CommandStatus.CANCELLED, "***", True)


def test_a_sent_command_is_not_cancelled(online: ChargePoint) -> None:
    row = queue_command(online, "Reset", RESET)
    assert commands.mark_sent(row, "c1")
    assert not cancel_command(row)


def test_an_end_is_an_end(online: ChargePoint) -> None:
    row = queue_command(online, "Reset", RESET)
    assert commands.close_command(row, CommandStatus.REJECTED, answer={"status": "Rejected"})
    assert not commands.close_command(row, CommandStatus.ACCEPTED, answer={"status": "Accepted"})
    row.refresh_from_db()
    assert (row.status, row.answer) == (CommandStatus.REJECTED, {"status": "Rejected"})


def test_a_command_that_may_wait_does_until_its_time(station: ChargePoint) -> None:
    row = queue_command(station, "Reset", RESET, valid_until=in_minutes(10))
    assert close_lost(in_minutes(9)) == 0
    assert close_lost(in_minutes(11)) == 1
    row.refresh_from_db()
    assert row.status == CommandStatus.EXPIRED


def test_a_paced_command_waits_for_its_turn_and_then_for_a_moment(station: ChargePoint) -> None:
    row = queue_command(station, "Reset", RESET, not_before=in_minutes(10))
    assert close_lost(in_minutes(10.1)) == 0
    assert close_lost(in_minutes(10.5)) == 1
    row.refresh_from_db()
    assert row.status == CommandStatus.UNDELIVERED


def test_a_queue_survives_a_short_absence(online: ChargePoint) -> None:
    queue_command(online, "Reset", RESET)
    ChargePoint.objects.update(connection="", gateway=None, disconnected_at=in_minutes(5))
    assert close_lost(in_minutes(5.1)) == 0
    assert close_lost(in_minutes(5.5)) == 1


def test_a_command_of_a_dead_process_ends_after_its_time_out(online: ChargePoint) -> None:
    row = queue_command(online, "Reset", RESET, timeout_s=60)
    commands.mark_sent(row, "c1")
    ChargePoint.objects.update(connection="", gateway=None)
    assert close_lost(in_minutes(1.2)) == 0
    assert close_lost(in_minutes(1.3)) == 1
    row.refresh_from_db()
    assert row.status == CommandStatus.TIMED_OUT


def test_a_command_on_a_living_line_is_not_ended_by_the_clock(online: ChargePoint) -> None:
    """Whoever holds the line has a timer of its own, and somebody may have set the clock (F29)."""
    row = queue_command(online, "Reset", RESET, timeout_s=60)
    commands.mark_sent(row, online.connection)
    assert close_lost(in_minutes(60)) == 0
    assert close_lost(in_minutes(25 * 60)) == 1
    row.refresh_from_db()
    assert row.status == CommandStatus.TIMED_OUT


def test_one_that_cannot_be_closed_keeps_no_other_from_its_end(
    online: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = [queue_command(online, "Reset", RESET) for _ in range(2)]
    for row in sent:
        commands.mark_sent(row, "c1")
    expired = queue_command(online, "Reset", RESET, valid_until=in_minutes(1))
    ChargePoint.objects.update(connection="", gateway=None)
    close = commands._close

    def fails_for_the_first(command: Command, *arguments: Any, **columns: Any) -> bool:
        is_closed = close(command, *arguments, **columns)
        if command.pk == sent[0].pk:
            raise ArithmeticError("no coffee")
        return is_closed

    monkeypatch.setattr(commands, "_close", fails_for_the_first)
    assert close_lost(in_minutes(9)) == 2
    ends = [Command.objects.get(pk=row.pk).status for row in (*sent, expired)]
    assert ends == [CommandStatus.SENT, CommandStatus.TIMED_OUT, CommandStatus.EXPIRED]


def test_an_answered_command_takes_no_late_answer(online: ChargePoint) -> None:
    row = queue_command(online, "Reset", RESET)
    commands.close_command(row, CommandStatus.FAILED, error_code="InternalError")
    assert not commands.keep_late_answer(online.pk, str(row.pk), {"status": "Accepted"})
    assert not commands.keep_late_answer(online.pk, "no id of ours", {})


# Secrets


@pytest.mark.parametrize(
    ("payload", "kept"),
    [
        ({"value": "x", "key": "authorizationkey"}, {"value": "***", "key": "authorizationkey"}),
        ({"key": "ApnPassword", "value": 'a"b'}, {"key": "ApnPassword", "value": "***"}),
        ({"key": "HeartbeatInterval", "value": "300"}, {"key": "HeartbeatInterval", "value": "300"}),
        ({"location": "ftp://anna:p@ss/w@host/x"}, {"location": "ftp://anna:***@ss/w@host/x"}),
        ({"location": "ftp://anna:p@ss@host/x"}, {"location": "ftp://anna:***@host/x"}),
        ({"log": {"remoteLocation": "https://t0ken@host/x"}}, {"log": {"remoteLocation": "https://***@host/x"}}),
        ({"l": ["http://h/?a=1&X-Signature=abc&b=2"]}, {"l": ["http://h/?a=1&X-Signature=***&b=2"]}),
        ({"location": "https://host/x?part=1"}, {"location": "https://host/x?part=1"}),
    ],
)
def test_what_is_kept_of_a_payload(payload: dict[str, Any], kept: dict[str, Any]) -> None:
    assert masked(payload) == kept
    assert is_masked(kept) == (kept != payload)
    assert json.loads(mask_text(json.dumps(payload))) == kept


def test_torn_text_is_masked_too() -> None:
    assert mask_text('[2,"1","X",{"key":"AuthorizationKey","value":"a\\"b') == (
        '[2,"1","X",{"key":"AuthorizationKey","value":"***'
    )


def test_a_number_too_large_for_python_stays_as_it_was_sent() -> None:
    text = '[2,"1","X",{"key":"AuthorizationKey","value":"ab","a":1e400}]'
    assert mask_text(text) == text.replace('"ab"', '"***"')


def test_hostile_text_is_masked_in_no_time() -> None:
    mask_text('{"key":"token' * 20_000 + "://?" + "token" * 50_000)


@pytest.mark.parametrize(
    "filler", ["?", "&", "?token", "?sig", "://", "://:", "://a@", "=", "*", "://***@", '"key":"sig"']
)
def test_a_million_characters_are_masked_in_no_time(filler: str) -> None:
    text = "://" + filler * (1_000_000 // len(filler))
    began = time.process_time()
    mask_text(text)
    masked({"location": text})
    is_masked({"location": text})
    assert time.process_time() - began < 10


def test_a_million_question_marks_are_masked_in_no_time() -> None:
    text = "://" + "?" * 1_000_000
    began = time.process_time()
    assert mask_text(text) == masked(text) == text
    assert not is_masked(text)
    assert time.process_time() - began < 2


@pytest.mark.parametrize("depth", [10, 600, 5_000, 100_000])
@pytest.mark.parametrize("secret", ["plain", "ftp://anna:s3cret@host/x"])
def test_nested_deeply(depth: int, secret: str) -> None:
    assert "s3cret" not in mask_text("[" * depth + f'"{secret}"' + "]" * depth)
    assert "s3cret" not in mask_text('{"a":' * depth + f'"{secret}"' + "}" * depth)
    lists: Any = secret
    members: Any = secret
    for _ in range(depth):
        lists, members = [lists], {"a": members}
    for value in (lists, members):
        kept = masked(value)
        assert "s3cret" not in json.dumps(kept)
        assert is_masked(kept) == (depth > MAX_DEPTH or secret != "plain")
        assert not is_masked(value)


def test_a_parameter_after_a_question_mark_too_many() -> None:
    assert mask_text("http://h/?a?b=1&x?token=secret") == "http://h/?a?b=1&x?token=***"


@pytest.mark.parametrize(("days", "waits"), [(29.9, True), (30.1, False)])
def test_nothing_waits_for_ever(station: ChargePoint, days: float, waits: bool) -> None:
    until = timezone.now() + timedelta(days=days)
    if waits:
        assert queue_command(station, "Reset", RESET, valid_until=until).status == CommandStatus.QUEUED
        return
    with pytest.raises(CommandRefused, match="30 days"):
        queue_command(station, "Reset", RESET, valid_until=until)
    assert not Command.objects.exists()


# The command line


@pytest.fixture
def send() -> Callable[..., str]:
    def send(*arguments: str) -> str:
        output = io.StringIO()
        call_command("send_command", *arguments, stdout=output)
        return output.getvalue()

    return send


def test_sent_from_the_command_line(online: ChargePoint, send: Callable[..., str]) -> None:
    assert send("cp1", "Reset", "--payload", '{"type": "Soft"}').startswith("Queued as ")
    row = Command.objects.get()
    assert (row.action, row.payload, row.source) == ("Reset", RESET, CommandSource.COMMAND_LINE)


def test_shown_as_json(online: ChargePoint, send: Callable[..., str]) -> None:
    shown = json.loads(send("CP1", "ClearCache", "--json"))
    assert (shown["charge_point"], shown["action"], shown["status"]) == ("CP1", "ClearCache", "queued")


def test_kept_for_an_offline_station(station: ChargePoint, send: Callable[..., str]) -> None:
    until = in_minutes(60)
    send("CP1", "ClearCache", "--valid-until", until.isoformat())
    assert Command.objects.get().valid_until == until


def test_what_waits_shows_no_secret(online: ChargePoint, send: Callable[..., str]) -> None:
    payload = json.dumps({"key": "AuthorizationKey", "value": "AB" * 20})
    shown = send("CP1", "ChangeConfiguration", "--payload", payload, "--json")
    assert Command.objects.get().payload["value"] == "AB" * 20  # it has to be sent
    assert json.loads(shown)["payload"] == {"key": "AuthorizationKey", "value": "***"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["NOBODY", "Reset"], "There is no charger NOBODY."),
        (["CP1", "Reset", "--payload", "{"], "--payload is not valid JSON: .*"),
        (["CP1", "Reset", "--payload", "[]"], "--payload is not a JSON object."),
        (["CP1", "MakeCoffee"], "'MakeCoffee' is not an action .*"),
        (["CP1", "Reset"], ".*type.*"),
        (["CP1", "Reset", "--payload", '{"type": "Gentle"}'], "Outside the enumeration at .*"),
        (["CP1", "ClearCache"], "The command was not delivered: the charger is offline."),
        (["CP1", "ClearCache", "--valid-until", "soon"], "--valid-until is not a time .*"),
        (["CP1", "ClearCache", "--valid-until", "2020-13-45T00:00Z"], "--valid-until is not a time .*"),
        (["CP1", "ClearCache", "--valid-until", "2020-01-01T00:00Z"], "--valid-until is over already."),
        (["CP1", "ClearCache", "--valid-until", "2999-01-01T00:00Z"], "A command waits for 30 days at most."),
    ],
)
def test_one_plain_sentence(
    station: ChargePoint, send: Callable[..., str], arguments: list[str], sentence: str
) -> None:
    with pytest.raises(CommandError, match=f"^{sentence}$"):
        send(*arguments)


def test_not_over_yet(online: ChargePoint, send: Callable[..., str]) -> None:
    with pytest.raises(CommandError, match=r"^The command is not over yet: queued\.$"):
        send("CP1", "ClearCache", "--wait", "0")
