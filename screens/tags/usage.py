"""How tags are used: where now, where last, how much this month. Only for the rows of one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import OuterRef, QuerySet, Subquery, Sum

from people.access import Access
from transactions.models import IdTag, Transaction

from ..periods import Period, span_of


@dataclass
class Usage:
    """`month_wh` is the energy of sessions begun this month, in the reader's zone."""

    now: Transaction | None = None
    last: Transaction | None = None
    month_wh: int = 0


def visible_sessions(access: Access) -> QuerySet[Transaction]:
    """Sessions at chargers of the reader's sites: what a tag does elsewhere is not theirs to see."""
    return access.narrow(Transaction.objects.all(), "transactions.view_transaction", "charge_point__site")


def usage_of(tags: Sequence[IdTag], access: Access) -> dict[int, Usage]:
    """Tag → its use, with three queries for any number of tags."""
    usage = {tag.pk: Usage() for tag in tags}
    sessions = visible_sessions(access).filter(tag__in=usage.keys()).order_by()
    for session in _last(sessions, tags):
        usage[session.tag_id or 0].last = session
    running = sessions.running().select_related("charge_point")  # type: ignore[attr-defined]
    for session in running.order_by("pk"):
        usage[session.tag_id].now = session
    this_month = sessions.filter(started_at__gte=span_of(Period.THIS_MONTH).begin)
    for tag, energy_wh in this_month.values_list("tag").annotate(wh=Sum("energy_wh")):
        usage[tag].month_wh = energy_wh
    return usage


def _last(sessions: QuerySet[Transaction], tags: Sequence[IdTag]) -> QuerySet[Transaction]:
    newest = sessions.filter(tag=OuterRef("pk")).order_by("-started_at").values("pk")[:1]
    rows = IdTag.objects.filter(pk__in=[tag.pk for tag in tags]).order_by()
    numbers = rows.annotate(newest=Subquery(newest)).values("newest")
    return Transaction.objects.filter(pk__in=numbers).select_related("charge_point")
