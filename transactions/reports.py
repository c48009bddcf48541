"""How much was charged, by whom and where, over time: sums that the database makes.

Two ways of counting, because two questions are asked:

* for people, tags and groups a session counts as a whole on the day it began, so that a statement is the sum of the
  sessions in it;
* for chargers and sites energy counts on the day it flowed (`DailyEnergy`), so that it is what the meters say;
  sessions and their time still count on the day they began.

Days are those of the installation's time zone. A running session counts with what it has charged so far.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from django.db.models import F, QuerySet, Sum, Value
from django.utils import timezone

from . import monthly_sums
from .models import EndedBy, MonthlySum, Transaction
from .report_subjects import By, Subject, Subjects
from .report_sums import (
    DayRange,
    Ids,
    Whole,
    among,
    bucket_of,
    energy_flowed,
    grouped,
    midnight,
    of_sessions,
    sessions_begun,
)

#: A longer list of ids is not worth its comparison: all rows are read, and what was not wanted is dropped.
MAX_IDS = 500

K = TypeVar("K", bound=Hashable)


class Use(NamedTuple):
    """Sums: watt hours, sessions, and how many seconds they took."""

    energy_wh: int = 0
    sessions: int = 0
    duration_s: int = 0

    @property
    def energy_kwh(self) -> Decimal:
        return Decimal(self.energy_wh).scaleb(-3)

    @property
    def duration(self) -> timedelta:
        return timedelta(seconds=self.duration_s)


NOTHING = Use()


#: A Use in the making
Sums = list[int]
_NOTHING = [0, 0, 0]


def total(uses: Iterable[Sequence[int]]) -> Use:
    columns = list(zip(*uses, strict=True))
    return Use(*map(sum, columns)) if columns else NOTHING


class Line(NamedTuple):
    subject: Subject
    use: Use


class Lines(Sequence[Line]):
    """The most energy first. They are mere sums until somebody reads them: no page shows twenty thousand people."""

    def __init__(self, subjects: Subjects, sums: Iterable[tuple[int, Sums]]) -> None:
        self._subjects = subjects
        self._sums = sorted(sums, key=lambda line: (-line[1][0], subjects[line[0]]))

    def __len__(self) -> int:
        return len(self._sums)

    def __getitem__(self, which: Any) -> Any:
        if isinstance(which, slice):
            return [self._line(*found) for found in self._sums[which]]
        return self._line(*self._sums[which])

    def _line(self, number: int, sums: Sums) -> Line:
        return Line(self._subjects[number], Use(*sums))

    @property
    def total(self) -> Use:
        return total(sums for _number, sums in self._sums)


#: Of a GROUP BY: id of a tag or charger, number of a day, month or year, watt hours, sessions, seconds
Group = tuple[int | None, int | None, int, int, int]


class Report:
    """Use of chargers in a period, by subject, over time, or both.

    `chargers` are those that the reader may see, None for all. `per` is "day", "month" or "year". Months that are over
    are read from their sums (`monthly_sums`), where the question allows it; the rest, and what still runs, as it is.
    """

    def __init__(self, by: By, period: DayRange, per: str, chargers: Collection[int] | None = None) -> None:
        self.period = period
        self.per = per
        self.subjects = Subjects(by)
        self._is_metered = by in (By.CHARGER, By.SITE)
        self._base = "charge_point_id" if self._is_metered else "tag_id"
        self._chargers = chargers
        self._now = timezone.now()
        self._summed = monthly_sums.ready(period)
        days = (period.first + timedelta(days=number) for number in range(period.days))
        #: The first day of each day, month or year that the period touches
        self.buckets: list[date] = list(dict.fromkeys(self._bucket(day) for day in days))
        self._numbers = {bucket: number for number, bucket in enumerate(self.buckets)}

    def _bucket(self, day: date) -> date:
        if self.per == "day":
            return day
        return day.replace(day=1) if self.per == "month" else day.replace(month=1, day=1)

    def lines(self) -> Lines:
        """Every subject with any use, the most energy first."""
        number_of = self.subjects.number_of
        sums = _add_up((number_of(group[0]), group) for group in self._groups(by_base=True))
        return Lines(self.subjects, ((number, found) for number, found in sums.items() if found != _NOTHING))

    def over_time(self, subject: Subject | None = None) -> dict[date, Use]:
        """Every day, month or year of the period with its use, also those without any; of all or of one subject."""
        ids = None if subject is None else self.subjects.ids([subject])
        sums = _add_up((group[1], group) for group in self._groups(ids, by_bucket=True))
        return {bucket: Use(*sums.get(number, NOTHING)) for number, bucket in enumerate(self.buckets)}

    def cells(self, subjects: Sequence[Subject] | None = None) -> dict[tuple[Subject, date], Use]:
        """Use of these subjects (None: of all) in each day, month or year in which they had any."""
        number_of = self.subjects.number_of
        wanted = None if subjects is None else set(subjects)
        ids = None if subjects is None else self.subjects.ids(subjects)
        groups = self._groups(ids if ids is None or len(ids) <= MAX_IDS else None, by_base=True, by_bucket=True)
        sums = _add_up(((number_of(group[0]), group[1]), group) for group in groups)
        found = ((self.subjects[number], bucket or 0, use) for (number, bucket), use in sums.items() if use != _NOTHING)
        return {
            (subject, self.buckets[bucket]): Use(*use)
            for subject, bucket, use in found
            if wanted is None or subject in wanted
        }

    def sessions_of(self, subject: Subject) -> QuerySet[Transaction]:
        """What began in the period."""
        return among(self._begun([self.period]), self._base, self.subjects.ids([subject]))

    def _begun(self, ranges: Iterable[DayRange]) -> QuerySet[Transaction]:
        return among(sessions_begun(ranges), "charge_point_id", self._chargers)

    def _groups(self, ids: Ids = None, *, by_base: bool = False, by_bucket: bool = False) -> Iterator[Group]:
        kind = self._kind_of_sums(ids, by_base, by_bucket)
        of_sums = self._of_summed(kind, ids, by_base, by_bucket) if kind else []
        summed = [monthly_sums.range_of(month.month) for month in self._summed] if kind else []
        rest = _without(self.period, summed)
        yield from of_sums
        if rest:
            yield from self._counted(self._begun(rest), ids, by_base, by_bucket)
        if rest and self._is_metered:
            yield from self._metered(rest, ids, by_base, by_bucket)

    def _of_summed(self, kind: str, ids: Ids, by_base: bool, by_bucket: bool) -> list[Group]:
        """The summed months: their sums, and what still runs.

        A month that changes while these are read is summed no more: a session that ends in between would be in neither,
        and sums that do not hold any longer are deleted.
        """
        while self._summed:
            summed = [monthly_sums.range_of(month.month) for month in self._summed]
            running = self._begun(summed).filter(ended_by=EndedBy.OPEN)
            sums = list(self._from_sums(kind, ids, by_base, by_bucket))
            sums += self._counted(running, ids, by_base, by_bucket)
            ready = set(monthly_sums.ready(self.period))
            holding = [month for month in self._summed if month in ready]
            if len(holding) == len(self._summed):
                return sums
            self._summed = holding
        return []

    def _kind_of_sums(self, ids: Ids, by_base: bool, by_bucket: bool) -> str:
        """The sums of months that answer the question; "" if none does."""
        of_all = ids is None and self._chargers is None and not by_base
        if by_bucket and self.per == "day":
            return MonthlySum.Kind.DAY if of_all else ""
        if self._is_metered:
            return MonthlySum.Kind.CHARGER
        if self._chargers is not None:  # nobody sums up tags at chargers
            return "" if by_base or ids is not None else MonthlySum.Kind.CHARGER
        return MonthlySum.Kind.DAY if of_all else MonthlySum.Kind.TAG

    def _from_sums(self, kind: str, ids: Ids, by_base: bool, by_bucket: bool) -> Iterator[Group]:
        rows = among(MonthlySum.objects.filter(summed__in=self._summed, kind=kind), "base", ids)
        if kind == MonthlySum.Kind.CHARGER:
            rows = among(rows, "base", self._chargers)
        energy = "metered_wh" if self._is_metered else "energy_wh"
        columns = {"wh": energy, "count": "sessions", "seconds": "duration_s"}
        sums = {name: Whole(Sum(column, default=0)) for name, column in columns.items()}
        at = "summed_id" if self.per != "day" else "day"
        groups = grouped(rows, "base" if by_base else "", F(at) if by_bucket else None, sums)
        if not by_bucket:
            yield from groups
            return
        months = {month.pk: month.month for month in self._summed}
        for base, when, *use in groups:
            day = when if self.per == "day" else months[when]
            yield base, self._numbers[self._bucket(day)], *use

    def _counted(self, rows: QuerySet[Transaction], ids: Ids, by_base: bool, by_bucket: bool) -> Iterator[Group]:
        """Sessions, in the bucket in which they began; without their energy where it is metered by day."""
        began = bucket_of("started_at", [midnight(bucket) for bucket in self.buckets]) if by_bucket else None
        sums = of_sessions(self._now)
        if self._is_metered:
            sums["wh"] = Value(0)
        yield from grouped(among(rows, self._base, ids), self._base if by_base else "", began, sums)

    def _metered(self, ranges: Iterable[DayRange], ids: Ids, by_base: bool, by_bucket: bool) -> Iterator[Group]:
        """Energy, in the bucket in which it flowed."""
        base = "connector__charge_point_id"
        rows = among(among(energy_flowed(ranges), base, self._chargers), base, ids)
        flowed = bucket_of("day", self.buckets) if by_bucket else None
        sums = {"wh": Whole(Sum("energy_wh", default=0)), "count": Value(0), "seconds": Value(0)}
        yield from grouped(rows, base if by_base else "", flowed, sums)


def _without(period: DayRange, summed: Sequence[DayRange]) -> list[DayRange]:
    """What the months, in order, leave of a period."""
    rest, first = [], period.first
    for month in summed:
        if first < month.first:
            rest.append(DayRange(first, month.first - timedelta(days=1)))
        first = month.last + timedelta(days=1)
    return [*rest, DayRange(first, period.last)] if first <= period.last else rest


def _add_up(groups: Iterable[tuple[K, Group]]) -> dict[K, Sums]:
    sums: dict[K, Sums] = {}
    for key, (_base, _bucket, wh, count, seconds) in groups:
        found = sums.get(key)
        if found is None:
            sums[key] = [wh, count, seconds]
        else:
            found[0] += wh
            found[1] += count
            found[2] += seconds
    return sums
