"""Old meter values are thinned out: of a quarter of an hour the last reading stays, as the charger sent it.

Nothing is averaged or made up, and nothing else is touched: energy, daily energy and monthly sums were counted when the
readings came. What a charger said at the begin and end of a session, on request or with its signature stays for good.

The clock walks from connector to connector, the oldest first, in steps of a few thousand rows: every DELETE is a
transaction of its own, so that neither the chargers' thread nor the only writer of SQLite ever waits long, and a round
ends after a fraction of a second. How far it came is stored with each step, whoever takes the next one.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db.models import Q, QuerySet

from stations.models import Connector

from .models import EndedBy, MeterValue, Thinning, Transaction

#: Of so many seconds one reading stays; a divisor of an hour, since quarters of the clock are meant.
KEPT_EVERY_S = 15 * 60
#: What a charger says again and again; any other reading has a reason of its own.
THINNED = (MeterValue.Context.SAMPLE_PERIODIC, MeterValue.Context.SAMPLE_CLOCK)
#: What was kept while a charger was offline has come by then: the readings of a session are looked at once.
COMES_WITHIN = timedelta(days=1)
PAUSE = timedelta(days=1)
#: One round of the clock works so long; other jobs of the clock and the chargers wait for nothing longer.
ROUND_S = 0.5
SESSIONS_PER_STEP, LOOSE_PER_STEP, ROWS_PER_DELETE = 20, timedelta(days=1), 1000
REST_S = 0.01

#: pk, session, moment, register, context, reported session of readings that need not stay
Candidate = tuple[int, int, datetime, int | None, str, str]


def advance(now: datetime) -> int:
    """By the clock: thin out what is older than METER_VALUE_DETAIL_DAYS for a moment; returns rows deleted."""
    if not settings.METER_VALUE_DETAIL_DAYS:
        return 0
    before = _quarter(now - timedelta(days=settings.METER_VALUE_DETAIL_DAYS))
    end, deleted = time.monotonic() + ROUND_S, 0
    while time.monotonic() < end and (thinning := _claim(now)) is not None:
        is_done = False
        while not is_done and time.monotonic() < end:
            rows, is_done = _step(thinning, before)
            deleted += _delete(rows)
            if not is_done:
                thinning.due_at = now
            thinning.save()
    return deleted


def _claim(now: datetime) -> Thinning | None:
    """The connector whose turn it is; nobody else looks at it until tomorrow, unless we say so."""
    due = Thinning.objects.filter(due_at__lte=now).order_by("due_at").first()
    if due is None:
        known = Thinning.objects.values("connector")
        new = Connector.objects.exclude(pk__in=known).order_by("pk").values_list("pk", flat=True)[:ROWS_PER_DELETE]
        Thinning.objects.bulk_create((Thinning(connector_id=pk, due_at=now) for pk in new), ignore_conflicts=True)
        due = Thinning.objects.filter(due_at__lte=now).order_by("due_at").first()
    if due is None:
        return None
    tomorrow = now + PAUSE
    claimed = Thinning.objects.filter(pk=due.pk, due_at=due.due_at).update(due_at=tomorrow)
    due.due_at = tomorrow
    return due if claimed else None


def _step(thinning: Thinning, before: datetime) -> tuple[list[int], bool]:
    """Rows to be deleted of the next sessions, or of the next day without one; and whether that was all."""
    rows = MeterValue.objects.filter(connector=thinning.connector_id, timestamp__lt=before, context__in=THINNED)
    rows = rows.filter(Q(samples__isnull=True) | ~Q(samples__icontains="SignedData"))
    has_ended = Q(stopped_at__lt=before) | Q(ended_by=EndedBy.OPEN, register_at__lt=before)
    over = Transaction.objects.filter(
        has_ended,
        connector=thinning.connector_id,
        pk__gt=thinning.session,
        start_received_at__lt=before - COMES_WITHIN,
    )
    sessions = list(over.order_by("pk").values_list("pk", flat=True)[:SESSIONS_PER_STEP])
    if sessions:
        thinning.session = sessions[-1]
        return _superfluous(_candidates(rows.filter(transaction__in=sessions))), False
    loose = rows.filter(transaction=0)
    if thinning.loose_until is not None:
        loose = loose.filter(timestamp__gte=thinning.loose_until)
    first = loose.order_by("timestamp").values_list("timestamp", flat=True).first()
    if first is None:
        return [], True
    thinning.loose_until = min(_quarter(first) + LOOSE_PER_STEP, before)
    return _superfluous(_candidates(loose.filter(timestamp__lt=thinning.loose_until))), False


def _candidates(rows: QuerySet[MeterValue]) -> Iterable[Candidate]:
    """By moment, so that the last one of a quarter comes last."""
    columns = "pk", "transaction_id", "timestamp", "energy_wh", "context", "reported_transaction_id"
    return rows.order_by("timestamp", "pk").values_list(*columns)


def _superfluous(candidates: Iterable[Candidate]) -> list[int]:
    """All but the last of each session, quarter of an hour and kind.

    With a register or without are two kinds: some chargers send every measurand in a reading of its own.
    """
    last: dict[tuple[object, ...], int] = {}
    superfluous = []
    for pk, session, at, register_wh, *kind in candidates:
        key = session, int(at.timestamp()) // KEPT_EVERY_S, register_wh is not None, *kind
        if key in last:
            superfluous.append(last[key])
        last[key] = pk
    return superfluous


def _delete(rows: list[int]) -> int:
    for first in range(0, len(rows), ROWS_PER_DELETE):
        MeterValue.objects.filter(pk__in=rows[first : first + ROWS_PER_DELETE]).delete()
        time.sleep(REST_S)
    return len(rows)


def _quarter(at: datetime) -> datetime:
    """The beginning of its quarter of an hour."""
    seconds = int(at.timestamp())
    return datetime.fromtimestamp(seconds - seconds % KEPT_EVERY_S, UTC)
