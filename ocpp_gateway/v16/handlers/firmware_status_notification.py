"""FirmwareStatusNotification: how far a firmware update (OCPP 1.6 §4.5) is."""

from ocpp_gateway.calls import IncomingCall
from ocpp_gateway.v16.messages.firmware_status_notification import (
    FirmwareStatusNotificationRequest,
    FirmwareStatusNotificationResponse,
)
from stations.models import ProgressReport
from stations.services import record_progress
from transfers.progress import saw_progress


def handle(call: IncomingCall[FirmwareStatusNotificationRequest]) -> FirmwareStatusNotificationResponse:
    kind, status, at = ProgressReport.Kind.FIRMWARE, call.request.status, call.received_at
    record_progress(call.charge_point, kind=kind, status=status, request_id=None, at=at)
    saw_progress(call.charge_point, kind=kind, status=status, request_id=None, at=at)
    return FirmwareStatusNotificationResponse()
