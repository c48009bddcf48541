"""From a frame to its handler and back: answer(call), prepare(command), settle(command, reply)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import structlog
from django.utils import timezone

from stations import commands, services
from stations.models import ChargePoint, Command, CommandStatus, RegistrationStatus
from stations.write_batch import Names

from . import frames, journal, schema
from .calls import IncomingCall
from .errors import ActionNotImplemented, InternalError, NotSupported, OcppError
from .v16.actions import INCOMING, OUTGOING, SENT_BY_CENTRAL_SYSTEM, Incoming

log = structlog.get_logger(__name__)

#: What a Pending station may not be told (§4.2); a Rejected one is told nothing.
_NOT_WHILE_PENDING = frozenset({"RemoteStartTransaction", "RemoteStopTransaction"})
ACCEPTED_ANSWERS = frozenset({"Accepted"})


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
        self.log(text, is_error=True)
        return Reply(text)

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

    Store before send: the row says "sent" before the frame leaves, so a RemoteStart can never go out twice.
    """
    while (command := commands.next_queued(charge_point_id)) is not None:
        # read after the command: the approval that came with it may be committed between two statements
        registration_status = ChargePoint.objects.values_list("registration_status", flat=True).get(pk=charge_point_id)
        refusal = _refusal(command, registration_status)
        if refusal:
            commands.close_command(command.pk, CommandStatus.UNDELIVERED, error_description=refusal)
            continue
        if not commands.mark_sent(command.pk, connection):
            continue
        payload = msgspec.json.encode(command.payload)
        text = frames.dump(frames.Call(str(command.pk), command.action, payload))
        if journal.wants(is_error=False):
            journal.record(
                charge_point_id,
                at=timezone.now(),
                direction="out",
                kind=2,
                text=text,
                action=command.action,
                unique_id=command.pk,
            )
        return Prepared(command, text, registration_status)
    return None


def _refusal(command: Command, registration_status: str) -> str:
    if command.action not in OUTGOING:
        return f"plugcontrol cannot send {command.action}"
    if registration_status == RegistrationStatus.REJECTED:
        return "the charger is rejected"
    if registration_status == RegistrationStatus.PENDING and command.action in _NOT_WHILE_PENDING:
        return "the charger is not approved yet"
    return ""


def settle(command: Command, reply: frames.CallResult | frames.CallError | None, problem: str = "") -> None:
    """Close a command with the station's answer, its CALLERROR, or the reason why neither came."""
    if reply is None:
        status = CommandStatus.FAILED if problem else CommandStatus.TIMED_OUT
        commands.close_command(command.pk, status, error_description=problem)
    elif isinstance(reply, frames.CallError):
        commands.close_command(
            command.pk, CommandStatus.FAILED, error_code=reply.code, error_description=reply.description
        )
    else:
        _settle_result(command, reply)


def _settle_result(command: Command, reply: frames.CallResult) -> None:
    try:
        response, _repairs = schema.decode(OUTGOING[command.action].response, reply.payload)
    except OcppError as error:
        commands.close_command(
            command.pk, CommandStatus.FAILED, error_description=f"invalid answer: {error.description}"
        )
        return
    is_accepted = str(getattr(response, "status", "Accepted")) in ACCEPTED_ANSWERS
    commands.close_command(
        command.pk,
        CommandStatus.ACCEPTED if is_accepted else CommandStatus.REJECTED,
        answer=msgspec.json.decode(schema.encode(response)),
    )


def promised_action(command: Command, reply: frames.CallResult | frames.CallError) -> str | None:
    """The action a station just promised to send (TriggerMessage, §5.17): it may, even while it is Pending."""
    if command.action != "TriggerMessage" or not isinstance(reply, frames.CallResult):
        return None
    try:
        response, _repairs = schema.decode(OUTGOING["TriggerMessage"].response, reply.payload)
    except OcppError:
        return None
    requested: str = command.payload.get("requestedMessage", "")
    return requested if str(getattr(response, "status", "")) in ACCEPTED_ANSWERS else None
