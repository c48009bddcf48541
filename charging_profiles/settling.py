"""Profiles whose fate no answer told: by the clock, from rows, so that any process may do it any number of times."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from django.db.models import Exists, OuterRef, Q, QuerySet

from stations.models import OPEN_STATUSES, UNANSWERED_STATUSES, Command, CommandStatus, EffectStatus
from stations.one_by_one import each
from transactions.models import EndedBy, Transaction

from . import clearing
from .assignments import answered, came_with_start, end, install, recorded
from .models import ACTIVE_STATES, Assignment, Purpose

State = Assignment.State

#: How long a command of others is looked at after its end, and how long it may have waited for its station.
_LOOK_BACK = timedelta(hours=1)
_WAITED = timedelta(days=1)
#: A profile for a session that we do not know of is given up if none has begun by then.
_SESSION_WITHIN = timedelta(minutes=5)


def settle(now: datetime) -> int:
    """Answers that were lost or came late, sessions that are over; returns how many rows that concerned."""
    closed = Assignment.objects.filter(ended_at=None, state=State.ASKED).exclude(command__status__in=OPEN_STATUSES)
    late = Assignment.objects.filter(state=State.UNCERTAIN, ended_at=None, command__late_at__isnull=False)
    return (
        each(closed.select_related("command"), partial(_close, now=now))
        + each(late.select_related("command"), partial(_hear_late, now=now))
        + each(_unrecorded(now), partial(_record, now=now))
        + each(_unsure_clearings(now), partial(_doubt, now=now))
        + each(_awaiting_start().select_related("command"), partial(_follow_start, now=now))
        + each(_of_ended_sessions().select_related("transaction"), partial(_end_with_session, now=now))
        + end(_of_no_session(now), State.ENDED, at=now)
    )


def _close(assignment: Assignment, *, now: datetime) -> int:
    """An assignment's command is over and its answer told us nothing, or told it to a process that failed over it."""
    command, row = assignment.command, Assignment.objects.filter(pk=assignment.pk, state=State.ASKED)
    if command is None:
        return install(assignment, State.UNCERTAIN, at=now)
    if command.status == CommandStatus.ACCEPTED:
        return install(assignment, State.INSTALLED, at=command.closed_at or now)
    if command.status == CommandStatus.REJECTED or command.error_code:
        return end(row, State.REFUSED, at=now)
    if command.status not in UNANSWERED_STATUSES or command.sent_at is None:
        return end(row, State.NOT_SENT, at=now)
    if clearing.is_cleared_since(assignment, command.sent_at):
        return end(row, State.CLEARED, at=now)
    return install(assignment, State.UNCERTAIN, at=command.sent_at)


def _hear_late(assignment: Assignment, *, now: datetime) -> int:
    command = assignment.command
    said = command.late_answer if command is not None and isinstance(command.late_answer, dict) else {}
    if said.get("status") == "Accepted":
        if clearing.may_be_cleared_since(assignment, assignment.installed_at or now):
            return 0
        return install(assignment, State.INSTALLED, at=assignment.installed_at or now)
    if "status" not in said and "errorCode" not in said:
        return 0
    return end(Assignment.objects.filter(pk=assignment.pk, state=State.UNCERTAIN), State.REFUSED, at=now)


# Commands of others


def _lately(action: str, now: datetime) -> QuerySet[Command]:
    recent = Command.objects.filter(action=action, created_at__gt=now - _WAITED, closed_at__gt=now - _LOOK_BACK)
    return recent.filter(sent_at__isnull=False).order_by("sent_at")


def _unrecorded(now: datetime) -> QuerySet[Command]:
    """Profiles that were sent without a row: accepted while we could not store it, or never answered."""
    told = Q(status=CommandStatus.ACCEPTED) | Q(status__in=UNANSWERED_STATUSES, error_code="")
    set_profiles = _lately("SetChargingProfile", now).filter(told, charging_profile__isnull=True)
    # one that was not answered brought its profile if it brought a session
    began = Q(status=CommandStatus.ACCEPTED) | Q(status__in=UNANSWERED_STATUSES, effect_status=EffectStatus.SEEN)
    starts = _lately("RemoteStartTransaction", now).filter(
        began, charging_profile__isnull=True, payload__has_key="chargingProfile"
    )
    return set_profiles | starts


def _record(command: Command, *, now: datetime) -> int:
    if command.status != CommandStatus.ACCEPTED:
        return _close(recorded(command), now=now)
    if command.action == "RemoteStartTransaction":
        came_with_start(command, "Accepted", at=command.closed_at or now)
    else:
        answered(command, "Accepted", at=command.closed_at or now)
    return 1


def _unsure_clearings(now: datetime) -> QuerySet[Command]:
    return _lately("ClearChargingProfile", now).filter(status__in=UNANSWERED_STATUSES, error_code="")


def _doubt(command: Command, *, now: datetime) -> int:
    """A station may have removed what it was told to, or says so late."""
    said = command.late_answer if isinstance(command.late_answer, dict) else {}
    there = clearing.meant_by(command).filter(installed_at__lt=command.sent_at)
    if said.get("status") in clearing.GONE:
        return end(there, State.CLEARED, at=now)
    return there.filter(state=State.INSTALLED).update(state=State.UNCERTAIN) if command.late_at is None else 0


# Sessions


def _of_sessions() -> QuerySet[Assignment]:
    return Assignment.objects.filter(ended_at=None, state__in=ACTIVE_STATES, purpose=Purpose.TX)


def _awaiting_start() -> QuerySet[Assignment]:
    started = _of_sessions().filter(transaction=None, command__action="RemoteStartTransaction")
    return started.exclude(command__effect_status=EffectStatus.AWAITED)


def _follow_start(assignment: Assignment, *, now: datetime) -> int:
    """The session that a remote start brought has its profile; one that did not come leaves none behind."""
    effect = assignment.command.effect if assignment.command is not None else {}
    sessions = Transaction.objects.filter(charge_point=assignment.charge_point_id, pk=effect.get("transaction", 0))
    session = sessions.select_related("connector").first()
    row = Assignment.objects.filter(pk=assignment.pk, transaction=None)
    if session is None:
        return end(row, State.ENDED, at=now)
    return row.update(transaction=session, connector_id=session.connector.connector_id)


def _of_ended_sessions() -> QuerySet[Assignment]:
    return _of_sessions().filter(transaction__isnull=False).exclude(transaction__ended_by=EndedBy.OPEN)


def _end_with_session(assignment: Assignment, *, now: datetime) -> int:
    session = assignment.transaction
    ended_at = session.stopped_at if session is not None and session.stopped_at is not None else now
    return end(Assignment.objects.filter(pk=assignment.pk), State.ENDED, at=ended_at)


def _of_no_session(now: datetime) -> QuerySet[Assignment]:
    """For a session whose number is none of ours, where none runs."""
    running = Transaction.objects.running().filter(
        charge_point=OuterRef("charge_point"), connector__connector_id=OuterRef("connector_id")
    )
    strangers = _of_sessions().filter(transaction=None, installed_at__lt=now - _SESSION_WITHIN)
    return strangers.exclude(command__action="RemoteStartTransaction").filter(~Exists(running))
