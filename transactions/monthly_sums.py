"""Keeps the sums of months that are over: made by the clock, thrown away by whoever changes what they are of.

Nothing of this is on a session's way but one comparison of dates: a month that is not over has no sums. A session that
ends after its month, or a reading that comes late, marks the month as stale in the database transaction that stores it,
so a report never adds up what no longer holds. The clock first asks for a month's sums and makes them a minute later:
by then every transaction that had not seen the question is over. If a month changes meanwhile, they are not used.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Min, Q, Sum
from django.utils import timezone

from stations.write_batch import WriteBatch

from .clock import local_day
from .models import EndedBy, MonthlySum, SummedMonth, Transaction
from .report_sums import DayRange, bucket_of, energy_flowed, grouped, midnight, of_sessions, sessions_begun

#: Longer than any database transaction of a writer.
SETTLE_TIME = timedelta(minutes=1)
#: A month just over changes with every session that ends; its sums are not made anew more often.
PAUSE = timedelta(minutes=10)
#: A process that has not finished by now has died over it.
GIVE_UP_AFTER = timedelta(minutes=10)
#: What a clock far off says began before is read as it is.
OLDEST = timedelta(days=10 * 366)
#: Rows are written in small pieces with rests in between: the chargers' thread wants the processor too.
CHUNK = 500
REST_S = 0.005


def changed(batch: WriteBatch, transaction: Transaction, at: datetime) -> None:
    """Energy of a session flowed, or its end was set, at `at`: what was summed up of months before this is stale."""
    begin = _this_month()
    if at >= begin and transaction.started_at >= begin:
        return
    months: set[date] = batch.shared("changed months", set)
    if at < begin:
        months.add(_month_of(at))
    if not transaction.is_running:
        months.add(_month_of(transaction.started_at))
    batch.before_flush("changed months", lambda: _mark_stale(months))


def stale(moments: Iterable[datetime]) -> None:
    """Sessions that began at these moments count for somebody else now: their months are summed up anew."""
    _mark_stale({_month_of(at) for at in moments})


def _mark_stale(months: set[date]) -> None:
    SummedMonth.objects.filter(month__in=months, is_stale=False).update(is_stale=True)


def _month_of(at: datetime) -> date:
    return local_day(at).replace(day=1)


#: (moment this month began, moment it ends) as last computed
_month: tuple[datetime, datetime] | None = None


def _this_month() -> datetime:
    """When this month began; asked for every reading, so it is remembered."""
    global _month
    now = timezone.now()
    if _month is None or not _month[0] <= now < _month[1]:
        first = local_day(now).replace(day=1)
        _month = midnight(first), midnight(_after(first))
    return _month[0]


def _after(month: date) -> date:
    """The first day of the next month."""
    return (month + timedelta(days=31)).replace(day=1)


def range_of(month: date) -> DayRange:
    return DayRange(month, _after(month) - timedelta(days=1))


def ready(days: DayRange) -> list[SummedMonth]:
    """Months that lie wholly in a period and whose sums hold now."""
    found = SummedMonth.objects.filter(zone=settings.TIME_ZONE, is_stale=False, ready_at__isnull=False)
    wanted = found.filter(month__gte=days.first, month__lte=days.last).order_by("month")
    return [summed for summed in wanted if range_of(summed.month).last <= days.last]


def advance(now: datetime) -> int:
    """By the clock: ask for the sums of the next month, or make those that were asked for; returns rows written."""
    SummedMonth.objects.filter(Q(is_stale=True, asked_at__lt=now - PAUSE) | ~Q(zone=settings.TIME_ZONE)).delete()
    SummedMonth.objects.filter(ready_at=None, begun_at__lt=now - GIVE_UP_AFTER).update(is_stale=True)
    asked = SummedMonth.objects.filter(ready_at=None, begun_at=None, is_stale=False, asked_at__lt=now - SETTLE_TIME)
    for summed in asked.order_by("-month")[:1]:
        if asked.filter(pk=summed.pk).update(begun_at=now):
            return _make(summed)
    _ask(now)
    return 0


def _ask(now: datetime) -> None:
    """For every month that is over and has none; one that has just changed has its stale sums for a while yet."""
    first = Transaction.objects.aggregate(first=Min("started_at"))["first"]
    if first is None:
        return
    known = set(SummedMonth.objects.values_list("month", flat=True))
    month, missing = _month_of(max(first, now - OLDEST)), []
    while _after(month) <= local_day(now - PAUSE):
        if month not in known:
            missing.append(SummedMonth(month=month, zone=settings.TIME_ZONE, asked_at=now))
        month = _after(month)
    SummedMonth.objects.bulk_create(missing, ignore_conflicts=True)


def _make(summed: SummedMonth) -> int:
    rows = list(_sums_of(summed))
    for start in range(0, len(rows), CHUNK):
        MonthlySum.objects.bulk_create(rows[start : start + CHUNK])
        time.sleep(REST_S)
    SummedMonth.objects.filter(pk=summed.pk, is_stale=False).update(ready_at=timezone.now())
    return len(rows)


def _sums_of(summed: SummedMonth) -> Iterator[MonthlySum]:
    month, now = range_of(summed.month), timezone.now()
    ended = sessions_begun([month]).exclude(ended_by=EndedBy.OPEN)
    flowed = energy_flowed([month])
    for base, _none, wh, count, seconds in grouped(ended, "tag_id", None, of_sessions(now)):
        kind = MonthlySum.Kind.TAG
        yield MonthlySum(summed=summed, kind=kind, base=base, energy_wh=wh, sessions=count, duration_s=seconds)
    metered = dict(flowed.values_list("connector__charge_point_id").annotate(Sum("energy_wh")))
    counted = {row[0]: row[2:] for row in grouped(ended, "charge_point_id", None, of_sessions(now))}
    for base in sorted(counted.keys() | metered.keys()):
        yield _sum(summed, MonthlySum.Kind.CHARGER, counted.get(base), metered.get(base), base=base)
    days = [summed.month + timedelta(days=number) for number in range(month.days)]
    metered = dict(flowed.values_list("day").annotate(Sum("energy_wh")))
    by_day = grouped(ended, "", bucket_of("started_at", [midnight(day) for day in days]), of_sessions(now))
    counted = {days[row[1]]: row[2:] for row in by_day}
    for day in sorted(counted.keys() | metered.keys()):
        yield _sum(summed, MonthlySum.Kind.DAY, counted.get(day), metered.get(day), day=day)


def _sum(
    summed: SummedMonth, kind: MonthlySum.Kind, counted: tuple[int, int, int] | None, metered_wh: int | None, **of: Any
) -> MonthlySum:
    wh, count, seconds = counted or (0, 0, 0)
    return MonthlySum(
        summed=summed, kind=kind, energy_wh=wh, sessions=count, duration_s=seconds, metered_wh=metered_wh or 0, **of
    )
