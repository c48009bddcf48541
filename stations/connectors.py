"""A station's connectors as the messages of one write batch see them: one instance each."""

from __future__ import annotations

from collections.abc import Iterable

from . import write_batch
from .models import Connector


def get_connector(charge_point_id: int, connector_id: int) -> Connector:
    """The station's connector, made on first sight (§3.8: numbers are the station's own); one instance in a batch."""
    with write_batch.joined_batch() as batch:
        known = _known_in(batch, charge_point_id)
        if (charge_point_id, connector_id) not in known:
            known[charge_point_id, connector_id] = Connector.objects.get_or_create(
                charge_point_id=charge_point_id, connector_id=connector_id
            )[0]
        return known[charge_point_id, connector_id]


def statuses_of(charge_point_id: int) -> dict[int, str]:
    """The state of each connector the station has told of, by its number."""
    with write_batch.joined_batch() as batch:
        known = _known_in(batch, charge_point_id)
        stored = Connector.objects.filter(charge_point=charge_point_id).order_by()
        return {row.connector_id: known.get((charge_point_id, row.connector_id), row).status for row in stored}


def _known_in(batch: write_batch.WriteBatch, charge_point_id: int) -> dict[tuple[int, int], Connector]:
    def of_all() -> dict[tuple[int, int], Connector]:
        others = {names.station for names in batch.names if names.action == "StatusNotification"}
        return _connectors_of({charge_point_id, *others})

    known: dict[tuple[int, int], Connector] = batch.shared("stations.connectors", of_all)
    return known


def _connectors_of(stations: Iterable[int]) -> dict[tuple[int, int], Connector]:
    rows = Connector.objects.filter(charge_point__in=stations).order_by()
    return {(row.charge_point_id, row.connector_id): row for row in rows}
