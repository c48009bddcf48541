"""The power of every site, noted by the clock: five minutes are enough to see a day's shape."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from stations.models import Connector

from .models import PowerRecord, Transaction
from .now import now_of

INTERVAL = timedelta(minutes=5)
KEPT = timedelta(days=400)


def note_power(now: datetime) -> int:
    """Note what flows now at each site where something runs; the same interval is noted once, whoever comes second.

    A site where nothing runs has no record, which means 0.
    """
    at = now - timedelta(seconds=now.timestamp() % INTERVAL.total_seconds())
    if PowerRecord.objects.filter(at=at).exists():
        return 0
    running = Transaction.objects.running().order_by().values_list("connector", flat=True)
    flowing = {pk: state.power_w or 0 for pk, state in now_of(set(running), at=now).items()}
    power: Counter[int | None] = Counter()
    for pk, site in Connector.objects.filter(pk__in=flowing).values_list("pk", "charge_point__site"):
        power[site] += max(0, flowing[pk])
    records = [PowerRecord(site_id=site, at=at, power_w=watts) for site, watts in power.items()]
    PowerRecord.objects.bulk_create(records, ignore_conflicts=True)
    PowerRecord.objects.filter(at__lt=now - KEPT).delete()
    return len(records)
