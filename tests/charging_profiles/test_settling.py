"""Profiles whose fate no answer told, and those of sessions that are over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from charging_profiles import clearing
from charging_profiles.models import Assignment, Kind, Purpose
from charging_profiles.settling import settle
from stations import commands
from stations.commands import SYSTEM, queue_command
from stations.models import ChargePoint, Command, CommandStatus, EffectStatus

from .conftest import WIRE, answer, end_session, lose, make_profile, make_session, states

pytestmark = pytest.mark.django_db


def settled(after: timedelta = timedelta(0)) -> int:
    return settle(timezone.now() + after)


# Lost answers


@pytest.mark.parametrize("end", [CommandStatus.TIMED_OUT, CommandStatus.FAILED])
def test_sent_and_never_answered(give: Callable[..., Assignment], end: CommandStatus) -> None:
    row = give(make_profile(), says=None)
    lose(row.command, end)
    assert (settled(), states()) == (1, ["uncertain"])
    row.refresh_from_db()
    assert (row.ended_at, row.installed_at) == (None, row.command.sent_at)
    assert settled() == 0


def test_a_callerror_is_a_refusal(give: Callable[..., Assignment]) -> None:
    lose(give(make_profile(), says=None).command, CommandStatus.FAILED, "NotSupported")
    assert (settled(), states()) == (1, ["refused"])


@pytest.mark.parametrize("end", [CommandStatus.CANCELLED, CommandStatus.EXPIRED, CommandStatus.UNDELIVERED])
def test_never_sent(give: Callable[..., Assignment], end: CommandStatus) -> None:
    command = give(make_profile(), says=None).command
    assert commands.close_command(command, end)
    assert (settled(), states()) == (1, ["not_sent"])


def test_one_on_its_way_is_left_alone(give: Callable[..., Assignment]) -> None:
    give(make_profile(), says=None)
    assert (settled(), states()) == (0, ["asked"])


def test_what_was_accepted_though_nobody_could_store_it(give: Callable[..., Assignment]) -> None:
    give(make_profile("A"))
    command = give(make_profile("B"), says=None).command
    assert commands.mark_sent(command, "c1")
    commands.close_command(command, CommandStatus.ACCEPTED, answer={"status": "Accepted"})
    assert (settled(), states()) == (1, ["replaced", "installed"])


def test_a_lost_one_replaces_nothing_for_certain(give: Callable[..., Assignment]) -> None:
    give(make_profile("A"))
    lose(give(make_profile("B"), says=None).command)
    settled()
    assert states() == ["installed", "uncertain"]
    give(make_profile("C"))
    assert states() == ["replaced", "replaced", "installed"]


def test_the_next_one_was_faster_than_the_clock(give: Callable[..., Assignment]) -> None:
    lose(give(make_profile("A"), says=None).command)
    give(make_profile("B"))
    settled()
    assert states() == ["replaced", "installed"]


def test_what_is_stored_late_does_not_replace_what_came_after_it(
    give: Callable[..., Assignment], tell: Callable[..., Command]
) -> None:
    """Accepted while we could not store it, and the next one was accepted before the clock found it."""
    for first in (give(make_profile("A"), says=None).command, tell(stackLevel=1)):
        assert first is not None
        assert commands.mark_sent(first, "c1")
        commands.close_command(first, CommandStatus.ACCEPTED, answer={"status": "Accepted"})
    give(make_profile("B"))
    give(make_profile("C", stack_level=1))
    settled()
    assert sorted(states()) == ["installed", "installed", "replaced", "replaced"]
    assert set(Assignment.objects.filter(state="installed").values_list("profile__name", flat=True)) == {"B", "C"}
    assert settled() == 0


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ({"status": "Accepted"}, "installed"),
        ({"status": "Rejected"}, "refused"),
        ({"errorCode": "NotSupported"}, "refused"),
        ("gibberish", "uncertain"),
    ],
)
def test_an_answer_that_came_too_late(give: Callable[..., Assignment], said: Any, state: str) -> None:
    command = lose(give(make_profile(), says=None).command)
    settled()
    assert commands.keep_late_answer(command.charge_point_id, str(command.pk), said)
    settled()
    assert states() == [state]


def test_others_lost_profiles_are_uncertain_too(tell: Callable[..., Command]) -> None:
    lose(tell())
    assert (settled(), states()) == (1, ["uncertain"])
    assert settled() == 0


def test_others_profiles_that_certainly_did_not_arrive(tell: Callable[..., Command]) -> None:
    commands.close_command(tell(), CommandStatus.EXPIRED)
    lose(tell(), CommandStatus.FAILED, "NotImplemented")
    answer(tell(), "Rejected")
    assert (settled(), states()) == (0, [])


def test_others_accepted_profile_that_could_not_be_stored(tell: Callable[..., Command]) -> None:
    command = tell()
    assert commands.mark_sent(command, "c1")
    commands.close_command(command, CommandStatus.ACCEPTED, answer={"status": "Accepted"})
    assert (settled(), states()) == (1, ["installed"])


# Lost clearings


def test_a_lost_clearing_makes_unsure(online: ChargePoint, give: Callable[..., Assignment]) -> None:
    give(make_profile("A"), 1)
    give(make_profile("B"), 2)
    command = lose(clearing.clear_matching(online, connector_id=1, origin=SYSTEM))
    settled()
    assert states() == ["uncertain", "installed"]
    commands.keep_late_answer(online.pk, str(command.pk), {"status": "Accepted"})
    settled()
    assert states() == ["cleared", "installed"]


def test_a_lost_clearing_makes_unsure_of_what_was_confirmed_late(
    online: ChargePoint, give: Callable[..., Assignment]
) -> None:
    told = lose(give(make_profile(), says=None).command)
    settled()
    commands.keep_late_answer(online.pk, str(told.pk), {"status": "Accepted"})
    settled()
    assert states() == ["installed"]
    lose(clearing.clear_all(online, origin=SYSTEM))
    for after in (timedelta(0), timedelta(seconds=30), timedelta(hours=2)):
        settled(after)
        assert states() == ["uncertain"]


@pytest.mark.parametrize(
    ("connector_id", "says", "state"),
    [
        (1, "Accepted", "cleared"),
        (1, "Unknown", "cleared"),
        (2, "Accepted", "uncertain"),
        (1, "NotSupported", "uncertain"),
    ],
)
def test_a_lost_profile_that_was_cleared_before_the_clock_came(
    online: ChargePoint,
    give: Callable[..., Assignment],
    tell: Callable[..., Command],
    connector_id: int,
    says: str,
    state: str,
) -> None:
    """Stations are told one thing after the other: what is cleared later is gone, though no answer came."""
    lose(give(make_profile(), says=None).command)
    lose(tell(stackLevel=1))
    answer(clearing.clear_matching(online, connector_id=connector_id, origin=SYSTEM), says)
    settled()
    assert states() == [state] * 2


def test_what_came_after_it_is_sure(online: ChargePoint, give: Callable[..., Assignment]) -> None:
    lose(clearing.clear_all(online, origin=SYSTEM))
    give(make_profile())
    assert (settled(), states()) == (0, ["installed"])


# Sessions


def test_a_session_takes_its_profile_along(online: ChargePoint, give: Callable[..., Assignment]) -> None:
    session, other = make_session(online), make_session(online, 2)
    of_session = make_profile(purpose=Purpose.TX, kind=Kind.RELATIVE)
    row, _other = give(of_session, transaction=session), give(of_session, 2, transaction=other)
    give(make_profile("Default"))
    assert settled() == 0
    stopped_at = timezone.now()
    end_session(session, stopped_at)
    assert (settled(), states()) == (1, ["ended", "installed", "installed"])
    row.refresh_from_db()
    assert row.ended_at == stopped_at


def test_a_remote_start_s_profile_finds_its_session(online: ChargePoint) -> None:
    command = _remote_start(online)
    assert (settled(), states()) == (0, ["installed"])  # the car is not there yet
    session = make_session(online, 2)
    Command.objects.filter(pk=command.pk).update(
        effect_status=EffectStatus.SEEN, effect={"transaction": session.pk}, effect_due_at=None
    )
    assert settled() == 1
    row = Assignment.objects.get()
    assert (row.transaction, row.connector_id, row.state) == (session, 2, "installed")
    end_session(session)
    assert (settled(), states()) == (1, ["ended"])


def test_a_start_without_an_answer_brought_its_profile_with_its_session(online: ChargePoint) -> None:
    command = _remote_start(online, says=None)
    assert (settled(), states()) == (0, [])
    session = make_session(online, 2)
    Command.objects.filter(pk=command.pk).update(effect_status=EffectStatus.SEEN, effect={"transaction": session.pk})
    settled()
    row = Assignment.objects.get()
    assert (row.transaction, row.connector_id, row.state) == (session, 2, "uncertain")
    assert settled() == 0
    end_session(session)
    assert (settled(), states()) == (1, ["ended"])


def test_no_car_came(online: ChargePoint) -> None:
    command = _remote_start(online)
    Command.objects.filter(pk=command.pk).update(effect_status=EffectStatus.MISSED)
    assert (settled(), states()) == (1, ["ended"])


def test_a_remote_start_without_a_profile_or_refused(online: ChargePoint) -> None:
    answer(queue_command(online, "RemoteStartTransaction", {"idTag": "CAFE"}))
    _remote_start(online, "Rejected")
    assert (settled(), states()) == (0, [])


def test_a_profile_of_a_session_that_nobody_knows(online: ChargePoint, tell: Callable[..., Command]) -> None:
    answer(tell(chargingProfilePurpose="TxProfile", transactionId=4711))
    answer(tell(2, chargingProfilePurpose="TxProfile", transactionId=4712, chargingProfileId=2))
    make_session(online, 2)
    assert settled() == 0
    assert (settled(timedelta(minutes=6)), states()) == (1, ["ended", "installed"])


def _remote_start(station: ChargePoint, says: str | None = "Accepted") -> Command:
    profile = {**WIRE, "chargingProfilePurpose": "TxProfile"}
    command = queue_command(station, "RemoteStartTransaction", {"idTag": "CAFE", "chargingProfile": profile})
    return lose(command) if says is None else answer(command, says)
