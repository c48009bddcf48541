"""Passwords and security profiles change over OCPP, and whatever happens meanwhile the station can log in."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db.models import F
from django.utils import timezone

from stations import commands, credentials, presence, rotation
from stations.commands import CommandRefused
from stations.models import (
    ChargePoint,
    Command,
    CommandStatus,
    ConfigurationKey,
    ConnectionAttempt,
    GatewayProcess,
    Message,
    SecurityChange,
    SecurityEvent,
)
from tests.fake_charge_point import FakeChargePoint, OurCall

State = SecurityChange.State
OLD = "AA" * 20


def basic(key: str) -> tuple[tuple[bytes, bytes], ...]:
    return ((b"authorization", b"Basic " + base64.b64encode(b"CP1:" + bytes.fromhex(key))),)


class Box:
    """The station's side: which key and which profile it has, and whether it gets in with them."""

    def __init__(self, connect: Callable[..., Awaitable[FakeChargePoint]], stored: Any, profile: int = 1) -> None:
        self._connect, self.stored = connect, stored
        self.old, self.new, self.key = OLD, "", OLD
        self.profile = profile
        self.cp: FakeChargePoint | None = None

    async def dials(self, key: str | None = None, profile: int | None = None) -> FakeChargePoint:
        """Open a line, with what it has or with something else; the status is the caller's to look at."""
        scheme = "wss" if (self.profile if profile is None else profile) == 2 else "ws"
        return await self._connect("CP1", headers=basic(key or self.key), scheme=scheme)

    async def logs_in(self, *, boots: bool = False) -> None:
        """Drop the line if there is one, come back and say something."""
        await self.leaves()
        self.cp = await self.dials()
        assert self.cp.status == 101
        await (self.cp.boots() if boots else self.cp.call("Heartbeat"))
        await self.stored(lambda: None)

    async def leaves(self) -> None:
        if self.cp is not None:
            await self.cp.disconnect()
        await self.stored(lambda: None)

    async def takes(self, key: str, value: str = "") -> OurCall:
        """The ChangeConfiguration that must come now; remembers the key in it, without using it yet."""
        assert self.cp is not None
        call = await self.cp.hears()
        assert (call.action, call.payload["key"]) == ("ChangeConfiguration", key)
        if key == "AuthorizationKey":
            self.new = call.payload["value"]
        else:
            assert call.payload["value"] == value
        return call


@pytest.fixture
async def box(station, connect, stored) -> Box:
    await sync_to_async(credentials.set_password)(station, OLD)
    box = Box(connect, stored)
    await box.logs_in()
    return box


@pytest.fixture
def rotate(station):
    async def rotate(**options: Any) -> Command:
        return await sync_to_async(rotation.rotate_key)(station, **options)

    return rotate


async def change_of(stored, command: Command) -> SecurityChange:
    return await stored(lambda: SecurityChange.objects.select_related("command").get(command=command))


async def clock(stored, after: timedelta = timedelta(0)) -> None:
    """Nothing but the clock: the process that did the rest is dead."""
    now = timezone.now() + after

    def tick() -> None:
        ChargePoint.objects.update(connection="", gateway=None)  # as the sweep does
        commands.close_lost(now)
        rotation.check(now)

    await stored(tick)


async def time_passes(stored) -> None:
    """An hour, as far as the change knows."""
    hour = timedelta(hours=1)
    await stored(lambda: SecurityChange.objects.filter(ended_at=None).update(answered_at=F("answered_at") - hour))


async def closed(stored, command: Command) -> Command:
    """The command once it is over."""
    return await commands.wait_for(command.pk, 10)


async def answered_late(stored, command: Command) -> Command:
    for _ in range(200):
        row = await stored(lambda: Command.objects.get(pk=command.pk))
        if row.late_at is not None:
            return row
        await asyncio.sleep(0.01)
    raise AssertionError("no late answer")


# Each interruption: what happens after the operator's click. It returns the command and leaves in `box.key` what the
# station has.


async def refused(box, rotate, status="Rejected"):
    command = await rotate()
    await (await box.takes("AuthorizationKey")).replies(status=status)
    await closed(box.stored, command)
    return command


async def not_supported(box, rotate):
    return await refused(box, rotate, "NotSupported")


async def accepted(box, rotate, status="Accepted"):
    command = await refused(box, rotate, status)
    box.key = box.new
    return command


async def accepted_and_used_after_a_reset(box, rotate):
    command = await refused(box, rotate, "RebootRequired")
    await clock(box.stored)
    for _ in range(4):  # until somebody resets it, it comes with the old one
        await time_passes(box.stored)
        await box.logs_in()
    box.key = box.new
    return command


async def accepted_but_the_process_dies_at_the_new_login(box, rotate):
    command = await accepted(box, rotate)
    await box.leaves()
    line = await box.dials()  # the handshake is stored, but no frame ever comes through
    assert line.status == 101
    await line.disconnect()
    return command


async def accepted_but_it_falls_back_after_the_new_login(box, rotate):
    command = await accepted_but_the_process_dies_at_the_new_login(box, rotate)
    box.key = box.old
    await box.logs_in()
    box.key = box.new
    return command


async def applied_but_the_socket_is_lost(box, rotate):
    command = await socket_lost(box, rotate)
    box.key = box.new
    return command


async def socket_lost(box, rotate):
    command = await rotate()
    await box.takes("AuthorizationKey")
    await box.leaves()
    await closed(box.stored, command)
    return command


async def callerror(box, rotate):
    command = await rotate()
    await (await box.takes("AuthorizationKey")).fails("InternalError", "flash full")
    await closed(box.stored, command)
    return command


async def applied_but_callerror(box, rotate):
    command = await callerror(box, rotate)
    box.key = box.new
    return command


async def not_implemented(box, rotate):
    command = await rotate()
    await (await box.takes("AuthorizationKey")).fails("NotImplemented")
    await closed(box.stored, command)
    return command


async def malformed(box, rotate):
    command = await rotate()
    await (await box.takes("AuthorizationKey")).replies(status=["what"])
    await closed(box.stored, command)
    return command


async def applied_but_malformed(box, rotate):
    command = await malformed(box, rotate)
    box.key = box.new
    return command


async def silent(box, rotate):
    await box.stored(lambda: None)
    command = await rotate()
    await box.takes("AuthorizationKey")
    await box.stored(lambda: _die_in_flight(command))
    await clock(box.stored, timedelta(minutes=5))
    return command


async def applied_but_silent(box, rotate):
    command = await silent(box, rotate)
    box.key = box.new
    return command


async def late(box, rotate, status="Rejected"):
    command = await rotate()
    call = await box.takes("AuthorizationKey")
    await box.stored(lambda: Command.objects.filter(pk=command.pk).update(sent_at=timezone.now() - timedelta(hours=1)))
    await clock(box.stored)
    await call.replies(status=status)
    assert (await answered_late(box.stored, command)).late_answer == {"status": status}
    return command


async def late_accepted(box, rotate):
    command = await late(box, rotate, "Accepted")
    box.key = box.new
    return command


async def killed_before_it_is_sent(box, rotate):
    await _dies(box)
    command = await rotate()
    assert command.status == CommandStatus.QUEUED
    await box.stored(
        lambda: GatewayProcess.objects.filter(channel="dead").update(beat_at=timezone.now() - timedelta(hours=1))
    )
    await box.stored(lambda: presence.sweep(timezone.now()))
    await clock(box.stored, timedelta(minutes=5))
    return command


async def killed_when_it_is_marked_sent(box, rotate):
    await _dies(box)
    command = await rotate()
    box.new = command.payload["value"]
    assert await box.stored(lambda: commands.mark_sent(command, "dead"))
    await clock(box.stored, timedelta(minutes=5))
    await _is_replaced(box)
    return command


async def killed_when_the_station_has_applied_it(box, rotate):
    command = await killed_when_it_is_marked_sent(box, rotate)
    box.key = box.new
    return command


async def killed_and_the_station_is_back_before_the_clock(box, rotate):
    await _dies(box)
    command = await rotate()
    box.key = box.new = command.payload["value"]
    assert await box.stored(lambda: commands.mark_sent(command, "dead"))
    await _is_replaced(box)
    return command


async def offline(box, rotate):
    await box.leaves()
    return await rotate()


async def expired(box, rotate):
    await box.leaves()
    command = await rotate(valid_until=timezone.now() + timedelta(minutes=1))
    await clock(box.stored, timedelta(minutes=2))
    return command


async def cancelled(box, rotate):
    await box.leaves()
    command = await rotate(valid_until=timezone.now() + timedelta(days=1))
    assert await sync_to_async(commands.cancel_command)(command)
    return command


async def delivered_when_it_returns(box, rotate):
    await box.leaves()
    command = await rotate(valid_until=timezone.now() + timedelta(days=1))
    await box.logs_in()
    await (await box.takes("AuthorizationKey")).replies(status="Accepted")
    await closed(box.stored, command)
    box.key = box.new
    return command


async def _dies(box) -> None:
    """The process ends without a word: its row and the station's say that it holds a socket, and nobody sends."""
    await box.leaves()

    def leave_rows() -> None:
        process = GatewayProcess.objects.create(channel="dead", host="elsewhere", pid=1)
        ChargePoint.objects.update(connection="dead", gateway=process)

    await box.stored(leave_rows)


async def _is_replaced(box) -> None:
    await box.stored(lambda: ChargePoint.objects.update(connection="", gateway=None))


def _die_in_flight(command: Command) -> None:
    Command.objects.filter(pk=command.pk).update(sent_at=timezone.now() - timedelta(minutes=4))


INTERRUPTIONS = {
    # the station has the old key, and that is certain at once
    refused: State.ROLLED_BACK,
    not_supported: State.ROLLED_BACK,
    not_implemented: State.ROLLED_BACK,
    late: State.ROLLED_BACK,
    killed_before_it_is_sent: State.ROLLED_BACK,
    expired: State.ROLLED_BACK,
    cancelled: State.ROLLED_BACK,
    # the station has the old key, but nobody knows
    socket_lost: State.UNCERTAIN,
    callerror: State.UNCERTAIN,
    malformed: State.UNCERTAIN,
    silent: State.UNCERTAIN,
    killed_when_it_is_marked_sent: State.UNCERTAIN,
    # the station has the new key, but nobody knows
    applied_but_the_socket_is_lost: State.UNCERTAIN,
    applied_but_callerror: State.UNCERTAIN,
    applied_but_malformed: State.UNCERTAIN,
    applied_but_silent: State.UNCERTAIN,
    killed_when_the_station_has_applied_it: State.UNCERTAIN,
    killed_and_the_station_is_back_before_the_clock: State.ASKED,
    # the station has the new key, and has said so
    accepted: State.ACCEPTED,
    late_accepted: State.ACCEPTED,
    accepted_and_used_after_a_reset: State.ACCEPTED,
    accepted_but_the_process_dies_at_the_new_login: State.ACCEPTED,
    accepted_but_it_falls_back_after_the_new_login: State.ACCEPTED,
    delivered_when_it_returns: State.ACCEPTED,
}


@pytest.mark.parametrize("interrupt", INTERRUPTIONS, ids=lambda interrupt: interrupt.__name__)
async def test_a_rotation_interrupted_at_every_step(box, rotate, stored, interrupt):
    command = await interrupt(box, rotate)
    await clock(stored)
    assert (await change_of(stored, command)).state == INTERRUPTIONS[interrupt]
    has_new = box.key == box.new

    for boots in (False, True, False, False):  # whenever it comes back it gets in
        await box.logs_in(boots=boots)
        await time_passes(stored)
        await clock(stored)

    change = await change_of(stored, command)
    assert change.state == (State.DONE if has_new else State.ROLLED_BACK)
    row = await stored(ChargePoint.objects.get)
    assert credentials.matches_key(row.credential_hash, bytes.fromhex(box.key))
    other = box.old if has_new else box.new
    assert not other or (await box.dials(other)).status == 401
    await box.logs_in()


@pytest.mark.parametrize("interrupt", INTERRUPTIONS, ids=lambda interrupt: interrupt.__name__)
async def test_no_key_is_stored_readable(box, rotate, stored, interrupt):
    command = await interrupt(box, rotate)
    await clock(stored)

    def readable() -> str:
        rows = [*Command.objects.values("payload", "answer"), *ConfigurationKey.objects.values("value")]
        rows += [*Message.objects.values("text"), *SecurityChange.objects.values("credential_hash")]
        return str([*rows, ChargePoint.objects.values().get()]).upper()

    if (await stored(lambda: Command.objects.get(pk=command.pk))).is_final:
        assert (await stored(lambda: Command.objects.get(pk=command.pk))).payload["value"] == "***"
    assert not box.new or box.new not in await stored(readable)


async def test_a_station_that_is_offline_is_asked_nothing(box, rotate, stored):
    command = await offline(box, rotate)
    assert (command.status, command.payload["value"]) == (CommandStatus.UNDELIVERED, "***")
    assert not await stored(SecurityChange.objects.exists)
    await box.logs_in()


async def test_both_keys_are_good_until_the_new_one_is_used(box, rotate, stored):
    await accepted(box, rotate)
    for key in (box.old, box.new, box.old):
        assert (await box.dials(key)).status == 101
    await box.logs_in()
    assert (await box.dials(box.old)).status == 401
    assert await stored(lambda: list(ConnectionAttempt.objects.values_list("reason", flat=True))) == ["wrong_password"]


async def test_a_lost_answer_is_believed_only_after_a_grace_a_boot_and_a_second_login(box, rotate, stored):
    command = await socket_lost(box, rotate)
    await clock(stored)
    for _ in range(3):
        await box.logs_in(boots=True)
    assert (await change_of(stored, command)).state == State.UNCERTAIN  # too early
    await time_passes(stored)
    await box.logs_in()
    assert (await change_of(stored, command)).state == State.UNCERTAIN
    await box.logs_in()
    assert (await change_of(stored, command)).state == State.ROLLED_BACK


async def test_one_rotation_at_a_time(box, rotate, stored):
    await rotate()
    await box.takes("AuthorizationKey")
    with pytest.raises(CommandRefused, match="under way"):
        await rotate()


async def test_a_second_rotation_after_a_lost_answer(box, rotate, stored):
    first = await socket_lost(box, rotate)
    lost = box.new
    await box.logs_in()
    second = await accepted(box, rotate)
    assert (await box.dials(lost)).status == 101  # it may still turn out to be the one
    await box.logs_in()
    states = [(await change_of(stored, command)).state for command in (first, second)]
    assert states == [State.SUPERSEDED, State.DONE]
    assert [(await box.dials(key)).status for key in (OLD, lost)] == [401, 401]


async def test_a_key_that_was_never_sent_lets_nobody_in(box, rotate, stored):
    await box.leaves()
    command = await rotate(valid_until=timezone.now() + timedelta(days=1))
    mine = command.payload["value"]
    assert (await box.dials(mine)).status == 401
    assert await sync_to_async(commands.cancel_command)(command)
    assert (await box.dials(mine)).status == 401  # nor before the clock has seen that it is over
    assert (await change_of(stored, command)).state == State.ASKED
    await box.logs_in()


async def test_a_key_that_was_never_sent_is_never_promoted(box, rotate, station, stored):
    await box.leaves()
    command = await rotate(valid_until=timezone.now() + timedelta(days=1))
    mine = (await change_of(stored, command)).credential_hash
    before = (await stored(ChargePoint.objects.get)).credential_hash
    await stored(lambda: rotation.spoke(station.pk, credential_hash=mine, security_profile=1, at=timezone.now()))
    assert (await stored(ChargePoint.objects.get)).credential_hash == before
    assert (await change_of(stored, command)).state == State.ASKED


async def test_a_key_is_good_before_its_frame_leaves(box, rotate, stored):
    await box.leaves()
    command = await rotate(valid_until=timezone.now() + timedelta(days=1))
    new = command.payload["value"]
    assert await stored(lambda: commands.mark_sent(command, "elsewhere"))
    assert (await box.dials(new)).status == 101


async def test_a_password_set_by_hand_takes_a_rotation_back(box, rotate, station, stored):
    await box.leaves()
    command = await rotate(valid_until=timezone.now() + timedelta(days=1))
    new = command.payload["value"]
    await sync_to_async(credentials.set_password)(station, "BB" * 20)
    row = await stored(lambda: Command.objects.get(pk=command.pk))
    assert (row.status, row.payload["value"]) == (CommandStatus.CANCELLED, "***")
    assert (await change_of(stored, command)).state == State.SUPERSEDED
    assert [(await box.dials(key)).status for key in (OLD, new, "BB" * 20)] == [401, 401, 101]


async def test_what_is_in_flight_when_a_password_is_set_by_hand_stays_good(box, rotate, station, stored):
    await rotate()
    call = await box.takes("AuthorizationKey")
    await sync_to_async(credentials.set_password)(station, "BB" * 20)
    await call.replies(status="Accepted")
    assert (await box.dials(box.new)).status == 101


@pytest.mark.parametrize("value", ["CC" * 20, "chosen by an expert"])
async def test_an_experts_own_key_locks_nobody_out(box, station, stored, value):
    payload = {"key": "authorizationKEY", "value": value}
    await sync_to_async(commands.queue_command)(station, "ChangeConfiguration", payload)
    await (await box.takes("authorizationKEY", value)).replies(status="Accepted")
    await box.leaves()
    secret = bytes.fromhex(value) if value.isupper() else value.encode()
    headers = ((b"authorization", b"Basic " + base64.b64encode(b"CP1:" + secret)),)
    line = await box._connect("CP1", headers=headers)
    assert line.status == 101
    await line.call("Heartbeat")
    assert (await box.dials(OLD)).status == 401
    assert (await box._connect("CP1", headers=headers)).status == 101


async def test_the_first_key_of_an_open_station(station, connect, stored, rotate):
    box = Box(connect, stored)
    box.cp = await connect("CP1")
    await accepted(box, rotate)
    assert (await connect("CP1")).status == 101  # it may need its security profile raised before it uses the key
    await box.logs_in()
    row = await stored(ChargePoint.objects.get)
    assert (row.credential_kind, row.security_profile, row.minimum_security_profile) == ("key", 1, 1)
    assert (await connect("CP1")).status == 401


# The security profile


@pytest.fixture
def lift(station):
    async def lift(profile: int = 2) -> Command:
        return await sync_to_async(rotation.raise_security_profile)(station, profile)

    return lift


async def raise_answered(box, lift, status):
    command = await lift()
    await (await box.takes("SecurityProfile", "2")).replies(status=status)
    await closed(box.stored, command)
    return command


async def raise_refused(box, lift):
    return await raise_answered(box, lift, "Rejected")


async def raise_accepted(box, lift):
    command = await raise_answered(box, lift, "Accepted")
    box.profile = 2
    return command


async def raise_accepted_but_it_falls_back(box, lift):
    return await raise_answered(box, lift, "Accepted")


async def raise_accepted_but_the_process_dies_at_the_new_login(box, lift):
    command = await raise_accepted(box, lift)
    await box.leaves()
    line = await box.dials()
    assert line.status == 101
    await line.disconnect()
    box.profile = 1  # all it saw was that it could not connect
    return command


async def raise_but_the_socket_is_lost(box, lift):
    command = await lift()
    await box.takes("SecurityProfile", "2")
    await box.leaves()
    await closed(box.stored, command)
    return command


async def raise_applied_but_the_socket_is_lost(box, lift):
    command = await raise_but_the_socket_is_lost(box, lift)
    box.profile = 2
    return command


async def raise_callerror(box, lift):
    command = await lift()
    await (await box.takes("SecurityProfile", "2")).fails("GenericError")
    await closed(box.stored, command)
    return command


async def raise_applied_but_callerror(box, lift):
    command = await raise_callerror(box, lift)
    box.profile = 2
    return command


async def raise_killed_when_it_is_marked_sent(box, lift):
    await _dies(box)
    command = await lift()
    assert await box.stored(lambda: commands.mark_sent(command, "dead"))
    await clock(box.stored, timedelta(minutes=5))
    await _is_replaced(box)
    return command


async def raise_killed_when_the_station_has_applied_it(box, lift):
    command = await raise_killed_when_it_is_marked_sent(box, lift)
    box.profile = 2
    return command


async def raise_killed_before_it_is_sent(box, lift):
    return await killed_before_it_is_sent(box, lift)


#: The state at the end.
RAISES = {
    raise_refused: State.ROLLED_BACK,
    raise_killed_before_it_is_sent: State.ROLLED_BACK,
    raise_but_the_socket_is_lost: State.ROLLED_BACK,
    raise_callerror: State.ROLLED_BACK,
    raise_killed_when_it_is_marked_sent: State.ROLLED_BACK,
    raise_accepted_but_it_falls_back: State.ACCEPTED,
    raise_accepted_but_the_process_dies_at_the_new_login: State.ACCEPTED,
    raise_accepted: State.DONE,
    raise_applied_but_the_socket_is_lost: State.DONE,
    raise_applied_but_callerror: State.DONE,
    raise_killed_when_the_station_has_applied_it: State.DONE,
}


@pytest.mark.parametrize("interrupt", RAISES, ids=lambda interrupt: interrupt.__name__)
async def test_a_profile_raise_interrupted_at_every_step(box, lift, stored, interrupt):
    command = await interrupt(box, lift)
    await clock(stored)
    for boots in (False, True, False, False):
        await box.logs_in(boots=boots)
        await time_passes(stored)
        await clock(stored)
    change, row = await change_of(stored, command), await stored(ChargePoint.objects.get)
    assert change.state == RAISES[interrupt]
    assert row.minimum_security_profile == row.security_profile == box.profile
    assert change.is_stuck == (change.state == State.ACCEPTED)
    await box.logs_in()


async def test_a_station_that_has_come_back_higher_may_not_come_lower(box, lift, stored):
    await raise_accepted(box, lift)
    await box.logs_in()
    assert (await box.dials(profile=1)).status == 403
    assert await stored(lambda: ConnectionAttempt.objects.get().reason) == "insecure"
    assert await stored(lambda: SecurityEvent.objects.get().type) == "SecurityProfileDowngrade"
    await box.logs_in()


async def test_the_profile_is_never_lowered_over_ocpp(box, station, lift, stored):
    await raise_accepted(box, lift)
    await box.logs_in()
    for value in ("1", "0", "-1"):
        with pytest.raises(CommandRefused, match="never lowered"):
            await sync_to_async(commands.queue_command)(
                station, "ChangeConfiguration", {"key": "securityprofile", "value": value}
            )
    assert await stored(lambda: Command.objects.filter(payload__key="securityprofile").count()) == 0


@pytest.mark.parametrize(("profile", "words"), [(1, "already"), (0, "already"), (4, "speaks")])
async def test_a_raise_that_cannot_be(box, lift, profile, words):
    with pytest.raises(CommandRefused, match=words):
        await lift(profile)


async def test_from_no_password_to_profile_1(station, connect, stored, rotate, lift):
    box = Box(connect, stored)
    box.cp = await connect("CP1")
    await accepted(box, rotate)
    box.cp = await connect("CP1")  # it has a key, but does not use it
    await box.cp.call("Heartbeat")
    command = await lift(1)
    await (await box.takes("SecurityProfile", "1")).replies(status="Accepted")
    await closed(stored, command)
    await box.logs_in()
    assert (await change_of(stored, command)).state == State.DONE
    assert (await stored(ChargePoint.objects.get)).minimum_security_profile == 1
    assert (await connect("CP1")).status == 401


async def test_a_raise_that_waited_too_long_lowers_nothing(box, lift, station, stored):
    await box.leaves()
    command = await sync_to_async(commands.queue_command)(
        station,
        "ChangeConfiguration",
        {"key": "SecurityProfile", "value": "1"},
        valid_until=timezone.now() + timedelta(days=1),
    )
    await stored(lambda: ChargePoint.objects.update(minimum_security_profile=2))
    box.profile = 2
    await box.logs_in()
    row = await closed(stored, command)
    assert row.status == CommandStatus.UNDELIVERED
    assert "never lowered" in row.error_description


async def test_a_raise_needs_a_password(cp, lift):
    with pytest.raises(CommandRefused, match="no password"):
        await lift(1)


@pytest.mark.parametrize(("profile", "words"), [("3", "does not see certificates"), ("4", "no security profile 4")])
async def test_a_profile_we_cannot_check_is_not_raised_to(station, stored, profile, words):
    """Not by an expert either: a station of profile 3 shows a certificate and no password."""
    payload = {"key": "SecurityProfile", "value": profile}
    with pytest.raises(CommandRefused, match=words):
        await sync_to_async(commands.queue_command)(station, "ChangeConfiguration", payload)
    assert not await stored(Command.objects.exists)
