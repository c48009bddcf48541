"""`charge-points/` and `connectors/`."""

from __future__ import annotations

from typing import ClassVar

from stations.models import ChargePoint, Connector

from ..filters import ChargePointFilters, ConnectorFilters
from ..permissions import Need
from ..serializers.stations import ChargePointSerializer, ConnectorSerializer
from .base import ReadViewSet, find_station


class ChargePointViewSet(ReadViewSet):
    """Charging stations. An address names one by its identity, in upper or lower case."""

    needs: ClassVar = {
        "list": Need("stations.view_chargepoint"),
        "retrieve": Need("stations.view_chargepoint"),
    }
    queryset = ChargePoint.objects.select_related("gateway", "site")
    serializer_class = ChargePointSerializer
    filterset_class = ChargePointFilters
    lookup_field = "identity"
    ordering = ("identity",)
    ordering_fields = ("identity", "created_at")

    def get_object(self) -> ChargePoint:
        return find_station(self.kwargs["identity"])


class ConnectorViewSet(ReadViewSet):
    """Outlets and their state; number 0 is the station as a whole."""

    needs: ClassVar = {
        "list": Need("stations.view_connector"),
        "retrieve": Need("stations.view_connector"),
    }
    queryset = Connector.objects.select_related("charge_point")
    serializer_class = ConnectorSerializer
    filterset_class = ConnectorFilters
    ordering = ("id",)
    ordering_fields = ("id",)
