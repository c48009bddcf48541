"""SignedFirmwareStatusNotification: how far a signed firmware update (white paper L01) is."""

from ocpp_gateway.calls import IncomingCall
from ocpp_gateway.v16.messages.signed_firmware_status_notification import (
    SignedFirmwareStatusNotificationRequest,
    SignedFirmwareStatusNotificationResponse,
)
from stations.models import ProgressReport
from stations.services import record_progress
from transfers.progress import saw_progress


def handle(call: IncomingCall[SignedFirmwareStatusNotificationRequest]) -> SignedFirmwareStatusNotificationResponse:
    kind, at = ProgressReport.Kind.SIGNED_FIRMWARE, call.received_at
    status, request_id = call.request.status, call.request.request_id
    record_progress(call.charge_point, kind=kind, status=status, request_id=request_id, at=at)
    saw_progress(call.charge_point, kind=kind, status=status, request_id=request_id, at=at)
    return SignedFirmwareStatusNotificationResponse()
