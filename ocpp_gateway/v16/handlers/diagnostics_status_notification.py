"""DiagnosticsStatusNotification: how far the upload of diagnostics (OCPP 1.6 §4.4) is."""

from ocpp_gateway.calls import IncomingCall
from ocpp_gateway.v16.messages.diagnostics_status_notification import (
    DiagnosticsStatusNotificationRequest,
    DiagnosticsStatusNotificationResponse,
)
from stations.models import ProgressReport
from stations.services import record_progress


def handle(call: IncomingCall[DiagnosticsStatusNotificationRequest]) -> DiagnosticsStatusNotificationResponse:
    record_progress(
        call.charge_point,
        kind=ProgressReport.Kind.DIAGNOSTICS,
        status=call.request.status,
        request_id=None,
        at=call.received_at,
    )
    return DiagnosticsStatusNotificationResponse()
