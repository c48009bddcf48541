"""The life of one outgoing CALL: queued, sent, closed. The row is stored before anything happens."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from . import bell
from .models import ChargePoint, Command, CommandStatus

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

DEFAULT_TIMEOUT_S = 30
#: A sent command whose process died is closed this long after its own time-out.
LOST_AFTER = timedelta(seconds=15)


def queue_command(
    charge_point: ChargePoint,
    action: str,
    payload: dict[str, Any],
    *,
    user: AbstractBaseUser | AnonymousUser | None = None,
    timeout_s: int = DEFAULT_TIMEOUT_S,
) -> Command:
    """Store a command and ring the gateway that holds the station; one for an offline station ends undelivered."""
    station = ChargePoint.objects.select_related("gateway").get(pk=charge_point.pk)
    command = Command(
        charge_point=station,
        action=action,
        payload=payload,
        timeout_s=timeout_s,
        created_by_id=user.pk if user is not None else None,
    )
    if not station.is_online:
        command.status = CommandStatus.UNDELIVERED
        command.closed_at = timezone.now()
    command.save()
    if station.is_online and station.gateway is not None:
        bell.ring(station.gateway.channel, {"type": "command.queued", "station": station.pk})
    return command


def next_queued(charge_point_id: int) -> Command | None:
    """The oldest command that waits for the station."""
    queued = Command.objects.filter(charge_point_id=charge_point_id, status=CommandStatus.QUEUED)
    return queued.order_by("created_at", "pk").first()


def mark_sent(command_id: uuid.UUID, connection: str) -> bool:
    """Claim a queued command for one socket, before its frame leaves; False if somebody else has it."""
    queued = Command.objects.filter(pk=command_id, status=CommandStatus.QUEUED)
    return queued.update(status=CommandStatus.SENT, sent_at=timezone.now(), connection=connection) == 1


def close_command(
    command_id: uuid.UUID,
    status: CommandStatus,
    *,
    answer: dict[str, Any] | None = None,
    error_code: str = "",
    error_description: str = "",
) -> bool:
    """Give a command its end, once: False if it was closed before."""
    unfinished = Command.objects.filter(pk=command_id, status__in=[CommandStatus.QUEUED, CommandStatus.SENT])
    closed = unfinished.update(
        status=status,
        answer=answer,
        error_code=error_code[:50],
        error_description=error_description,
        closed_at=timezone.now(),
    )
    return closed == 1


def stations_with_queued(gateway_id: int) -> list[int]:
    """Stations held by a process for which commands wait: what a lost bell left behind."""
    queued = Command.objects.filter(status=CommandStatus.QUEUED, charge_point__gateway_id=gateway_id)
    return list(queued.order_by().values_list("charge_point_id", flat=True).distinct())


def close_lost(now: datetime) -> int:
    """End commands nobody will end any more: sent by a process that died, or queued for a station that left."""
    sent = Command.objects.filter(status=CommandStatus.SENT, sent_at__lt=now - LOST_AFTER)
    lost = [
        pk
        for pk, sent_at, timeout_s in sent.values_list("pk", "sent_at", "timeout_s")
        if sent_at is not None and sent_at + timedelta(seconds=timeout_s) + LOST_AFTER < now
    ]
    stranded = Command.objects.filter(
        status=CommandStatus.QUEUED, charge_point__connection="", created_at__lt=now - LOST_AFTER
    ).values_list("pk", flat=True)
    return _close_all(lost, CommandStatus.SENT, CommandStatus.TIMED_OUT, now) + _close_all(
        list(stranded), CommandStatus.QUEUED, CommandStatus.UNDELIVERED, now
    )


def _close_all(pks: list[uuid.UUID], current: CommandStatus, final: CommandStatus, now: datetime) -> int:
    return Command.objects.filter(pk__in=pks, status=current).update(status=final, closed_at=now)
