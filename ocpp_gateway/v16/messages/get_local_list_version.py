"""GetLocalListVersion: which local list the station has (OCPP 1.6 §5.10)."""

from ocpp_gateway.schema import Message
from ocpp_gateway.v16.types import Integer


class GetLocalListVersionRequest(Message, frozen=True, kw_only=True):
    """GetLocalListVersion.req (OCPP 1.6 §6.27)."""


class GetLocalListVersionResponse(Message, frozen=True, kw_only=True):
    """GetLocalListVersion.conf (OCPP 1.6 §6.28); 0 is an empty list, -1 a station without lists."""

    list_version: Integer
