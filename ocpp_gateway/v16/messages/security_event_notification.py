"""SecurityEventNotification: the station saw something (Security White Paper ed. 3)."""

from ocpp_gateway.schema import Message, in_utc
from ocpp_gateway.v16.types import CiString50, CiString255, Timestamp


class SecurityEventNotificationRequest(Message, frozen=True, kw_only=True):
    """SecurityEventNotification.req; `timestamp` is None if it is there but cannot be read."""

    type: CiString50
    timestamp: Timestamp | None
    tech_info: CiString255 | None = None

    def __post_init__(self) -> None:
        in_utc(self, "timestamp")


class SecurityEventNotificationResponse(Message, frozen=True, kw_only=True):
    """SecurityEventNotification.conf."""
