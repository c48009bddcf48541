"""Heartbeat: a sign of life, answered with the time (OCPP 1.6 §4.6)."""

from ocpp_gateway.schema import Message, in_utc
from ocpp_gateway.v16.types import Timestamp


class HeartbeatRequest(Message, frozen=True, kw_only=True):
    """Heartbeat.req (OCPP 1.6 §6.29)."""


class HeartbeatResponse(Message, frozen=True, kw_only=True):
    """Heartbeat.conf (OCPP 1.6 §6.30)."""

    current_time: Timestamp

    def __post_init__(self) -> None:
        in_utc(self, "current_time")
