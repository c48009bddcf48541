"""From a frame to its handler and back: answer(call), prepare(command), settle(command, reply)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from stations import commands, credentials, effects, services
from stations.masking import masked
from stations.models import ChargePoint, Command, CommandStatus, RegistrationStatus
from stations.write_batch import Names, write_now

from . import frames, journal, schema
from .calls import IncomingCall
from .errors import ActionNotImplemented, InternalError, NotSupported, OcppError
from .v16.actions import INCOMING, Incoming
from .v16.outgoing import OUTGOING, SENT_BY_CENTRAL_SYSTEM, read_payload
from .v16.results import RESULTS

log = structlog.get_logger(__name__)

#: What a Pending station may not be told (§4.2); a Rejected one is told nothing.
_NOT_WHILE_PENDING = frozenset({"RemoteStartTransaction", "RemoteStopTransaction"})
#: The station does what it was told, now or (Scheduled, RebootRequired) soon.
ACCEPTED_ANSWERS = frozenset({"Accepted", "AcceptedCanceled", "RebootRequired", "Scheduled", "Unlocked"})
#: The extended trigger's names for messages that are called otherwise.
_EXTENDED_TRIGGERS = {
    "FirmwareStatusNotification": "SignedFirmwareStatusNotification",
    "SignChargePointCertificate": "SignCertificate",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """The text to send back and, where the call succeeded, the typed response."""

    text: str
    response: schema.Message | None = None


class ReadableCall:
    """A CALL whose payload is understood: runs in the writer's thread, once or (after a rollback) again."""

    __slots__ = ("_action", "_frame", "_incoming", "_text")

    def __init__(self, frame: frames.Call, text: str, incoming: IncomingCall[Any], action: Incoming) -> None:
        self._frame, self._text, self._incoming, self._action = frame, text, incoming, action

    @property
    def stores(self) -> bool:
        return self._action.stores

    @property
    def names(self) -> Names:
        """What the CALL is about; a transaction only if its number can be one of ours."""
        request = self._incoming.request
        number = getattr(request, "transaction_id", None)
        known = number if number is not None and 0 < number < 2**31 else None
        return Names(self._incoming.charge_point.pk, self._frame.action, known, getattr(request, "id_tag", None))

    def answer_without_storing(self) -> Reply:
        """Handle a CALL that needs no database; the caller sees to `note`."""
        response = self._action.handle(self._incoming)
        return Reply(frames.dump(frames.CallResult(self._frame.unique_id, schema.encode(response))), response)

    def answer(self) -> Reply:
        """Handle the CALL and note it, inside the caller's database transaction."""
        reply = self.answer_without_storing()
        self.note(reply)
        return reply

    def note(self, reply: Reply) -> None:
        """Count what tolerance mended and log both frames, inside the caller's database transaction."""
        if self._incoming.repairs:
            services.count_repairs(
                self._incoming.charge_point.pk,
                self._frame.action,
                self._incoming.repairs,
                at=self._incoming.received_at,
            )
        self.log(reply.text, is_error=False)

    def fail(self, error: Exception) -> Reply:
        """The CALLERROR for what went wrong: InternalError only for a fault of our own, logged once."""
        if not isinstance(error, OcppError):
            log.error(
                "handler failed",
                charge_point=self._incoming.charge_point.identity,
                action=self._frame.action,
                msg_id=self._frame.unique_id,
                exc_info=error,
            )
            error = InternalError("the central system failed to handle this message")
        text = frames.dump(frames.CallError.of(self._frame.unique_id, error))
        try:
            self.log(text, is_error=True)
        except (OperationalError, InterfaceError):
            raise
        except Exception as second:  # the station would send what is not answered again and again
            log.error("message not logged", charge_point=self._incoming.charge_point.identity, exc_info=second)
        return Reply(text)

    def show_effect(self) -> None:
        """The message may be one that we asked the station for."""
        connector_id = getattr(self._incoming.request, "connector_id", None)
        effects.saw(self._incoming.charge_point.pk, "message", message=self._frame.action, connector_id=connector_id)

    def log(self, answer: str, *, is_error: bool) -> None:
        log_exchange(
            self._incoming.charge_point.pk, self._frame, self._text, answer, self._incoming.received_at, is_error
        )


def read(frame: frames.Call, text: str, charge_point: ChargePoint, received_at: datetime) -> ReadableCall:
    """Find the action and decode its payload; raises OcppError."""
    action = INCOMING.get(frame.action)
    if action is None:
        if frame.action in SENT_BY_CENTRAL_SYSTEM:
            raise NotSupported(f"{frame.action} is sent by the central system only")
        raise ActionNotImplemented(f"{frame.action[:50]!r} is not an action of OCPP 1.6")
    request, repairs = schema.decode(action.request, frame.payload, strict=charge_point.strict)
    incoming = IncomingCall(charge_point, request, (*frame.repairs, *repairs), received_at)
    return ReadableCall(frame, text, incoming, action)


def log_exchange(
    charge_point_id: int, frame: frames.Call, text: str, answer: str, received_at: datetime, is_error: bool
) -> None:
    """Both frames of a CALL from a station."""
    if not journal.wants(is_error=is_error):
        return
    known = {"action": frame.action, "unique_id": frame.unique_id}
    journal.record(charge_point_id, at=received_at, direction="in", kind=2, text=text, **known)
    journal.record(charge_point_id, at=timezone.now(), direction="out", kind=4 if is_error else 3, text=answer, **known)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A command claimed for one socket: stored as sent, its frame ready to leave."""

    command: Command
    text: str
    #: as the row says now: a command may follow an approval that the socket has not heard of yet
    registration_status: str


def prepare(charge_point_id: int, connection: str) -> Prepared | None:
    """Claim the station's oldest queued command and make its frame; what may not be sent now is closed instead.

    Store before send: the row says "sent" before the frame leaves, so a RemoteStart can never go out twice. Nothing is
    claimed for a socket that has lost the station to a newer one.
    """
    # locked until the claim is stored: a newer socket either finds it, or is found; and an approval is whole, with the
    # command it queues, or not there yet
    write_now(ChargePoint, charge_point_id)  # a newer socket of this very batch
    stations = ChargePoint.objects.select_for_update(no_key=True).only("registration_status", "connection")
    station = stations.get(pk=charge_point_id)
    if station.connection != connection:
        return None
    while (command := commands.next_queued(charge_point_id)) is not None:
        try:
            with transaction.atomic():
                prepared = _claim(command, connection, station.registration_status)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:  # a fault of ours must not hold up what waits behind this command
            log.error("command not written", command=str(command.pk), action=command.action, exc_info=error)
            commands.close_command(
                command, CommandStatus.UNDELIVERED, error_description="plugcontrol cannot write this command"
            )
        else:
            if prepared is not None:
                return prepared
    return None


def _claim(command: Command, connection: str, registration_status: str) -> Prepared | None:
    """The command as it goes out; None if it may not, or if somebody else has it."""
    payload = _payload_of(command, registration_status)
    if payload is None or not commands.mark_sent(command, connection):
        return None
    text = frames.dump(frames.Call(str(command.pk), command.action, payload))
    if journal.wants(is_error=False):
        journal.record(
            command.charge_point_id,
            at=timezone.now(),
            direction="out",
            kind=2,
            text=text,
            action=command.action,
            unique_id=command.pk,
        )
    return Prepared(command, text, registration_status)


def _payload_of(command: Command, registration_status: str) -> bytes | None:
    """The payload as it goes out; a command that may not go out is closed."""
    refusal = _refusal(command, registration_status)
    try:
        if not refusal:
            return msgspec.json.encode(read_payload(command.action, command.payload))
    except OcppError as error:
        refusal = f"{error.code}: {error.description}"
    commands.close_command(command, CommandStatus.UNDELIVERED, error_description=refusal)
    return None


def _refusal(command: Command, registration_status: str) -> str:
    if registration_status == RegistrationStatus.REJECTED:
        return "the charger is rejected"
    if registration_status == RegistrationStatus.PENDING and command.action in _NOT_WHILE_PENDING:
        return "the charger is not approved yet"
    return credentials.refusal(command.charge_point, command.action, command.payload)  # it may have risen since


def settle(command: Command, reply: frames.CallResult | frames.CallError | None, problem: str = "") -> None:
    """Close a command with the station's answer, its CALLERROR, or the reason why neither came."""
    end = _End.of(command, reply, problem)
    if not end.close(command) and reply is not None:
        keep_late(command.charge_point_id, reply)
    elif end.response is not None and command.action in RESULTS:
        RESULTS[command.action](command, end.response)


def settle_only(command: Command, reply: frames.CallResult | frames.CallError | None, error: Exception) -> None:
    """Close a command whose answer we could not use: our fault, which takes nothing from what the station said."""
    log.error("answer not used", command=str(command.pk), action=command.action, exc_info=error)
    try:
        with transaction.atomic():
            _End.of(command, reply, "").close(command)
    except (OperationalError, InterfaceError):
        raise
    except Exception as second:
        log.error("answer not kept", command=str(command.pk), action=command.action, exc_info=second)
        _End(CommandStatus.FAILED, error_description="plugcontrol cannot keep this answer").close(command)


def keep_late(charge_point_id: int, reply: frames.CallResult | frames.CallError) -> None:
    """An answer to a command that is over is kept beside its end; one to nothing of ours is in the log only.

    The end stays as it is, but after a refusal nothing is to follow any more.
    """
    number = str(reply.unique_id)
    if commands.keep_late_answer(charge_point_id, number, _words_of(reply)):
        command = Command.objects.get(pk=number)
        end = _End.of(command, reply, "")
        if end.status == CommandStatus.REJECTED or end.error_code:
            effects.refused(command)


@dataclass(frozen=True, slots=True)
class _End:
    """How a command ends: in the station's own words where it said any."""

    status: CommandStatus
    answer: Any = None
    error_code: str = ""
    error_description: str = ""
    response: schema.Message | None = None

    @classmethod
    def of(cls, command: Command, reply: frames.CallResult | frames.CallError | None, problem: str) -> _End:
        if reply is None:
            return cls(CommandStatus.FAILED if problem else CommandStatus.TIMED_OUT, error_description=problem)
        if isinstance(reply, frames.CallError):
            words = _storable_json(reply.details) if reply.details else None
            return cls(CommandStatus.FAILED, words, reply.code or "GenericError", reply.description)
        try:
            response, _repairs = schema.decode(OUTGOING[command.action].response, reply.payload)
        except OcppError as error:
            return cls(CommandStatus.FAILED, _words_of(reply), error_description=f"invalid answer: {error.description}")
        is_accepted = str(getattr(response, "status", "Accepted")) in ACCEPTED_ANSWERS
        status = CommandStatus.ACCEPTED if is_accepted else CommandStatus.REJECTED
        return cls(status, msgspec.json.decode(schema.encode(response)), response=response)

    def close(self, command: Command) -> bool:
        return commands.close_command(
            command,
            self.status,
            answer=self.answer,
            error_code=journal.storable(self.error_code),
            error_description=journal.storable(self.error_description),
        )


def _words_of(reply: frames.CallResult | frames.CallError) -> Any:
    """What the station said, as JSON, or as text where it is none."""
    if isinstance(reply, frames.CallError):
        words = {"errorCode": reply.code, "errorDescription": reply.description, "errorDetails": reply.details}
        return _storable_json(words)
    try:
        return _storable_json(msgspec.json.decode(reply.payload))
    except (ValueError, RecursionError):
        return journal.kept(reply.payload.decode("utf-8", "backslashreplace"))


def _storable_json(value: Any) -> Any:
    """JSON that a database takes: huge ones as the beginning of their text, without what is nested too deeply."""
    value = masked(value)
    text = msgspec.json.encode(value).decode()
    return value if len(text) <= journal.MAX_TEXT else journal.storable(text)


def triggered_action(command: Command) -> str | None:
    """The action a TriggerMessage asks the station to send (§5.17, white paper A02)."""
    requested: str = command.payload.get("requestedMessage", "")
    if command.action == "ExtendedTriggerMessage":
        return _EXTENDED_TRIGGERS.get(requested, requested)
    return requested if command.action == "TriggerMessage" else None
