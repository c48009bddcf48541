"""The wizard to a higher security profile: step by step, interrupted at each, and never is a charger locked out."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.utils import timezone

from certificates import authority, delivery, requests, roots, upgrades
from certificates.models import CertificateUse, RootCertificate, SecurityUpgrade, SigningRequest
from certificates.upgrade_way import PATIENCE, commands_of
from certificates.upgrade_words import PROBLEMS, WORDS, explanation
from stations import commands
from stations.commands import CommandRefused, Origin
from stations.models import OPEN_STATUSES, ChargePoint, Command, SecurityChange, StationModel
from tests.conftest import make_station
from tests.fake_charge_point import FakeChargePoint, OurCall
from transactions.models import Transaction

pytestmark = pytest.mark.long

State, Step = SecurityUpgrade.State, SecurityUpgrade.Step
SOON, LATER = timedelta(seconds=1), timedelta(minutes=3)
TOO_LATE = timedelta(minutes=11)


class Box:
    """The station's side: its settings, what it refuses, and how it comes back."""

    def __init__(self, connect: Callable[..., Awaitable[FakeChargePoint]], stored: Any) -> None:
        self._connect, self.stored = connect, stored
        self.profile, self.key = 0, ""
        self.heard: list[str] = []
        #: what it is asked → its answer; a word of INTERRUPTIONS, a payload, or nothing for its usual answer
        self.answers: dict[str, Any] = {}
        self.certificate: str | None = None
        self.own = ec.generate_private_key(ec.SECP256R1())
        self.name = "SN-1"
        self.shift = SOON
        #: whether it is interrupted every time, or once
        self.is_stubborn = False
        #: whether it says something by itself when it comes
        self.is_talkative = True
        self.cp: FakeChargePoint | None = None

    async def dials(self, profile: int | None = None) -> FakeChargePoint:
        profile = self.profile if profile is None else profile
        token = base64.b64encode(b"CP1:" + bytes.fromhex(self.key))
        has_key = self.key and profile in (1, 2)
        self.cp = await self._connect(
            "CP1",
            headers=((b"authorization", b"Basic " + token),) if has_key else (),
            scheme="wss" if profile >= 2 else "ws",
            certificate=self.certificate if profile == 3 else None,
        )
        return self.cp

    async def comes(self, profile: int | None = None) -> int:
        """Drop the line, come back and say something."""
        await self.leaves()
        cp = await self.dials(profile)
        if cp.status == 101 and self.is_talkative:
            await cp.call("Heartbeat")
        await self.stored(lambda: None)
        return cp.status

    async def leaves(self) -> None:
        if self.cp is not None:
            await self.cp.disconnect()
        await self.stored(lambda: None)

    async def tick(self) -> int:
        now = timezone.now() + self.shift
        return await self.stored(lambda: delivery.advance_all(now) + upgrades.advance_all(now))

    async def goes_on(self) -> SecurityUpgrade:
        """Let the clock tick and the station answer until nothing happens any more."""
        for _ in range(40):
            ticked = await self.tick()
            while await self.answers_one():
                ticked += 1
            if not ticked and not await self._is_about_to_hear():
                break
        return await self.stored(lambda: SecurityUpgrade.objects.select_related("root").latest("created_at"))

    async def _is_about_to_hear(self) -> bool:
        """Whether a command is on its way to a line that stands."""
        queued = Command.objects.filter(status__in=OPEN_STATUSES, charge_point__gateway__isnull=False)
        return await self.stored(queued.exclude(charge_point__connection="").exists)

    async def answers_one(self) -> bool:
        if self.cp is None or self.cp.status != 101 or self.cp.close_code is not None or await self.cp.is_silent():
            return False
        call = await self.cp.hears()
        what = _what(call)
        self.heard.append(what)
        answer = self.answers.get(what)
        if isinstance(answer, str) and answer in INTERRUPTIONS:
            if not self.is_stubborn:
                del self.answers[what]
            await INTERRUPTIONS[answer](self, call)
        elif isinstance(answer, str):
            await call.fails(answer)
        else:
            await call.replies(**(answer or self._usual(call)))
            await commands.wait_for(call.unique_id, 10)
            if not answer:
                await self._does(call)
        return True

    def _usual(self, call: OurCall) -> dict[str, Any]:
        if call.action == "GetConfiguration":
            known = [{"key": "SecurityProfile", "readonly": False, "value": str(self.profile)}]
            return {"configurationKey": known, "unknownKey": call.payload["key"][1:]}
        if call.action == "GetInstalledCertificateIds":
            return {"status": "NotFound"}
        return {"status": "Accepted"}

    async def _does(self, call: OurCall) -> None:
        """What follows from what it has accepted."""
        match _what(call):
            case "AuthorizationKey":
                self.key = call.payload["value"]
            case "SecurityProfile":
                self.profile = int(call.payload["value"])
                await self.comes()
            case "ExtendedTriggerMessage":
                assert self.cp is not None
                await self.cp.call("SignCertificate", csr=self.request())
                await self.stored(lambda: None)
            case "CertificateSigned":
                self.certificate = call.payload["certificateChain"]

    def request(self) -> str:
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "plugcontrol"),
                x509.NameAttribute(NameOID.COMMON_NAME, self.name),
            ]
        )
        made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(self.own, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.PEM).decode()


def _what(call: OurCall) -> str:
    return str(call.payload["key"]) if call.action == "ChangeConfiguration" else call.action


async def _loses_its_line(box: Box, _call: OurCall) -> None:
    await box.comes()


async def _is_silent(_box: Box, call: OurCall) -> None:
    """Its answer never comes: the command's time-out (1 s) ends it."""
    await commands.wait_for(call.unique_id, 10)


async def _server_dies(box: Box, call: OurCall) -> None:
    """The process that had sent it is gone with its sockets; another one finds the row long after."""
    await box.leaves()
    await box.stored(
        lambda: Command.objects.filter(pk=call.unique_id).update(
            status="sent", sent_at=timezone.now() - timedelta(hours=1), closed_at=None, error_description=""
        )
    )
    await box.stored(lambda: commands.close_lost(timezone.now()))
    await box.comes()


INTERRUPTIONS: dict[Any, Callable[[Box, OurCall], Awaitable[None]]] = {
    "loses its line": _loses_its_line,
    "is silent": _is_silent,
    "server dies": _server_dies,
}


@pytest.fixture
async def box(gateway, connect, stored, settings) -> Box:
    settings.PUBLIC_URL = "https://charge.example.org"
    settings.CLIENT_CERTIFICATE_HEADER = "x-client-certificate"
    await sync_to_async(make_station)(serial_number="SN-1")
    await sync_to_async(StationModel.objects.create)(command_timeout_s=1)
    box = Box(connect, stored)
    await box.comes()
    return box


async def root() -> RootCertificate:
    def add() -> RootCertificate:
        ca = authority.current()
        assert ca is not None
        known = RootCertificate.objects.filter(use=CertificateUse.CENTRAL_SYSTEM).first()
        return known or roots.add_root("Ours", CertificateUse.CENTRAL_SYSTEM, ca.root_pem)

    return await sync_to_async(add)()


async def begin(profile: int, with_root: bool = True) -> SecurityUpgrade:
    station = await ChargePoint.objects.aget(identity="CP1")
    chosen = await root() if with_root else None
    return await sync_to_async(upgrades.begin)(station, profile, origin=Origin(actor="Anna"), root=chosen)


async def minimum() -> int:
    return (await ChargePoint.objects.aget(identity="CP1")).minimum_security_profile


def told(upgrade: SecurityUpgrade) -> list[str]:
    return [f"{step} {word}" for step, word, _at in upgrade.steps]


# The whole way


async def test_from_no_password_to_tls(box):
    await begin(2)
    upgrade = await box.goes_on()
    assert (upgrade.state, upgrade.problem, await minimum()) == (State.DONE, "", 2)
    assert [what for what in box.heard if what != "GetInstalledCertificateIds"] == [
        *("GetConfiguration", "AuthorizationKey", "InstallCertificate", "SecurityProfile"),
    ]
    assert told(upgrade)[:4] == ["check done", "password done", "root done", "operator passed"]
    sent = await box.stored(lambda: list(commands_of(upgrade).values_list("actor", "payload")))
    assert {actor for actor, _payload in sent} == {"Anna"}
    assert box.key not in str(sent), "the password is in no row"


async def test_to_a_password_only(box):
    await begin(1, with_root=False)
    upgrade = await box.goes_on()
    assert (upgrade.state, await minimum()) == (State.DONE, 1)
    assert box.heard == ["GetConfiguration", "AuthorizationKey", "SecurityProfile"]


async def test_to_a_certificate_of_its_own(box):
    await begin(3)
    upgrade = await box.goes_on()
    assert (upgrade.state, upgrade.problem, await minimum()) == (State.DONE, "", 3)
    assert [what for what in box.heard if what != "GetInstalledCertificateIds"] == [
        *("GetConfiguration", "InstallCertificate", "CpoName", "ExtendedTriggerMessage", "CertificateSigned"),
        "SecurityProfile",
    ]
    assert upgrade.profile_before == 0
    request = await SigningRequest.objects.aget()
    assert request.state == SigningRequest.State.ACCEPTED


async def test_what_is_there_already_is_not_done_again(box):
    await begin(2)
    await box.goes_on()
    box.heard.clear()
    await begin(3)
    upgrade = await box.goes_on()
    assert (upgrade.state, await minimum()) == (State.DONE, 3)
    assert "InstallCertificate" not in box.heard, "a charger that speaks TLS trusts this server"
    assert "AuthorizationKey" not in box.heard


async def test_a_root_that_it_holds_is_not_sent_again(box):
    known = await root()
    box.answers["GetInstalledCertificateIds"] = await box.stored(lambda: _ids_of(known))
    station = await ChargePoint.objects.aget(identity="CP1")
    await sync_to_async(upgrades.begin)(station, 2, root=known)
    upgrade = await box.goes_on()
    assert upgrade.state == State.DONE
    assert "InstallCertificate" not in box.heard
    assert "root already" in told(upgrade)


def _ids_of(known: RootCertificate) -> dict[str, Any]:
    from certificates import x509 as own

    certificate = own.read_chain(known.pem)[0]
    return {"status": "Accepted", "certificateHashData": [own.hash_data(certificate, certificate, "SHA256")]}


# Interrupted


@pytest.mark.parametrize("interruption", list(INTERRUPTIONS))
@pytest.mark.parametrize("step", ["GetConfiguration", "AuthorizationKey", "InstallCertificate", "SecurityProfile"])
async def test_interrupted_once_it_goes_on(box, step, interruption):
    """A line, an answer or a server that is lost in the middle: the same is asked again, and in the end it is done."""
    box.answers[step] = interruption
    await begin(2)
    upgrade = await box.goes_on()
    if step == "SecurityProfile":  # it might have been on its way: only its return tells
        assert (upgrade.state, upgrade.step) == (State.RUNNING, Step.RETURN)
        box.shift = LATER
        if interruption == "is silent":
            assert await box.comes() == 101
        upgrade = await box.goes_on()
    assert (upgrade.state, upgrade.problem, await minimum()) == (State.DONE, "", 2)
    assert box.heard.count(step) == 2


@pytest.mark.parametrize("step", ["CpoName", "ExtendedTriggerMessage"])
async def test_interrupted_on_the_way_to_a_certificate(box, step):
    box.answers[step] = "loses its line"
    await begin(3)
    upgrade = await box.goes_on()
    assert (upgrade.state, await minimum()) == (State.DONE, 3)


@pytest.mark.parametrize(
    ("step", "answer", "state", "problem"),
    [
        ("AuthorizationKey", {"status": "Rejected"}, State.FAILED, "password_refused"),
        ("AuthorizationKey", "NotImplemented", State.FAILED, "password_refused"),
        ("InstallCertificate", {"status": "Rejected"}, State.WAITING, "root_refused"),
        ("InstallCertificate", "NotImplemented", State.WAITING, "root_refused"),
        ("SecurityProfile", {"status": "Rejected"}, State.FAILED, "switch_refused"),
        ("SecurityProfile", {"status": "NotSupported"}, State.FAILED, "switch_refused"),
    ],
)
async def test_refused_it_ends_and_the_charger_is_let_in_as_before(box, step, answer, state, problem):
    box.answers[step] = answer
    await begin(2)
    upgrade = await box.goes_on()
    assert (upgrade.state, upgrade.problem, await minimum()) == (state, problem, 0)
    assert explanation(upgrade)
    assert await box.comes() == 101


async def test_a_charger_that_knows_no_profiles_is_left_alone(box):
    box.answers["GetConfiguration"] = {"unknownKey": ["SecurityProfile"]}
    await begin(2)
    upgrade = await box.goes_on()
    assert (upgrade.state, upgrade.problem) == (State.FAILED, "unsupported")
    assert box.heard == ["GetConfiguration"]


async def test_what_it_cannot_say_of_itself_stops_nothing(box):
    box.answers |= {"GetConfiguration": "InternalError", "GetInstalledCertificateIds": "NotImplemented"}
    await begin(2)
    assert (await box.goes_on()).state == State.DONE


async def test_three_silences_are_enough(box):
    box.answers["GetConfiguration"] = "loses its line"
    box.is_stubborn = True
    await begin(1, with_root=False)
    upgrade = await box.goes_on()
    assert (upgrade.state, upgrade.problem, box.heard) == (State.FAILED, "silent", ["GetConfiguration"] * 3)


@pytest.mark.parametrize("step", ["GetConfiguration", "AuthorizationKey", "InstallCertificate", "SecurityProfile"])
async def test_cancelled_at_each_step_it_is_let_in(box, step):
    upgrade = await begin(2)
    box.answers[step] = "somebody cancels"

    async def cancels(box: Box, call: OurCall) -> None:
        assert await sync_to_async(upgrades.cancel)(upgrade)
        await call.replies(**box._usual(call))
        await commands.wait_for(call.unique_id, 10)
        if step == "AuthorizationKey":
            box.key = call.payload["value"]
            assert await box.comes(0) == 101, "the new password is not asked for before it was used"

    INTERRUPTIONS["somebody cancels"] = cancels
    try:
        ended = await box.goes_on()
    finally:
        del INTERRUPTIONS["somebody cancels"]
    assert (ended.state, await minimum()) == (State.CANCELLED, 0)
    assert set(box.heard[box.heard.index(step) + 1 :]) <= {"GetInstalledCertificateIds"}, "nothing of it follows"
    assert await box.comes() == 101
    assert not await sync_to_async(upgrades.cancel)(upgrade), "it is over"


async def test_what_waits_in_the_line_is_taken_back_with_it(box):
    await box.leaves()
    upgrade = await begin(2)
    await box.tick()
    await sync_to_async(upgrades.cancel)(upgrade)
    assert (await Command.objects.aget()).status == "cancelled"


async def test_a_charger_that_is_away_gets_it_when_it_returns(box):
    await box.leaves()
    await begin(2)
    upgrade = await box.goes_on()
    assert (upgrade.state, upgrade.step) == (State.RUNNING, Step.CHECK)
    await box.comes()
    assert (await box.goes_on()).state == State.DONE


async def test_away_for_a_day_it_ends(box):
    await box.leaves()
    await begin(2)
    await box.tick()
    await box.stored(lambda: commands.close_lost(timezone.now() + PATIENCE + SOON))
    upgrade = await box.goes_on()
    assert (upgrade.state, upgrade.problem, await minimum()) == (State.FAILED, "away_too_long", 0)


async def test_a_cancelled_command_ends_it(box):
    await box.leaves()
    await begin(2)
    await box.tick()
    await box.stored(lambda: commands.cancel_command(Command.objects.get()))
    assert (await box.goes_on()).problem == "command_cancelled"


async def test_looked_at_twice_nothing_is_sent_twice(box):
    await begin(2)
    for _ in range(3):
        await box.tick()
    assert await Command.objects.acount() == 1


# Coming back


async def test_it_comes_back_as_it_was(box):
    box.answers["SecurityProfile"] = {"status": "Accepted"}
    await begin(2)
    await box.goes_on()
    assert await box.comes(1) == 101
    upgrade = await box.goes_on()
    assert upgrade.state == State.RUNNING, "it may try again in a moment"
    box.shift = LATER
    upgrade = await box.goes_on()
    assert (upgrade.state, upgrade.problem, await minimum()) == (State.RETURNED, "came_back", 1)
    change = await SecurityChange.objects.aget(kind=SecurityChange.Kind.PROFILE)
    assert change.state == SecurityChange.State.ROLLED_BACK
    assert (await box.comes(1), await box.comes(2)) == (101, 101)


async def test_a_charger_that_comes_and_says_nothing_is_made_to_speak(box):
    box.is_talkative = False
    await begin(2)
    upgrade = await box.goes_on()
    assert (upgrade.state, await minimum()) == (State.DONE, 2)
    assert box.heard[-2:] == ["SecurityProfile", "GetConfiguration"]


async def test_a_charger_that_dials_anew_with_its_password_before_it_is_told(box, monkeypatch):
    """As it does when the server dies between the two steps; the clock looks before its first word."""

    async def dials_anew(box: Box, call: OurCall) -> None:
        await call.replies(status="Accepted")
        await commands.wait_for(call.unique_id, 10)
        box.key, box.profile = call.payload["value"], 1
        await box.leaves()
        await box.dials()

    monkeypatch.setitem(INTERRUPTIONS, "dials anew", dials_anew)
    box.answers["AuthorizationKey"] = "dials anew"
    await begin(1, with_root=False)
    upgrade = await box.goes_on()
    assert (upgrade.state, upgrade.problem, await minimum()) == (State.DONE, "", 1)
    assert box.heard == ["GetConfiguration", "AuthorizationKey", "GetConfiguration"]


async def test_it_does_not_come_back_and_is_awaited(box):
    box.answers["SecurityProfile"] = {"status": "Accepted"}
    await begin(2)
    await box.goes_on()
    await box.leaves()
    box.shift = TOO_LATE
    upgrade = await box.goes_on()
    assert (upgrade.state, upgrade.problem, await minimum()) == (State.WAITING, "away", 0)
    assert await box.comes(2) == 101
    upgrade = await box.goes_on()
    assert (upgrade.state, await minimum()) == (State.DONE, 2)


async def test_somebody_gives_it_more_time(box):
    box.answers["SecurityProfile"] = {"status": "Accepted"}
    waiting = await begin(2)
    await box.goes_on()
    await box.leaves()
    box.shift = TOO_LATE
    await box.goes_on()
    assert await sync_to_async(upgrades.carry_on)(waiting)
    box.shift = SOON
    upgrade = await box.goes_on()
    assert (upgrade.state, upgrade.problem) == (State.RUNNING, "")


async def test_it_is_given_up_after_a_day(box):
    box.answers["SecurityProfile"] = {"status": "Accepted"}
    await begin(2)
    await box.goes_on()
    await box.leaves()
    box.shift = PATIENCE + TOO_LATE
    upgrade = await box.goes_on()
    assert (upgrade.state, upgrade.problem, await minimum()) == (State.FAILED, "never_back", 0)
    assert (await box.comes(1), await box.comes(2)) == (101, 101)


async def test_a_charger_that_needs_a_restart_is_restarted(box):
    box.answers["SecurityProfile"] = {"status": "RebootRequired"}
    await begin(2)
    await box.goes_on()
    assert box.heard[-1] == "Reset"
    assert await box.comes(2) == 101
    assert (await box.goes_on()).state == State.DONE


async def test_nobody_is_interrupted_by_the_restart(box):
    box.answers["SecurityProfile"] = {"status": "RebootRequired"}
    await begin(2)
    session = await box.stored(_session)
    upgrade = await box.goes_on()
    assert (upgrade.state, upgrade.problem) == (State.WAITING, "restart_later")
    assert "Reset" not in box.heard
    await box.stored(lambda: Transaction.objects.filter(pk=session.pk).update(ended_by="station"))
    upgrade = await box.goes_on()
    assert (upgrade.state, box.heard[-1]) == (State.RUNNING, "Reset")


def _session() -> Transaction:
    station = ChargePoint.objects.get(identity="CP1")
    at: datetime = timezone.now()
    return Transaction.objects.create(
        charge_point=station,
        connector=station.connectors.create(connector_id=1),
        id_tag="CAFE",
        authorization_status="Accepted",
        started_at=at,
        start_reported_at=at,
        meter_start_wh=0,
        register_wh=0,
        register_at=at,
    )


async def test_a_charger_that_keeps_its_line_is_restarted_once_and_then_left(box):
    box.answers |= {"SecurityProfile": {"status": "Accepted"}, "Reset": {"status": "Rejected"}}
    await begin(2)
    await box.goes_on()
    assert "Reset" not in box.heard
    box.shift = LATER
    await box.goes_on()
    assert box.heard[-1] == "Reset"
    box.shift = LATER + TOO_LATE
    upgrade = await box.goes_on()
    assert (upgrade.state, upgrade.problem, await minimum()) == (State.RETURNED, "kept_old", 0)
    assert box.heard.count("Reset") == 1


async def test_a_lost_answer_and_a_return_with_the_new_profile(box):
    await begin(2)

    async def comes_with_it(box: Box, _call: OurCall) -> None:
        await box.comes(2)

    box.answers["SecurityProfile"] = "comes with it"
    INTERRUPTIONS["comes with it"] = comes_with_it
    try:
        upgrade = await box.goes_on()
    finally:
        del INTERRUPTIONS["comes with it"]
    assert (upgrade.state, await minimum()) == (State.DONE, 2)


# Certificates and people


async def test_a_request_that_names_another_waits_for_a_person(box):
    box.name = "another"
    await begin(3)
    upgrade = await box.goes_on()
    assert (upgrade.state, upgrade.step, upgrade.problem) == (State.WAITING, Step.CERTIFICATE, "request_refused")
    request = await SigningRequest.objects.select_related("charge_point").aget()
    await sync_to_async(requests.sign)(request)
    await box.goes_on()
    assert "CertificateSigned" in box.heard, "the charger has its certificate, whatever its name lets it do"


async def test_a_rejected_certificate_is_asked_for_again(box):
    box.answers["CertificateSigned"] = {"status": "Rejected"}
    waiting = await begin(3)
    upgrade = await box.goes_on()
    assert (upgrade.state, upgrade.problem) == (State.WAITING, "certificate_rejected")
    del box.answers["CertificateSigned"]
    assert await sync_to_async(upgrades.carry_on)(waiting)
    upgrade = await box.goes_on()
    assert (upgrade.state, await minimum(), box.heard.count("ExtendedTriggerMessage")) == (State.DONE, 3, 2)


async def test_a_promised_request_that_does_not_come(box):
    box.answers["ExtendedTriggerMessage"] = {"status": "Accepted"}
    await begin(3)
    assert (await box.goes_on()).state == State.RUNNING
    box.shift = TOO_LATE
    assert (await box.goes_on()).problem == "no_request"


async def test_a_request_made_at_the_charger_counts_too(box):
    box.answers["ExtendedTriggerMessage"] = {"status": "NotImplemented"}
    await begin(3)
    assert (await box.goes_on()).problem == "cannot_ask"
    await box.cp.call("SignCertificate", csr=box.request())
    await box.goes_on()
    assert await SigningRequest.objects.acount() == 1


async def test_a_root_installed_by_hand(box):
    box.answers["InstallCertificate"] = {"status": "Rejected"}
    waiting = await begin(2)
    await box.goes_on()
    assert await sync_to_async(upgrades.carry_on)(waiting)
    upgrade = await box.goes_on()
    assert upgrade.state == State.DONE
    assert "root by_hand" in told(upgrade)
    assert not await sync_to_async(upgrades.carry_on)(upgrade)


# What is not begun


@pytest.mark.parametrize(
    ("profile", "changed", "says"),
    [
        (0, {}, "1, 2 and 3"),
        (4, {}, "1, 2 and 3"),
        (2, {"archived_at": timezone.now()}, "archived"),
        (2, {"registration_status": "Pending"}, "not been approved"),
        (2, {"security_profile": 2}, "already"),
        (1, {"minimum_security_profile": 1}, "already"),
    ],
)
@pytest.mark.django_db
def test_what_cannot_be_is_not_begun(settings, profile, changed, says):
    settings.PUBLIC_URL = "https://charge.example.org"
    station = make_station(**changed)
    with pytest.raises(CommandRefused, match=says):
        upgrades.begin(station, profile)
    assert not SecurityUpgrade.objects.exists()


@pytest.mark.django_db
def test_no_charger_is_sent_to_a_door_that_is_not_there(settings):
    station = make_station()
    with pytest.raises(CommandRefused, match="does not speak TLS"):
        upgrades.begin(station, 2)
    settings.PUBLIC_URL = "https://charge.example.org"
    with pytest.raises(CommandRefused, match="does not see chargers' certificates"):
        upgrades.begin(station, 3)
    upgrades.begin(station, 1)
    with pytest.raises(CommandRefused, match="under way already"):
        upgrades.begin(station, 2)


@pytest.mark.django_db
def test_an_archived_charger_ends_it(settings):
    settings.PUBLIC_URL = "https://charge.example.org"
    station = make_station()
    upgrade = upgrades.begin(station, 2)
    upgrades.advance_all(timezone.now())
    ChargePoint.objects.update(archived_at=timezone.now())
    upgrades.advance_all(timezone.now())
    upgrade.refresh_from_db()
    assert (upgrade.state, upgrade.problem) == (State.FAILED, "archived")
    assert Command.objects.get().status == "cancelled", "nothing of it is sent any more"


def test_every_code_has_words():
    from pathlib import Path

    source = "".join(
        Path(f"certificates/{name}.py").read_text() for name in ("upgrade_steps", "upgrade_way", "upgrades")
    )
    assert [code for code in [*PROBLEMS, *WORDS] if f'"{code}"' not in source] == []
