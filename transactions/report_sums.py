"""SQL of reports: sessions and energy of some days, grouped; the same for pages and for the sums of whole months."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import (
    Case,
    Count,
    DurationField,
    Expression,
    ExpressionWrapper,
    F,
    Field,
    Func,
    IntegerField,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from .models import DailyEnergy, Transaction

Ids = Collection[int | None] | None


@dataclass(frozen=True)
class DayRange:
    """Days from `first` to `last`, both included, in the installation's time zone."""

    first: date
    last: date

    @property
    def begin(self) -> datetime:
        return midnight(self.first)

    @property
    def end(self) -> datetime:
        """The first moment after it."""
        return midnight(self.last + timedelta(days=1))

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


def midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()), timezone.get_default_timezone())


_NO_TIME = timedelta(0)


class Seconds(Func):
    """Whole seconds of a length of time."""

    output_field = Field()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return super().as_sql(compiler, connection, template="EXTRACT(EPOCH FROM %(expressions)s)::bigint", **context)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        # stored as microseconds
        return super().as_sql(compiler, connection, template="CAST((%(expressions)s) / 1000000 AS INTEGER)", **context)


def sessions_begun(ranges: Iterable[DayRange]) -> QuerySet[Transaction]:
    wanted = [Q(started_at__gte=days.begin, started_at__lt=days.end) for days in ranges]
    return Transaction.objects.filter(_any(wanted)).order_by()


def energy_flowed(ranges: Iterable[DayRange]) -> QuerySet[DailyEnergy]:
    return DailyEnergy.objects.filter(_any([Q(day__gte=days.first, day__lte=days.last) for days in ranges])).order_by()


def _any(conditions: Sequence[Q]) -> Q:
    """Rows that meet one of them; none where there is none."""
    return Q(*conditions, _connector=Q.OR) if conditions else Q(pk__in=[])


def among(rows: QuerySet[Any], column: str, ids: Ids) -> QuerySet[Any]:
    """Rows whose `column` is one of `ids`, None standing for NULL; all of them if `ids` is None."""
    if ids is None:
        return rows
    known = Q(**{f"{column}__in": [number for number in ids if number is not None]})
    return rows.filter(known | Q(**{f"{column}__isnull": True}) if None in ids else known)


def grouped(rows: QuerySet[Any], base: str, bucket: Expression | F | None, sums: dict[str, Any]) -> Any:
    """Tuples of a column, an expression, and `sums`, in this order; what is not asked for ("", None) is None."""
    columns = {
        "key": F(base) if base else Value(None, output_field=Field()),
        "bucket": bucket or Value(None, output_field=Field()),
    }
    return rows.order_by().annotate(**columns).values_list("key", "bucket").annotate(**sums)


class Whole(Func):
    """A sum as Python reads it quickest: PostgreSQL adds up to decimals, and Django looks at every integer again."""

    template = "CAST(%(expressions)s AS bigint)"
    output_field = Field()


def of_sessions(now: datetime) -> dict[str, Any]:
    """Energy in Wh, sessions, seconds; running sessions last until `now`."""
    ended = Greatest(Coalesce("stopped_at", Value(now)), "started_at")
    lasted = ExpressionWrapper(ended - F("started_at"), output_field=DurationField())
    return {
        "wh": Whole(Sum("energy_wh", default=0)),
        "count": Whole(Count("*")),
        "seconds": Seconds(Sum(lasted, default=_NO_TIME)),
    }


def bucket_of(column: str, bounds: Sequence[date | datetime]) -> Expression:
    """Which of the stretches that begin at `bounds` a row's `column` lies in: its number, from 0.

    Halved and halved again: seven comparisons for a hundred days, where truncating a moment in its time zone takes the
    database a microsecond.
    """
    return _halved(column, bounds, 0, len(bounds))


def _halved(column: str, bounds: Sequence[date | datetime], low: int, high: int) -> Expression:
    if high - low == 1:
        return Value(low, output_field=IntegerField())
    middle = (low + high) // 2
    earlier = When(**{f"{column}__lt": bounds[middle]}, then=_halved(column, bounds, low, middle))
    return Case(earlier, default=_halved(column, bounds, middle, high), output_field=IntegerField())
