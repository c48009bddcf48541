"""ExtendedTriggerMessage: TriggerMessage with the messages of the security extension (Security White Paper ed. 3)."""

from typing import Literal

from ocpp_gateway.schema import Message, Open
from ocpp_gateway.v16.messages.trigger_message import TriggerMessageStatus
from ocpp_gateway.v16.types import ConnectorId

ExtendedMessageTrigger = Literal[
    "BootNotification",
    "LogStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "MeterValues",
    "SignChargePointCertificate",
    "StatusNotification",
]


class ExtendedTriggerMessageRequest(Message, frozen=True, kw_only=True):
    """ExtendedTriggerMessage.req; without `connector_id` it means all that apply."""

    requested_message: ExtendedMessageTrigger
    connector_id: ConnectorId | None = None


class ExtendedTriggerMessageResponse(Message, frozen=True, kw_only=True):
    """ExtendedTriggerMessage.conf."""

    status: Open[TriggerMessageStatus]
