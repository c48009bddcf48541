"""TriggerMessage: we ask a station to send one of its messages now (OCPP 1.6 §5.17)."""

from typing import Literal

from ocpp_gateway.schema import Message, Open
from ocpp_gateway.v16.types import ConnectorId

MessageTrigger = Literal[
    "BootNotification",
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "MeterValues",
    "StatusNotification",
]
TriggerMessageStatus = Literal["Accepted", "Rejected", "NotImplemented"]


class TriggerMessageRequest(Message, frozen=True, kw_only=True):
    """TriggerMessage.req (OCPP 1.6 §6.51); without `connector_id` it means all that apply."""

    requested_message: MessageTrigger
    connector_id: ConnectorId | None = None


class TriggerMessageResponse(Message, frozen=True, kw_only=True):
    """TriggerMessage.conf (OCPP 1.6 §6.52)."""

    status: Open[TriggerMessageStatus]
