"""What a station does not say about its update: answers that are read late, questions, and ends by the clock.

A station that is silent is asked once how far it is (TriggerMessage); only when it has nothing to say to that, or is
away for too long, is its update given up.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db.models import Q

from stations.commands import CommandRefused, queue_command
from stations.models import OPEN_STATUSES, CommandStatus
from stations.one_by_one import each

from .charging import is_charging
from .failures import answer_of, error_of
from .models import FirmwareUpdate
from .progress import SPEAKS_WITHIN, STARTS_WITHIN, Failure, State, began_at, end, fail, latest_end, write
from .updates import locked, send_signed_instead

#: For the answer to our question.
ANSWERS_WITHIN = timedelta(minutes=2)
#: A station whose answer to the command got lost is asked after this.
DOUBTED_AFTER = timedelta(minutes=1)
#: An installation may wait for the last car for so long.
WAITS_FOR_CARS = timedelta(hours=24)
#: A campaign looks again at a station that went away just before its command.
RETURN_LOOKED_FOR = timedelta(seconds=10)
_LOOK_AGAIN = timedelta(minutes=1)
_UNKNOWN_ACTION = ("NotSupported", "NotImplemented")
#: UpdateFirmware.conf says nothing.
_AGREED = ("", "Accepted", "AcceptedCanceled")
_BAD_CERTIFICATE = ("InvalidCertificate", "RevokedCertificate")


def check(now: datetime) -> int:
    """Draw the conclusions from answers and from silence; how many updates that concerned. For the clock."""
    answered = Q(state=State.ASKED) & (Q(command=None) | ~Q(command__status__in=OPEN_STATUSES))
    rows = FirmwareUpdate.objects.filter(answered | Q(due_at__lte=now), ended_at=None)
    return each(rows.order_by("created_at").values_list("pk", flat=True), lambda pk: _follow(pk, now))


def _follow(pk: uuid.UUID, now: datetime) -> bool:
    update = locked(pk)
    if update is None:
        return False
    if update.state == State.ASKED:
        return _read_answer(update, now)
    if update.due_at is None or update.due_at > now:
        return False
    _is_late(update, now)
    return True


def _read_answer(update: FirmwareUpdate, now: datetime) -> bool:
    command = update.command
    if command is None:
        fail(update, Failure.NO_ANSWER, now)
        return True
    begins_at = max(update.retrieve_at or now, now)
    match command.status:
        case CommandStatus.QUEUED | CommandStatus.SENT:
            return False
        case CommandStatus.ACCEPTED:
            write(update, state=State.SCHEDULED, due_at=begins_at + STARTS_WITHIN)
        case CommandStatus.REJECTED:
            _read_refusal(update, answer_of(command), now)
        case CommandStatus.FAILED if command.error_code:
            _read_error(update, command.error_code, now)
        case CommandStatus.FAILED | CommandStatus.TIMED_OUT:
            # it may have heard and begun: its words will tell, or its answer to our question
            is_later = update.retrieve_at is not None and update.retrieve_at > now
            write(update, state=State.SCHEDULED, due_at=begins_at + (STARTS_WITHIN if is_later else DOUBTED_AFTER))
        case CommandStatus.CANCELLED:
            end(update, State.CANCELLED, now)
        case _:
            _not_sent(update, now)
    return True


def _read_refusal(update: FirmwareUpdate, status: str, now: datetime) -> None:
    fail(update, Failure.CERTIFICATE if status in _BAD_CERTIFICATE else Failure.REFUSED, now)


def _read_late(update: FirmwareUpdate, now: datetime) -> bool:
    """Whether the command was refused after its time-out: then no word follows and nothing is to be asked."""
    command, is_unheard = update.command, update.state == State.SCHEDULED and update.reported_at is None
    if command is None or command.late_at is None or not is_unheard:
        return False
    error_code, status = error_of(command), answer_of(command)
    if error_code:
        _read_error(update, error_code, now)
    elif status not in _AGREED:
        _read_refusal(update, status, now)
    else:
        return False
    return True


def _read_error(update: FirmwareUpdate, error_code: str, now: datetime) -> None:
    takes_signed_only = error_code in _UNKNOWN_ACTION and not update.signed and update.firmware.is_signed
    if not (takes_signed_only and send_signed_instead(update)):
        fail(update, Failure.REFUSED, now)


def _not_sent(update: FirmwareUpdate, now: datetime) -> None:
    """The station was away, or the gateway had a reason; in a campaign the former is no try."""
    was_away = update.command is not None and not update.command.error_description
    if was_away and update.campaign is not None and not update.campaign.is_over:
        write(update, state=State.WAITING, tries=update.tries - 1, next_try_at=now + RETURN_LOOKED_FOR)
    else:
        fail(update, Failure.NOT_SENT, now)


def _is_late(update: FirmwareUpdate, now: datetime) -> None:
    if _read_late(update, now):
        return
    if update.status == "Installed":
        end(update, State.UNVERIFIED, now)
    elif update.asked_at is not None or latest_end(update) <= now:
        fail(update, _failure_of_silence(update), now)
    elif not update.charge_point.is_online:
        _is_away(update, now)
    elif _waits_for_cars(update, now):
        write(update, due_at=now + SPEAKS_WITHIN)
    else:
        _ask(update, now)


def _failure_of_silence(update: FirmwareUpdate) -> FirmwareUpdate.Failure:
    if update.state != State.SCHEDULED:
        return Failure.SILENCE
    command = update.command
    was_heard = command is not None and (command.status == CommandStatus.ACCEPTED or command.late_at is not None)
    return Failure.NOT_STARTED if was_heard or update.reported_at is not None else Failure.NO_ANSWER


def _is_away(update: FirmwareUpdate, now: datetime) -> None:
    """It may download without a line to us, or be back in a moment."""
    if update.state == State.SCHEDULED and now < began_at(update) + SPEAKS_WITHIN:
        write(update, due_at=now + _LOOK_AGAIN)
    else:
        fail(update, _failure_of_silence(update), now)


def _waits_for_cars(update: FirmwareUpdate, now: datetime) -> bool:
    """Whether it has the file and a car still charges; some stations call that Downloaded, some Installing."""
    if update.state not in (State.DOWNLOADED, State.INSTALLING) or update.reported_at is None:
        return False
    return now < update.reported_at + WAITS_FOR_CARS and is_charging(update.charge_point_id)


def _ask(update: FirmwareUpdate, now: datetime) -> None:
    action = "ExtendedTriggerMessage" if update.signed else "TriggerMessage"
    try:
        queue_command(update.charge_point, action, {"requestedMessage": "FirmwareStatusNotification"})
    except CommandRefused:  # it has been archived since
        fail(update, Failure.ARCHIVED, now)
    else:
        write(update, asked_at=now, due_at=now + ANSWERS_WITHIN)
