"""A station's row, locked: one query for all stations that come or boot in a write batch."""

from __future__ import annotations

from . import write_batch
from .models import ChargePoint


def station(charge_point_id: int, action: str) -> ChargePoint:
    """The row, locked with those of all whom messages of this action name; the same instance throughout a batch.

    What one message changes of it, with `write_batch.assign`, the next one finds. Raises ChargePoint.DoesNotExist.
    """
    with write_batch.joined_batch() as batch:
        rows = batch.read_once(f"stations.locked for {action}", action, charge_point_id, _lock)
        known: dict[int, ChargePoint | None] = batch.shared("stations.locked", dict)
        row = known.setdefault(charge_point_id, rows.get(charge_point_id))
    if row is None:
        raise ChargePoint.DoesNotExist
    return row


def _lock(stations: set[int]) -> dict[int, ChargePoint]:
    # no_key: a key lock would wait for every transaction that has stored something of the station's
    rows = ChargePoint.objects.select_for_update(of=("self",), no_key=True).select_related("gateway")
    # one order everywhere, so that two processes cannot deadlock
    return {row.pk: row for row in rows.filter(pk__in=stations).order_by("pk")}
