"""One command for many stations: a batch of command rows, paced by the moment each is due."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from .commands import CommandRefused, Origin, check_wait, close_queued, queue_command
from .credentials import login_key
from .masking import is_masked, masked
from .models import UNANSWERED_STATUSES, ChargePoint, Command, CommandBatch, CommandStatus, EffectStatus

_ACCEPTED = Q(status=CommandStatus.ACCEPTED)
_MISSED = Q(effect_status=EffectStatus.MISSED)
_AWAITED = Q(effect_status=EffectStatus.AWAITED)
#: An update or upload that ended otherwise than it should: the effect was seen, and it was a failure.
_BAD_END = Q(
    effect_status=EffectStatus.SEEN,
    action__in=["UpdateFirmware", "SignedUpdateFirmware", "GetDiagnostics", "GetLog"],
) & ~(Q(effect__steps__icontains='"Installed"') | Q(effect__steps__icontains='"Uploaded"'))
#: Without an answer what followed tells whether the station did it: many restart at once and answer nothing.
_UNANSWERED = Q(status__in=UNANSWERED_STATUSES)
_DONE = Q(effect_status=EffectStatus.SEEN) & ~_BAD_END
#: Ends at which the station did not do what it was told, or nobody knows whether it did.
FAILED = (
    Q(status__in=[CommandStatus.REJECTED, CommandStatus.UNDELIVERED, CommandStatus.EXPIRED])
    | _UNANSWERED & ~_AWAITED & ~_DONE
    | _ACCEPTED & (_MISSED | _BAD_END)
)
_ANSWERED = Q(status__in=[CommandStatus.ACCEPTED, CommandStatus.REJECTED, CommandStatus.FAILED])


@dataclass(frozen=True, slots=True)
class Progress:
    """Stations of a batch by what became of their command. waiting + ok + awaited + failed + cancelled = total."""

    total: int
    answered: int
    queued: int
    sent: int
    ok: int
    awaited: int
    failed: int
    cancelled: int

    @property
    def waiting(self) -> int:
        return self.queued + self.sent

    @property
    def is_over(self) -> bool:
        """Whether nothing changes any more: no command is open and no effect awaited."""
        return not self.waiting and not self.awaited


@transaction.atomic
def start_batch(
    stations: Iterable[ChargePoint],
    action: str,
    payload: dict[str, Any],
    origin: Origin,
    per_minute: int | None = None,
    valid_until: datetime | None = None,
    *,
    idempotency_key: str = "",
    retry_of: CommandBatch | None = None,
) -> CommandBatch:
    """Queue a command for each station that is not archived, `per_minute` of them due in a minute, in this order.

    The same `idempotency_key` of the same actor returns the first batch; stations that a batch is to be tried again at
    join its retry, if there is one. `valid_until` as for one command: without it a station that is offline when its
    turn comes ends undelivered. Raises CommandRefused for a masked payload, for a key that each station needs for
    itself, and for too long a wait.
    """
    if is_masked(payload):
        raise CommandRefused(_("A secret in this command is masked: enter it again."))
    if login_key(action, payload):
        raise CommandRefused(_("This key is changed charger by charger, on the charger's page."))
    check_wait(valid_until)
    batch, created = _stored_once(
        origin,
        idempotency_key,
        retry_of,
        action=action,
        payload=masked(payload),
        per_minute=per_minute,
        valid_until=valid_until,
    )
    begins_at = batch.created_at if created else timezone.now()
    wanted = stations if created or retry_of is not None else []
    in_use = [station for station in wanted if station.archived_at is None]
    for number, station in enumerate(in_use):
        due = begins_at + timedelta(minutes=number / per_minute) if per_minute and number else None
        try:
            queue_command(station, action, payload, origin=origin, valid_until=valid_until, not_before=due, batch=batch)
        except CommandRefused as refusal:
            _refused(station, batch, origin, str(refusal))
    return batch


def _refused(station: ChargePoint, batch: CommandBatch, origin: Origin, reason: str) -> None:
    """What we would not send to one of many stands among the others as not delivered, with the reason."""
    Command.objects.create(
        charge_point=station,
        action=batch.action,
        payload=batch.payload,
        status=CommandStatus.UNDELIVERED,
        closed_at=timezone.now(),
        error_description=reason,
        source=origin.source,
        actor=origin.name,
        created_by_id=origin.user_id,
        remote_address=origin.remote_address[:64],
        batch=batch,
    )


def _stored_once(
    origin: Origin, idempotency_key: str, retry_of: CommandBatch | None, **values: Any
) -> tuple[CommandBatch, bool]:
    """The batch and whether it is new: one for each key of an actor, one retry of each batch."""
    who = {
        "source": origin.source,
        "actor": origin.name,
        "created_by_id": origin.user_id,
        "remote_address": origin.remote_address[:64],
    }
    if retry_of is not None:
        return CommandBatch.objects.get_or_create(retry_of=retry_of, defaults={**values, **who})
    if idempotency_key:
        return CommandBatch.objects.get_or_create(
            actor=origin.name, idempotency_key=idempotency_key, defaults={**values, **who}
        )
    return CommandBatch.objects.create(**values, **who), True


def failed_commands(batch: CommandBatch) -> QuerySet[Command]:
    return batch.commands.filter(FAILED)


def to_retry(batch: CommandBatch) -> QuerySet[ChargePoint]:
    """Stations in use at which it failed and that are not in its retry."""
    again = Command.objects.filter(batch__retry_of=batch, charge_point=OuterRef("pk"))
    failed = ChargePoint.objects.filter(commands__in=failed_commands(batch), archived_at=None)
    return failed.filter(~Exists(again)).order_by("identity")


@transaction.atomic
def retry_failed(batch: CommandBatch, origin: Origin) -> CommandBatch:
    """A new batch with the same command for the stations at which this one failed; asked again, what failed since
    joins it.

    One that was to wait for its stations may wait as long again. Raises CommandRefused if nothing failed, and for a
    payload with a secret, which is not kept.
    """
    if is_masked(batch.payload):
        raise CommandRefused(_("It held a secret, which is not kept: fill in the form again."))
    if not failed_commands(batch).exists():
        raise CommandRefused(_("Nothing failed: there is nothing to send again."))
    # whoever asks at the same moment waits here, and then finds nothing left
    CommandBatch.objects.select_for_update(no_key=True).get(pk=batch.pk)
    patience = batch.valid_until - batch.created_at if batch.valid_until else None
    valid_until = timezone.now() + patience if patience else None
    return start_batch(
        to_retry(batch), batch.action, batch.payload, origin, batch.per_minute, valid_until, retry_of=batch
    )


def cancel_batch(batch: CommandBatch) -> int:
    """Take back what has not been sent yet; how many commands that were."""
    return close_queued(batch.commands.all(), CommandStatus.CANCELLED)


_COUNTS = {
    "total": Count("pk"),
    "answered": Count("pk", filter=_ANSWERED),
    "queued": Count("pk", filter=Q(status=CommandStatus.QUEUED)),
    "sent": Count("pk", filter=Q(status=CommandStatus.SENT)),
    "ok": Count("pk", filter=_ACCEPTED & ~_MISSED & ~_AWAITED & ~_BAD_END | _UNANSWERED & _DONE),
    "awaited": Count("pk", filter=(_ACCEPTED | _UNANSWERED) & _AWAITED),
    "failed": Count("pk", filter=FAILED),
    "cancelled": Count("pk", filter=Q(status=CommandStatus.CANCELLED)),
}


def progress(batch: CommandBatch) -> Progress:
    """How far a batch is, in one query."""
    return Progress(**batch.commands.order_by().aggregate(**_COUNTS))


def progress_by_batch(commands: QuerySet[Command]) -> dict[uuid.UUID, Progress]:
    """How far the batches are that `commands` belong to, counting only these, in one query."""
    rows: Any = commands.order_by().values("batch").annotate(**_COUNTS)
    return {row["batch"]: Progress(**{name: row[name] for name in _COUNTS}) for row in rows}
