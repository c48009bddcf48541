"""The steps to a higher security profile (white paper A05), one function each: what to send, and what its end means.

A step looks at rows only: the upgrade's commands, found by their idempotency keys, what the station told us, and who
holds its line. So it may be looked at as often as one likes, by whatever process.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from stations import rotation
from stations.commands import CommandRefused
from stations.configuration import TAKEN
from stations.models import ChargePoint, Command, CredentialKind, SecurityChange
from stations.templates import is_same
from transactions.models import Transaction

from . import installed, roots
from .models import CertificateUse, SigningRequest, StationCertificate
from .upgrade_way import MAX_TRIES, PATIENCE, Again, Ends, Outcome, Passed, State, Step, Waits, Way, is_lost, status_of

#: What was promised must have come by then: the request for a certificate, the station with its new profile.
COMES_WITHIN = timedelta(minutes=10)
#: A request that the clock signs by itself does not wait longer than this.
SIGNED_WITHIN = timedelta(minutes=1)
#: A line with the old profile that stands for so long is no mistake of the moment.
SETTLED = timedelta(minutes=2)
#: A certificate that ends sooner is no reason to go without a new one.
LASTS_AT_LEAST = timedelta(days=1)

#: What the first step asks for; its answer fills the rows that later steps look at.
KEYS = ("SecurityProfile", "CpoName", "AdditionalRootCertificateCheck", "CertificateSignedMaxChainSize")


def _check(way: Way) -> Outcome:
    """Its settings as they are; a station that does not know SecurityProfile cannot be told a new one."""
    command = way.asked("check", "GetConfiguration", {"key": list(KEYS)})
    if not isinstance(command, Command):
        return command
    answer = command.answer or command.late_answer
    if not isinstance(answer, dict):
        return Passed("unanswered")
    unknown = {str(key).upper() for key in answer.get("unknownKey") or ()}
    return Ends(State.FAILED, "unsupported") if "SECURITYPROFILE" in unknown else Passed()


def _password(way: Way) -> Outcome:
    if way.upgrade.profile == 3:
        return Passed("passed")
    if way.station.credential_kind != CredentialKind.NONE:
        return Passed("already")
    if way.key("password") not in way.sent and way.is_changing(SecurityChange.Kind.KEY):
        return Waits()
    command = way.end_of("password", lambda key: rotation.rotate_key(way.station, idempotency_key=key, **way.options))
    if not isinstance(command, Command):
        return command
    return Passed() if status_of(command) in TAKEN else Ends(State.FAILED, "password_refused")


def _root(way: Way) -> Outcome:
    """A station that speaks TLS already trusts us; others get the chosen root, unless they hold it."""
    root = way.upgrade.root
    if root is None or way.upgrade.profile < 2 or way.upgrade.profile_before >= 2:
        return Passed("passed")
    if way.key("root") not in way.sent:
        held = way.station.installed_certificates.filter(root=root)
        if held.exists():
            return Passed("already")
        use = CertificateUse.CENTRAL_SYSTEM
        reading = way.end_of("read", lambda key: installed.read(way.station, use, idempotency_key=key, **way.options))
        if not isinstance(reading, Command) and not _is_silence(reading):
            return reading
        if held.exists():
            return Passed("already")
    command = way.end_of("root", lambda key: roots.install(root, way.station, idempotency_key=key, **way.options))
    if not isinstance(command, Command):
        return command
    return Passed() if status_of(command) == "Accepted" else Waits("root_refused")


def _is_silence(outcome: Outcome) -> bool:
    """No word on what it holds is no reason not to give it the root."""
    return isinstance(outcome, Ends) and outcome.problem == "silent"


def _operator(way: Way) -> Outcome:
    """CpoName becomes the O of the request; a station that has no such setting may know the name otherwise."""
    if way.upgrade.profile < 3:
        return Passed("passed")
    known = way.station.configuration_keys.filter(key__iexact="CpoName").first()
    is_so = known is not None and is_same(settings.OPERATOR_NAME, known.value or "")
    if way.key("operator") not in way.sent and is_so:
        return Passed("already")
    command = way.asked("operator", "ChangeConfiguration", {"key": "CpoName", "value": settings.OPERATOR_NAME})
    if not isinstance(command, Command):
        return command
    return Passed("done" if status_of(command) in TAKEN else "refused")


def _certificate(way: Way) -> Outcome:
    """Ask for a request and follow it to the station's word on the certificate."""
    if way.upgrade.profile < 3:
        return Passed("passed")
    if way.newest("certificate") is None and usable_certificates(way.station, way.now).exists():
        return Passed("already")
    trigger = way.asked("certificate", "ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"})
    # it may send the request before it answers, or although its answer was lost
    request = _request_since(way.station, _asked_first_at(way))
    if request is not None:
        return _follow(request, way.now)
    if not isinstance(trigger, Command):
        return trigger
    if status_of(trigger) != "Accepted":
        return Waits("cannot_ask")
    answered_at = trigger.late_at or trigger.closed_at or trigger.created_at
    return Waits() if way.now < answered_at + COMES_WITHIN else Waits("no_request")


def usable_certificates(station: ChargePoint, now: datetime) -> QuerySet[StationCertificate]:
    """Certificates with which the station could log in, and that last."""
    return station.certificates.held(now).filter(not_after__gt=now + LASTS_AT_LEAST)


def _asked_first_at(way: Way) -> datetime | None:
    """When it was first asked in this round of tries."""
    begin = way.upgrade.tries - way.upgrade.tries % MAX_TRIES
    sent = [command.sent_at for number, command in way.all_of("certificate").items() if number >= begin]
    return min((at for at in sent if at is not None), default=None)


def _request_since(station: ChargePoint, since: datetime | None) -> SigningRequest | None:
    if since is None:
        return None
    return SigningRequest.objects.filter(charge_point=station, received_at__gte=since).order_by("-pk").first()


def _follow(request: SigningRequest, now: datetime) -> Outcome:
    states = SigningRequest.State
    if request.state == states.ACCEPTED:
        return Passed()
    if request.state == states.WAITING and now > request.received_at + SIGNED_WITHIN:
        return Waits("sign")
    problems = {
        states.REFUSED: "request_refused",
        states.REJECTED: "certificate_rejected",
        states.FAILED: "certificate_undelivered",
    }
    return Waits(problems.get(states(request.state), ""))


def _switch(way: Way) -> Outcome:
    """A lost answer says nothing: the station may have dropped its line to come back with the new profile."""
    if way.key("switch") not in way.sent and way.is_changing(SecurityChange.Kind.PROFILE):
        return Waits()
    command = way.end_of(
        "switch",
        lambda key: rotation.raise_security_profile(
            way.station, way.upgrade.profile, idempotency_key=key, **way.options
        ),
    )
    if isinstance(command, Ends) and command.problem == "refused" and _has_come(way):
        return _let_it_speak(way)
    told = way.sent.get(way.key("switch"))
    if told is not None and told.is_final and is_lost(told):
        return Passed("no_answer")
    if not isinstance(command, Command):
        return command
    status = status_of(command)
    if status not in TAKEN:
        return Ends(State.FAILED, "switch_refused")
    return Passed("restart" if status == "RebootRequired" else "done")


def _has_come(way: Way) -> bool:
    """Whether its line is at the profile before it was told: a password alone makes profile 1, and a server that has
    just started is dialled anew. What it says next is the proof.
    """
    way.station.refresh_from_db(fields=["security_profile"])
    return way.station.security_profile >= way.upgrade.profile


def _return(way: Way) -> Outcome:
    """Whether it came with the new profile is seen before any step; here it has not."""
    told = way.newest("switch")
    if told is None or told.closed_at is None:
        return Again(at=Step.SWITCH)
    station, restart = way.station, way.newest("restart")
    # since it was told, not since it answered: its new line may be faster than the storing of its answer
    since = (restart and restart.sent_at) or told.sent_at or told.created_at
    is_here = station.is_online and station.connected_at is not None
    has_reopened = is_here and station.connected_at is not None and station.connected_at > since
    due_at = way.upgrade.due_at or way.upgrade.step_at + COMES_WITHIN
    if has_reopened and station.security_profile >= way.upgrade.profile:
        return _let_it_speak(way)
    needs_restart = status_of(told) == "RebootRequired" or way.now > told.closed_at + SETTLED
    if restart is None and is_here and not has_reopened and needs_restart and not is_lost(told):
        return _restart(way)
    if has_reopened and station.connected_at is not None and way.now > station.connected_at + SETTLED:
        return _came_back_as_it_was(way, told)
    if way.now < due_at:
        return Waits()
    if is_here:
        return _came_back_as_it_was(way, told) if has_reopened or is_lost(told) else Ends(State.RETURNED, "kept_old")
    if way.now > way.upgrade.step_at + PATIENCE:
        return Ends(State.FAILED, "never_back")
    return Waits("away")


def _let_it_speak(way: Way) -> Outcome:
    """It has come with the new profile, but only a word from it is a proof; by itself it may be silent for minutes."""
    asked = way.all_of("speak")
    last = next(reversed(asked.values()), None)
    if last is None or (last.is_final and is_lost(last) and len(asked) < MAX_TRIES):
        way.queue("speak", "GetConfiguration", {"key": [KEYS[0]]}, number=len(asked))
    return Waits()


def _restart(way: Way) -> Outcome:
    if Transaction.objects.running().filter(charge_point=way.station).exists():
        return Waits("restart_later")
    try:
        way.queue("restart", "Reset", {"type": "Soft"})
    except CommandRefused as refusal:
        return Ends(State.FAILED, "refused", str(refusal))
    return Waits(word="restarting", due_at=way.now + COMES_WITHIN)


def _came_back_as_it_was(way: Way, told: Command) -> Outcome:
    """After a lost answer it may never have heard of the new profile: it is told again."""
    if is_lost(told) and len(way.all_of("switch")) < MAX_TRIES:
        return Again(at=Step.SWITCH)
    return Ends(State.RETURNED, "came_back")


STEPS: dict[Step, Callable[[Way], Outcome]] = {
    Step.CHECK: _check,
    Step.PASSWORD: _password,
    Step.ROOT: _root,
    Step.OPERATOR: _operator,
    Step.CERTIFICATE: _certificate,
    Step.SWITCH: _switch,
    Step.RETURN: _return,
}
ORDER = tuple(STEPS)
