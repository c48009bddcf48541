"""LogStatusNotification: how far the upload of a log (white paper N01) is."""

from ocpp_gateway.calls import IncomingCall
from ocpp_gateway.v16.messages.log_status_notification import (
    LogStatusNotificationRequest,
    LogStatusNotificationResponse,
)
from stations.models import ProgressReport
from stations.services import record_progress


def handle(call: IncomingCall[LogStatusNotificationRequest]) -> LogStatusNotificationResponse:
    record_progress(
        call.charge_point,
        kind=ProgressReport.Kind.LOG,
        status=call.request.status,
        request_id=call.request.request_id,
        at=call.received_at,
    )
    return LogStatusNotificationResponse()
