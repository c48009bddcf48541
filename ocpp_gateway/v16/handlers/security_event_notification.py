"""SecurityEventNotification: something the station thinks we should know (white paper A04)."""

from ocpp_gateway.calls import IncomingCall
from ocpp_gateway.v16.messages.security_event_notification import (
    SecurityEventNotificationRequest,
    SecurityEventNotificationResponse,
)
from stations.services import record_security_event
from transactions.clock import moment_of


def handle(call: IncomingCall[SecurityEventNotificationRequest]) -> SecurityEventNotificationResponse:
    record_security_event(
        call.charge_point,
        type=call.request.type,
        tech_info=call.request.tech_info or "",
        occurred_at=moment_of(call.request.timestamp, call.received_at).reported_at or call.received_at,
        received_at=call.received_at,
    )
    return SecurityEventNotificationResponse()
