"""The next days of the chargers that are reserved: a row for each reservation, as long as it lasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db.models import QuerySet
from django.db.models.functions import Upper
from django.utils import timezone

from stations.models import ChargePoint
from transactions.models import IdTag, Reservation

from ..periods import start_of

DAYS = 7
#: Reservations that are drawn; the list below has them all.
MAX_DRAWN = 100


class Bar(NamedTuple):
    """A reservation over its first `days` days from today; those that are left of DAYS are `rest`."""

    reservation: Reservation
    holder: str
    days: int

    @property
    def rest(self) -> int:
        return DAYS - self.days


@dataclass(frozen=True)
class Strip:
    days: Sequence[date]
    rows: Sequence[tuple[ChargePoint, list[Bar]]]


def strip_of(reservations: QuerySet[Reservation]) -> Strip:
    """Two queries. A reservation holds from the moment it was made, so each begins today or began before."""
    now = timezone.now()
    held = reservations.filter(pk__in=Reservation.objects.open().values("pk"), expires_at__gt=now)
    drawn = list(held.order_by("connector__charge_point__identity", "expires_at", "pk")[:MAX_DRAWN])
    holders = holders_of(drawn)
    rows: dict[ChargePoint, list[Bar]] = {}
    for row in drawn:
        bar = Bar(row, holders.get(row.id_tag.upper(), ""), _days_until(row.expires_at))
        rows.setdefault(row.connector.charge_point, []).append(bar)
    today = timezone.localdate()
    return Strip([today + timedelta(days=number) for number in range(DAYS)], list(rows.items()))


def holders_of(reservations: Sequence[Reservation]) -> dict[str, str]:
    """Number of a tag, in capitals → who holds it."""
    numbers = {row.id_tag.upper() for row in reservations}
    if not numbers:
        return {}
    tags = IdTag.objects.annotate(number=Upper("id_tag")).filter(number__in=numbers)
    return dict(tags.order_by().values_list("number", "holder"))


def _days_until(moment: datetime) -> int:
    """On how many of the days from today on it holds; an expert's "for ever" exists in no calendar."""
    today = timezone.localdate()
    if moment >= start_of(today + timedelta(days=DAYS)):
        return DAYS
    return max(1, (timezone.localdate(moment) - today).days + 1)
