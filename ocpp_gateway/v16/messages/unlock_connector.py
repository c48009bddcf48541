"""UnlockConnector: a cable is set free (OCPP 1.6 §5.18)."""

from typing import Literal

from ocpp_gateway.schema import Message, Open
from ocpp_gateway.v16.types import PlugId

UnlockStatus = Literal["Unlocked", "UnlockFailed", "NotSupported"]


class UnlockConnectorRequest(Message, frozen=True, kw_only=True):
    """UnlockConnector.req (OCPP 1.6 §6.53)."""

    connector_id: PlugId


class UnlockConnectorResponse(Message, frozen=True, kw_only=True):
    """UnlockConnector.conf (OCPP 1.6 §6.54); NotSupported also for a connector that does not exist."""

    status: Open[UnlockStatus]
