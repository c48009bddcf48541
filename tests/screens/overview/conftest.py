"""A house with a charger in each state that the overview tells apart."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from stations.models import ChargePoint, ChargePointStatus, Connector, GatewayProcess, Site
from transactions.models import IdTag, Transaction

from ...conftest import make_station


class House:
    """`house.charger("BAY-1", "Charging")` stands online; `house.session(connector)` runs on it."""

    def __init__(self) -> None:
        self.gateway = GatewayProcess.objects.create(channel="test", host="test", pid=1)
        self.site = Site.objects.create(name="Garage")

    def charger(self, identity: str, status: str = ChargePointStatus.AVAILABLE, **fields: Any) -> Connector:
        now = timezone.now()
        line = {"gateway": self.gateway, "connection": identity, "connected_at": now, "last_seen_at": now}
        station = make_station(identity, **{"site": self.site, **line, **fields})
        return Connector.objects.create(
            charge_point=station,
            connector_id=1,
            status=status,
            error_code="NoError",
            status_at=now - timedelta(hours=2),
        )

    def gone(self, identity: str, **fields: Any) -> ChargePoint:
        long_ago = timezone.now() - timedelta(hours=3)
        connector = self.charger(identity, gateway=None, connection="", last_seen_at=long_ago, **fields)
        return connector.charge_point

    def session(self, connector: Connector, **fields: Any) -> Transaction:
        now = timezone.now()
        begun = now - timedelta(hours=1)
        values = {
            "id_tag": "CAFE",
            "tag": IdTag.objects.get_or_create(id_tag="CAFE", defaults={"holder": "Anna"})[0],
            "started_at": begun,
            "start_reported_at": begun,
            "meter_start_wh": 1000,
            "register_wh": 7420,
            "register_at": now,
            "energy_wh": 6420,
            "authorization_status": "Accepted",
        }
        return Transaction.objects.create(
            charge_point=connector.charge_point, connector=connector, **{**values, **fields}
        )


@pytest.fixture
def house(db: None) -> House:
    return House()
