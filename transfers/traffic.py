"""What is noted of a transfer while stations use its address: first use, bytes, its end, why they were refused."""

from __future__ import annotations

from datetime import datetime

from django.db.models.functions import Coalesce
from django.utils import timezone

from stations import changes

from .models import Transfer

#: A page that shows how far a file is reads the row this often.
EVERY_S = 3.0


def progressed(transfer: Transfer, *, size: int, address: str) -> None:
    """`size` bytes of a file have passed so far. Of one that is whole the number stays."""
    rows = Transfer.objects.filter(pk=transfer.pk, done_at=None)
    now = timezone.now()
    rows.update(first_used_at=Coalesce("first_used_at", now), bytes_done=size, remote_address=address[:64])
    _note(transfer)


def completed(transfer: Transfer, *, size: int, address: str, at: datetime) -> None:
    """The whole file has passed, for the first time or again."""
    Transfer.objects.filter(pk=transfer.pk).update(
        first_used_at=Coalesce("first_used_at", at),
        done_at=Coalesce("done_at", at),
        bytes_done=size,
        remote_address=address[:64],
        problem=Transfer.Problem.NONE,
        problem_at=None,
    )
    _note(transfer)


def refused(transfer: Transfer, problem: Transfer.Problem, *, address: str) -> None:
    """A request came to nothing."""
    now = timezone.now()
    Transfer.objects.filter(pk=transfer.pk).update(
        first_used_at=Coalesce("first_used_at", now),
        remote_address=address[:64],
        problem=problem,
        problem_at=now,
    )
    _note(transfer)


def _note(transfer: Transfer) -> None:
    changes.note(changes.station(transfer.charge_point_id), "files")
