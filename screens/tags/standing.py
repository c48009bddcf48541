"""Where a tag stands on chargers' local lists."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q
from django.utils import timezone

from people.access import Access
from transactions.listed_tags import revision_of
from transactions.models import IdTag, LocalList

MOST = 20


@dataclass(frozen=True)
class Standing:
    """`current` of `total` kept lists show the tag as it is; `behind` are the first of the others."""

    total: int
    current: int
    behind: list[LocalList]

    @property
    def more(self) -> int:
        return self.total - self.current - len(self.behind)


def standing_of(tag: IdTag, access: Access) -> Standing:
    """Among the lists of the reader's chargers; with a handful of queries for any number of them."""
    kept = LocalList.objects.exclude(state=LocalList.State.OFF)
    lists = access.narrow(kept, "transactions.view_locallist", "charge_point__site")
    total = lists.count()
    revision = revision_of(tag, timezone.now()) if total else None
    behind = lists if revision is None else lists.filter(Q(revision=None) | Q(revision__lt=revision))
    current = 0 if revision is None else lists.filter(revision__gte=revision).count()
    rows = behind.select_related("charge_point").order_by("charge_point__identity")
    return Standing(total, current, list(rows[:MOST]))
