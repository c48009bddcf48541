"""When certificates end, month by month, so that nobody is surprised."""

from __future__ import annotations

from calendar import monthrange
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from certificates.models import StationCertificate

#: Months shown, this one first.
MONTHS = 12
_LONGER_THAN_SHOWN = timedelta(days=31 * MONTHS)


@dataclass(frozen=True, slots=True)
class Month:
    """`count` certificates end between `first` and `last`, both days in the reader's zone."""

    first: date
    last: date
    count: int
    is_now: bool


def months_of(certificates: QuerySet[StationCertificate]) -> list[Month]:
    """This month and those that follow; what has ended already or is revoked ends nobody's charging any more."""
    now = timezone.localtime()
    # one without an end ends in the last second of 9999, which zones east of Greenwich do not have (RFC 5280)
    shown = certificates.filter(revoked_at=None, not_after__gt=now, not_after__lt=now + _LONGER_THAN_SHOWN)
    ends = shown.order_by().values_list("not_after", flat=True)
    counts = Counter((local.year, local.month) for local in map(timezone.localtime, ends.iterator()))
    return [_month(now.year, now.month, number, counts) for number in range(MONTHS)]


def _month(year: int, month: int, number: int, counts: Counter[tuple[int, int]]) -> Month:
    years, index = divmod(month - 1 + number, 12)
    year, month = year + years, index + 1
    last = date(year, month, monthrange(year, month)[1])
    return Month(date(year, month, 1), last, counts[year, month], is_now=number == 0)
