"""ChangeAvailability: a connector, or the whole station, in or out of use (OCPP 1.6 §5.2)."""

from typing import Literal

from ocpp_gateway.schema import Message, Open
from ocpp_gateway.v16.types import ConnectorId

AvailabilityType = Literal["Inoperative", "Operative"]
AvailabilityStatus = Literal["Accepted", "Rejected", "Scheduled"]


class ChangeAvailabilityRequest(Message, frozen=True, kw_only=True):
    """ChangeAvailability.req (OCPP 1.6 §6.7); connector 0 is the station with all its connectors."""

    connector_id: ConnectorId
    type: AvailabilityType


class ChangeAvailabilityResponse(Message, frozen=True, kw_only=True):
    """ChangeAvailability.conf (OCPP 1.6 §6.8); Scheduled: when the transactions have ended."""

    status: Open[AvailabilityStatus]
