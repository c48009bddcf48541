"""MeterValues: readings of a connector's or the station's meter (OCPP 1.6 §4.7)."""

from typing import Annotated

from ocpp_gateway.schema import Message, tolerate
from ocpp_gateway.v16.types import ConnectorId, MeterValue, TransactionId


class MeterValuesRequest(Message, frozen=True, kw_only=True):
    """MeterValues.req (OCPP 1.6 §6.31)."""

    connector_id: ConnectorId
    meter_value: Annotated[tuple[MeterValue, ...], tolerate(former_name="values")]
    transaction_id: TransactionId | None = None


class MeterValuesResponse(Message, frozen=True, kw_only=True):
    """MeterValues.conf (OCPP 1.6 §6.32)."""
