"""Heartbeat: the station sets its clock by our answer (OCPP 1.6 §4.6)."""

from django.utils import timezone

from ocpp_gateway.calls import IncomingCall
from ocpp_gateway.v16.messages.heartbeat import HeartbeatRequest, HeartbeatResponse


def handle(call: IncomingCall[HeartbeatRequest]) -> HeartbeatResponse:
    return HeartbeatResponse(current_time=timezone.now())
