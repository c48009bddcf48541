"""A command's life in plain words, step by step: who raised it, when it left, what came back, what followed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .models import Command, CommandSource, CommandStatus, EffectStatus
from .moments import local_text

#: How something went: a fact, under way, well, doubtful, badly.
QUIET, BUSY, GOOD, WARN, BAD = "quiet", "busy", "good", "warn", "bad"


@dataclass(frozen=True, slots=True)
class Step:
    """`kind` is one of QUIET … BAD; `words` are the station's own and shown as such; `transaction` is the session that
    the step brought or ended, its number."""

    at: datetime | None
    kind: str
    label: str
    text: str = ""
    words: str = ""
    transaction: int | None = None


#: What an answer's status means where the word alone does not say it.
ANSWERS = {
    "RebootRequired": gettext_lazy("It is stored and counts after a restart."),
    "Scheduled": gettext_lazy("It will happen when the running session has ended."),
    "NotSupported": gettext_lazy("The charger cannot do this, or does not know what was named."),
    "NotImplemented": gettext_lazy("The charger cannot send this message."),
    "UnlockFailed": gettext_lazy("The charger tried and could not release the cable."),
    "Occupied": gettext_lazy("The connector is in use or reserved already."),
    "Faulted": gettext_lazy("The connector is out of order."),
    "Unavailable": gettext_lazy("The connector is out of service."),
    "Unknown": gettext_lazy("The charger has nothing like this."),
    "NotFound": gettext_lazy("The charger has nothing like this."),
    "VersionMismatch": gettext_lazy("The charger has another version of the list: send it in full."),
    "UnknownVendorId": gettext_lazy("The charger does not know this vendor's messages."),
    "UnknownMessageId": gettext_lazy("The charger does not know this message of the vendor."),
    "AcceptedCanceled": gettext_lazy("An upload or update that was running has been given up for this one."),
    "InvalidCertificate": gettext_lazy("The charger does not trust the certificate."),
    "RevokedCertificate": gettext_lazy("The certificate has been revoked."),
}
#: What a CALLERROR's code means (OCPP-J 1.6 §4.2.3); stations write the later versions' spellings too.
ERRORS = {
    "NotImplemented": gettext_lazy("The charger does not know this command."),
    "NotSupported": gettext_lazy("The charger knows this command but does not offer it."),
    "InternalError": gettext_lazy("The charger had a problem of its own."),
    "ProtocolError": gettext_lazy("The charger finds the message incomplete."),
    "SecurityError": gettext_lazy("The charger refuses it for its security."),
    "FormationViolation": gettext_lazy("The charger cannot read the message."),
    "FormatViolation": gettext_lazy("The charger cannot read the message."),
    "PropertyConstraintViolation": gettext_lazy("The charger does not take one of the values."),
    "OccurenceConstraintViolation": gettext_lazy("The charger misses something in the message."),
    "OccurrenceConstraintViolation": gettext_lazy("The charger misses something in the message."),
    "TypeConstraintViolation": gettext_lazy("The charger wants another type of value."),
}
_MESSAGE = (gettext_lazy("Waiting for the message"), gettext_lazy("The message came"), gettext_lazy("It did not come"))
_UPLOAD = (gettext_lazy("Waiting for the upload"), gettext_lazy("Uploaded"), gettext_lazy("The upload did not succeed"))
_UPDATE = (gettext_lazy("Waiting for the update"), gettext_lazy("Updated"), gettext_lazy("The update did not succeed"))
_END = (
    gettext_lazy("Waiting for the end of the session"),
    gettext_lazy("The session ended"),
    gettext_lazy("No end was reported"),
)
#: What an accepted command promises: while it is awaited, when it came, when it did not.
EFFECTS = {
    "RemoteStartTransaction": (
        gettext_lazy("Waiting for the session"),
        gettext_lazy("The session started"),
        gettext_lazy("No session started"),
    ),
    "RemoteStopTransaction": _END,
    "UnlockConnector": _END,
    "Reset": (
        gettext_lazy("Waiting for the charger to come back"),
        gettext_lazy("The charger is back"),
        gettext_lazy("The charger did not come back"),
    ),
    "ChangeAvailability": (
        gettext_lazy("Waiting for the new state"),
        gettext_lazy("The charger reports the new state"),
        gettext_lazy("The charger did not report the new state"),
    ),
    "TriggerMessage": _MESSAGE,
    "ExtendedTriggerMessage": _MESSAGE,
    "GetDiagnostics": _UPLOAD,
    "GetLog": _UPLOAD,
    "UpdateFirmware": _UPDATE,
    "SignedUpdateFirmware": _UPDATE,
}
_ANY_EFFECT = (gettext_lazy("Waiting for what follows"), gettext_lazy("It happened"), gettext_lazy("Nothing followed"))
#: Ends of an update or upload that are good; any other last step is a failure.
GOOD_ENDS = ("Installed", "Uploaded")


#: Ends of a command, as they are to be read; an answer of "Accepted" is judged by what follows it.
_KINDS = {
    CommandStatus.QUEUED: BUSY,
    CommandStatus.SENT: BUSY,
    CommandStatus.ACCEPTED: GOOD,
    CommandStatus.REJECTED: BAD,
    CommandStatus.FAILED: BAD,
    CommandStatus.TIMED_OUT: BAD,
    CommandStatus.UNDELIVERED: BAD,
    CommandStatus.EXPIRED: WARN,
    CommandStatus.CANCELLED: QUIET,
}


def story(command: Command) -> list[Step]:
    """All of it, from the person who raised it on."""
    return [_raised(command), *life(command)]


def life(command: Command) -> list[Step]:
    """What became of it since: sent, answered, followed by. Asks the database for nothing."""
    return [*_sent(command), *_ended(command), *_late(command), *_followed(command)]


def is_over(command: Command) -> bool:
    """Whether nothing changes any more: it has its end, and what it promised came or did not."""
    return command.is_final and command.effect_status != EffectStatus.AWAITED


def outcome(command: Command) -> Step:
    """Where it stands in a word or two; beside our own word the charger's, where that says more."""
    kind = _KINDS[CommandStatus(command.status)]
    effect = effect_of(command)
    if kind == GOOD and effect is not None:
        kind = effect.kind
    label, word = command.get_status_display(), status_in(command.answer)
    return Step(command.closed_at, kind, label if word in ("", label) else f"{label} ({word})")


def effect_of(command: Command) -> Step | None:
    """Whether what an accepted command promises came; of an update how far it is. None if it promises nothing."""
    kinds = {EffectStatus.AWAITED: BUSY, EffectStatus.SEEN: GOOD, EffectStatus.MISSED: BAD}
    if (kind := kinds.get(EffectStatus(command.effect_status))) is None:
        return None
    last = last_step(command.effect)
    is_bad = kind == GOOD and last and last not in GOOD_ENDS
    return Step(command.effect_at, BAD if is_bad else kind, last or str(command.get_effect_status_display()))


def _raised(command: Command) -> Step:
    source = command.get_source_display()
    who = command.actor or str(command.created_by or "")
    where = f"{source}, {command.remote_address}" if command.remote_address else str(source)
    known = who and command.source != CommandSource.SYSTEM
    return Step(command.created_at, QUIET, _("Raised"), f"{who} ({where})" if known else str(source))


def _sent(command: Command) -> Iterator[Step]:
    if command.status == CommandStatus.QUEUED:
        yield Step(None, BUSY, _("Queued"), _patience(command))
        return
    if command.sent_at:
        yield Step(command.sent_at, QUIET, _("Sent"))
    if command.status == CommandStatus.SENT:
        seconds = {"seconds": command.timeout_s}
        yield Step(None, BUSY, _("Waiting for the answer"), _("for %(seconds)d seconds at most") % seconds)


def _patience(command: Command) -> str:
    due = command.not_before if command.not_before and command.not_before > timezone.now() else None
    sentences = [
        _("Waiting to be sent."),
        _("Its turn comes at %(at)s.") % {"at": local_text(due, seconds=True)} if due else "",
        _("Until %(at)s at most.") % {"at": local_text(command.valid_until)} if command.valid_until else "",
    ]
    return " ".join(filter(None, sentences))


def _ended(command: Command) -> Iterator[Step]:
    at, kind = command.closed_at, _KINDS[CommandStatus(command.status)]
    match command.status:
        case CommandStatus.ACCEPTED | CommandStatus.REJECTED:
            yield _answered(command)
        case CommandStatus.FAILED:
            meaning = str(ERRORS.get(command.error_code, _("The charger answered with an error.")))
            yield Step(at, kind, _("Failed"), meaning, _words(command))
        case CommandStatus.TIMED_OUT:
            text = _("The charger may have done it all the same: look at its state before you send it again.")
            yield Step(at, kind, _("No answer in %(seconds)d seconds") % {"seconds": command.timeout_s}, text)
        case CommandStatus.UNDELIVERED:
            offline = _("The charger was offline. Nothing was sent.")
            yield Step(at, kind, _("Not delivered"), command.error_description or offline)
        case CommandStatus.EXPIRED:
            yield Step(at, kind, _("Expired"), _("The charger did not return in time. Nothing was sent."))
        case CommandStatus.CANCELLED:
            yield Step(at, kind, _("Cancelled"), _("Nothing was sent."))


def _words(command: Command) -> str:
    return ": ".join(filter(None, (command.error_code, command.error_description)))


def _answered(command: Command) -> Step:
    status = status_in(command.answer)
    label = _("Answered “%(status)s”") % {"status": status} if status else _("Answered")
    took = (command.closed_at - command.sent_at).total_seconds() if command.closed_at and command.sent_at else None
    after = _("after %(seconds)s s") % {"seconds": number_format(took, 1)} if took is not None else ""
    text = ". ".join(filter(None, (after, str(ANSWERS.get(status, "")))))
    # "Accepted" alone is no success where something is to follow
    kind = BAD if command.status == CommandStatus.REJECTED else QUIET if command.effect_status else GOOD
    return Step(command.closed_at, kind, label, text, _words(command))


def status_in(answer: Any) -> str:
    """The word an answer gives as its status, if it has one."""
    status = answer.get("status") if isinstance(answer, dict) else None
    return status[:50] if isinstance(status, str) else ""


def _late(command: Command) -> Iterator[Step]:
    if command.late_at:
        status = status_in(command.late_answer)
        label = _("A late answer came: “%(status)s”") % {"status": status} if status else _("A late answer came")
        yield Step(command.late_at, WARN, label, _("It changes nothing any more; it is kept below."))


def _followed(command: Command) -> Iterator[Step]:
    awaited, seen, missed = EFFECTS.get(command.action, _ANY_EFFECT)
    effect = command.effect if isinstance(command.effect, dict) else {}
    yield from (Step(_moment_of(at), QUIET, status) for status, at in reported(effect))
    number = effect.get("transaction")
    transaction = number if isinstance(number, int) else None
    match command.effect_status:
        case EffectStatus.AWAITED if command.is_final:
            due = command.effect_due_at
            until = _("until %(at)s") % {"at": local_text(due, seconds=True)} if due else ""
            yield Step(None, BUSY, str(awaited), until)
        case EffectStatus.SEEN if last := last_step(effect):
            kind, label = (GOOD, seen) if last in GOOD_ENDS else (BAD, missed)
            yield Step(command.effect_at, kind, str(label))
        case EffectStatus.SEEN:
            yield Step(command.effect_at, GOOD, str(seen), _facts(effect), transaction=transaction)
        case EffectStatus.MISSED:
            text = _("The charger had accepted the command.") if command.status == CommandStatus.ACCEPTED else ""
            yield Step(command.effect_at or command.effect_due_at, BAD, str(missed), text, _facts(effect))


def reported(effect: Any) -> list[tuple[str, str]]:
    """What a station reported on the way: (status, moment)."""
    steps = effect.get("steps") if isinstance(effect, dict) else None
    pairs = steps if isinstance(steps, list) else []
    return [(str(pair[0])[:100], str(pair[1])) for pair in pairs if isinstance(pair, list) and len(pair) == 2]


def last_step(effect: Any) -> str:
    steps = reported(effect)
    return steps[-1][0] if steps else ""


def _moment_of(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else None


def _facts(effect: dict[str, Any]) -> str:
    """What was seen, in words: the session, or the facts as they are."""
    if isinstance(number := effect.get("transaction"), int):
        return _("Session %(number)d") % {"number": number}
    return ", ".join(str(value)[:100] for name, value in effect.items() if name != "steps" and value not in (None, ""))
