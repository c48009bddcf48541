"""The life of one outgoing CALL: queued, sent, closed. The row is stored before anything happens."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from . import bell, changes, credentials, effects, locations, write_batch
from .masking import is_masked, mask_text, masked
from .models import (
    OPEN_STATUSES,
    UNANSWERED_STATUSES,
    ChargePoint,
    Command,
    CommandBatch,
    CommandSource,
    CommandStatus,
    StationModel,
)
from .models.station_model import DEFAULT_TIMEOUT_S
from .one_by_one import each
from .waiting import wait_for

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

__all__ = ["SYSTEM", "CommandRefused", "Origin", "StationArchived", "cancel_command", "queue_command", "wait_for"]

#: A sent command whose process died is closed this long after its own time-out; a station may be away for as long.
LOST_AFTER = timedelta(seconds=15)
#: A process that lives ends its commands in time; what is older than this it has forgotten.
LONGEST_TIMED = timedelta(hours=2)
#: The same key of the same person for the same station means the same command for this long.
IDEMPOTENCY_WINDOW = timedelta(hours=24)
#: Whoever wants something later than this should look at the charger again before.
LONGEST_WAIT = timedelta(days=30)
CONNECTION_LOST = "the connection was lost before the charger answered"


class CommandRefused(ValueError):
    """A command that is not even stored; its text is for the person who raised it."""


class StationArchived(CommandRefused):
    """The station is out of use."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who raises a command, and from where. `actor` defaults to the user's name, else "plugcontrol"."""

    source: CommandSource = CommandSource.SYSTEM
    user: AbstractBaseUser | AnonymousUser | None = None
    actor: str = ""
    remote_address: str = ""

    @property
    def user_id(self) -> int | None:
        return None if self.user is None else self.user.pk

    @property
    def name(self) -> str:
        username = "" if self.user is None else self.user.get_username()
        return (self.actor or username or "plugcontrol")[:150]


SYSTEM = Origin()


@transaction.atomic
def queue_command(
    charge_point: ChargePoint,
    action: str,
    payload: dict[str, Any],
    *,
    origin: Origin = SYSTEM,
    timeout_s: int | None = None,
    valid_until: datetime | None = None,
    not_before: datetime | None = None,
    idempotency_key: str = "",
    batch: CommandBatch | None = None,
) -> Command:
    """Store a command and ring the gateway that holds the station.

    One for an offline station ends undelivered at once, unless it may wait: `valid_until` keeps it until the station
    returns, `not_before` until it is due. `timeout_s` defaults to the station model's. The same `idempotency_key` of
    the same origin for the station within 24 hours returns the first row, however often and from wherever it comes.
    Raises CommandRefused: StationArchived, for a payload whose secrets are masked, as a stored one's are, or for a wait
    longer than LONGEST_WAIT.
    """
    stations = ChargePoint.objects.select_related("gateway")
    if idempotency_key:
        # whoever raises the same at the same moment waits here; a key lock would wait for the gateway's inserts too
        stations = stations.select_for_update(of=("self",), no_key=True)
    station = stations.get(pk=charge_point.pk)
    if idempotency_key and (known := raised_before(station, origin, idempotency_key)) is not None:
        return known
    if station.archived_at is not None:
        raise StationArchived(_("%(charger)s is archived: it takes no commands.") % {"charger": station})
    if is_masked(payload):
        raise CommandRefused(_("A secret in this command is masked: enter it again."))
    check_wait(valid_until)
    if refusal := credentials.refusal(station, action, payload) or locations.refusal(action, payload):
        raise CommandRefused(refusal)
    command = Command(
        charge_point=station,
        action=action,
        payload=payload,
        timeout_s=_timeout_s(station) if timeout_s is None else timeout_s,
        source=origin.source,
        actor=origin.name,
        created_by_id=origin.user_id,
        remote_address=origin.remote_address[:64],
        raised_in=bell.own_channel(),
        idempotency_key=idempotency_key,
        valid_until=valid_until,
        not_before=not_before,
        batch=batch,
    )
    if not station.is_online and valid_until is None and not_before is None:
        command.status = CommandStatus.UNDELIVERED
        command.closed_at = timezone.now()
        command.payload = masked(payload)
    command.save(force_insert=True)
    credentials.follow(command)
    changes.note(changes.station(station.pk), "commands")
    if station.is_online and station.gateway is not None:
        bell.ring(station.gateway.channel, {"type": "command.queued", "station": station.pk})
    return command


def check_wait(valid_until: datetime | None) -> None:
    """Raises CommandRefused where a command may wait for its station for too long."""
    if valid_until is not None and valid_until > timezone.now() + LONGEST_WAIT:
        raise CommandRefused(_("A command waits for 30 days at most."))


def raised_before(station: ChargePoint, origin: Origin, idempotency_key: str) -> Command | None:
    same = Command.objects.filter(
        charge_point=station,
        idempotency_key=idempotency_key,
        created_by=origin.user_id,
        actor=origin.name,
        created_at__gt=timezone.now() - IDEMPOTENCY_WINDOW,
    )
    return same.order_by("created_at").first()


def _timeout_s(station: ChargePoint) -> int:
    settings = StationModel.of(station)
    return DEFAULT_TIMEOUT_S if settings is None else settings.command_timeout_s


def cancel_command(command: Command) -> bool:
    """Take a command back; False if it is sent or over."""
    return close_queued(Command.objects.filter(pk=command.pk), CommandStatus.CANCELLED) == 1


# The gateway's side


def next_queued(charge_point_id: int) -> Command | None:
    """The oldest command that waits for the station."""
    waiting = _waiting(timezone.now()).filter(charge_point_id=charge_point_id).select_related("charge_point")
    return waiting.order_by("created_at", "pk").first()


def stations_with_queued(gateway_id: int, among: Collection[int] | None = None) -> list[int]:
    """Stations held by a process for which commands wait: what a lost bell left behind, or what is due by now."""
    queued = _waiting(timezone.now()).filter(charge_point__gateway_id=gateway_id)
    if among is not None:
        queued = queued.filter(charge_point__in=among)
    return list(queued.order_by().values_list("charge_point_id", flat=True).distinct())


def _waiting(now: datetime) -> QuerySet[Command]:
    """Commands that could be sent: queued, due, and not expired."""
    valid = Q(valid_until=None) | Q(valid_until__gt=now)
    return Command.objects.filter(_due(now), valid, status=CommandStatus.QUEUED)


def _due(now: datetime) -> Q:
    return Q(not_before=None) | Q(not_before__lte=now)


def mark_sent(command: Command, connection: str) -> bool:
    """Claim a queued command for one socket, before its frame leaves; False if somebody else has it.

    From here on its secrets are masked in the database: whoever sends it has them in `command.payload`.
    """
    now = timezone.now()
    queued = Command.objects.filter(pk=command.pk, status=CommandStatus.QUEUED)
    claimed = queued.update(
        status=CommandStatus.SENT,
        sent_at=now,
        connection=connection,
        payload=masked(command.payload),
        **effects.expected(command, now),
    )
    changes.note(changes.station(command.charge_point_id), "commands")
    return claimed == 1


def release(command: Command, connection: str) -> bool:
    """Give back a command whose frame never left the process: the station's next socket may send it."""
    claimed = Command.objects.filter(pk=command.pk, status=CommandStatus.SENT, connection=connection)
    effects.refused(command)
    released = claimed.update(status=CommandStatus.QUEUED, sent_at=None, connection="", payload=command.payload)
    changes.note(changes.station(command.charge_point_id), "commands")
    return released == 1


def close_command(
    command: Command,
    status: CommandStatus,
    *,
    answer: Any = None,
    error_code: str = "",
    error_description: str = "",
) -> bool:
    """Give a command its end, once: False if it was closed before. `answer` is what the station said, as JSON."""
    return _close(
        command,
        OPEN_STATUSES,
        status=status,
        answer=masked(answer),
        error_code=error_code[:50],
        error_description=mask_text(error_description),
    )


def keep_late_answer(charge_point_id: int, message_id: str, answer: Any) -> bool:
    """Keep what a station says about a command that ended without it, once; its end stays as it is."""
    try:
        pk = uuid.UUID(message_id)
    except ValueError:
        return False
    unanswered = Command.objects.filter(
        pk=pk,
        charge_point=charge_point_id,
        status__in=UNANSWERED_STATUSES,
        answer__isnull=True,
        error_code="",
        late_at=None,
    )
    changes.note(changes.station(charge_point_id), "commands")
    return unanswered.update(late_answer=masked(answer), late_at=timezone.now()) == 1


def close_left_behind(charge_point_id: int, connection: str) -> int:
    """End what went out on the station's earlier sockets: it has a new one, `connection`."""
    with write_batch.joined_batch() as batch:
        concerned = batch.read_once("stations.left_behind", write_batch.CONNECT, charge_point_id, _with_sent)
    if charge_point_id not in concerned:
        return 0
    sent = Command.objects.filter(status=CommandStatus.SENT, charge_point=charge_point_id)
    lost = sent.exclude(connection=connection)
    return _close_each(lost, CommandStatus.SENT, status=CommandStatus.FAILED, error_description=CONNECTION_LOST)


def _with_sent(stations: set[int]) -> set[int]:
    """Stations to which a command went out that has no answer."""
    sent = Command.objects.filter(status=CommandStatus.SENT, charge_point__in=stations)
    return set(sent.order_by().values_list("charge_point_id", flat=True))


# Ends that nobody brings


def close_queued(commands: QuerySet[Command], status: CommandStatus) -> int:
    """End those of `commands` that have not been sent."""
    return _close_each(commands.filter(status=CommandStatus.QUEUED), CommandStatus.QUEUED, status=status)


def close_lost(now: datetime) -> int:
    """End commands nobody will end any more: sent by a process that died, expired, or for a station that left."""
    queued = Command.objects.filter(status=CommandStatus.QUEUED)
    away = Q(charge_point__connection="") & (
        Q(charge_point__disconnected_at=None) | Q(charge_point__disconnected_at__lt=now - LOST_AFTER)
    )
    stranded = queued.filter(away, _due(now - LOST_AFTER), valid_until=None, created_at__lt=now - LOST_AFTER)
    ends: tuple[tuple[Iterable[Command], CommandStatus, CommandStatus], ...] = (
        (_lost(now), CommandStatus.SENT, CommandStatus.TIMED_OUT),
        (queued.filter(valid_until__lte=now), CommandStatus.QUEUED, CommandStatus.EXPIRED),
        (stranded, CommandStatus.QUEUED, CommandStatus.UNDELIVERED),
    )
    return sum(each(rows, partial(_close, current=[current], status=status)) for rows, current, status in ends)


def _lost(now: datetime) -> list[Command]:
    """Those on a line that is the station's end by the timer of whoever holds it, which no set clock disturbs."""
    sent = Command.objects.filter(status=CommandStatus.SENT, sent_at__lt=now - LOST_AFTER)
    sent = sent.exclude(~Q(connection=""), connection=F("charge_point__connection"), sent_at__gt=now - LONGEST_TIMED)
    return [
        command
        for command in sent
        if command.sent_at is not None and command.sent_at + timedelta(seconds=command.timeout_s) + LOST_AFTER < now
    ]


def _close_each(commands: Iterable[Command], current: CommandStatus, **columns: Any) -> int:
    return sum(_close(command, [current], **columns) for command in commands)


def _close(command: Command, current: Iterable[CommandStatus], *, status: CommandStatus, **columns: Any) -> bool:
    now = timezone.now()
    unfinished = Command.objects.filter(pk=command.pk, status__in=current)
    closed = unfinished.update(status=status, closed_at=now, payload=masked(command.payload), **columns)
    if not closed:
        return False
    for name, value in {"status": status, "closed_at": now, **columns}.items():
        setattr(command, name, value)
    if status == CommandStatus.ACCEPTED:
        effects.accepted(command, columns.get("answer"), now)
    elif status == CommandStatus.REJECTED or columns.get("error_code"):
        effects.refused(command)
    changes.note(changes.station(command.charge_point_id), "commands")
    if command.raised_in:
        bell.ring(command.raised_in, {"type": "command.closed", "command": str(command.pk)})
    return True
