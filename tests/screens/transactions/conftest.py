"""The cast: two sites with a charger each, cards, and sessions at any time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from stations.models import Connector, GatewayProcess, Site
from transactions.models import IdTag, IdTagGroup, Transaction
from transactions.resources import HEADERS

from ...admin_cast import make_transaction
from ...conftest import make_station

LIST = "/transactions/"
URL = "/transactions/%d/"


class Sites:
    """North and South, a charger with one connector at each."""

    def __init__(self) -> None:
        self.north, self.south = Site.objects.create(name="North"), Site.objects.create(name="South")
        self.connector = make_station("N1", site=self.north, name="Gate").connectors.create(connector_id=1)
        self.other = make_station("S1", site=self.south).connectors.create(connector_id=1)
        self.group = IdTagGroup.objects.create(parent_id_tag="FLEET", name="Fleet")
        self.anna = IdTag.objects.create(id_tag="04A1B2C3D4F2", holder="Anna Berg", group=self.group, site=self.north)
        self.ben = IdTag.objects.create(id_tag="BEN0000001", holder="Ben")

    def session(
        self, at: datetime | None = None, tag: IdTag | None = None, *, connector: Connector | None = None, **fields: Any
    ) -> Transaction:
        at = at or timezone.now().replace(microsecond=0) - timedelta(days=1)
        return make_transaction(connector or self.connector, tag or self.anna, at, **{"flags": [], **fields})

    def running(self, at: datetime | None = None, tag: IdTag | None = None, **fields: Any) -> Transaction:
        open_end = {"stopped_at": None, "ended_by": "", "stop_reason": "", "meter_stop_wh": None}
        return self.session(at or timezone.now() - timedelta(hours=2), tag, **{**open_end, **fields})

    def connect(self, connector: Connector) -> None:
        gateway = GatewayProcess.objects.create(channel="c", host="h", pid=1)
        station = connector.charge_point
        station.gateway, station.connection, station.connected_at = gateway, "1", timezone.now()
        station.save()


@pytest.fixture
def sites(db: None) -> Sites:
    return Sites()


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc]


def body(response: Any) -> str:
    content = b"".join(response.streaming_content) if response.streaming else response.content
    return content.decode()


def lines(response: Any) -> list[dict[str, str]]:
    """The rows of a CSV file by their columns."""
    import csv

    return list(csv.DictReader(body(response).splitlines()))


assert {"energy_kwh", "duration_s", "transaction_id"} <= {*HEADERS}
