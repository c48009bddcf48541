"""How far a campaign is."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet

from .models import Campaign, FirmwareUpdate

State = FirmwareUpdate.State


@dataclass(frozen=True, slots=True)
class Progress:
    """Stations of a campaign by what became of them; all but `total` add up to it."""

    total: int = 0
    waiting: int = 0
    running: int = 0
    done: int = 0
    unverified: int = 0
    failed: int = 0
    cancelled: int = 0

    @property
    def ended(self) -> int:
        return self.done + self.unverified + self.failed + self.cancelled

    @property
    def percent(self) -> int:
        """How many of a hundred have their end, good or bad; 100 only when all have."""
        return 100 * self.ended // self.total if self.total else 100

    @property
    def is_over(self) -> bool:
        return self.ended == self.total


def _having(*states: State) -> Count:
    return Count("pk", filter=Q(state__in=states))


_COUNTS = {
    "total": Count("pk"),
    "waiting": _having(State.WAITING),
    "running": _having(State.ASKED, State.SCHEDULED, State.DOWNLOADING, State.DOWNLOADED, State.INSTALLING),
    "done": _having(State.INSTALLED),
    "unverified": _having(State.UNVERIFIED),
    "failed": _having(State.FAILED),
    "cancelled": _having(State.CANCELLED),
}


def progress(campaign: Campaign) -> Progress:
    """In one query."""
    return Progress(**campaign.updates.order_by().aggregate(**_COUNTS))


def progress_by_campaign(updates: QuerySet[FirmwareUpdate]) -> dict[uuid.UUID, Progress]:
    """The campaigns that `updates` belong to, counting only these, in one query."""
    rows: Any = updates.filter(campaign__isnull=False).order_by().values("campaign").annotate(**_COUNTS)
    return {row["campaign"]: Progress(**{name: row[name] for name in _COUNTS}) for row in rows}
