"""SignedFirmwareStatusNotification: how far a signed firmware update (white paper L01) is."""

from ocpp_gateway.calls import IncomingCall
from ocpp_gateway.v16.messages.signed_firmware_status_notification import (
    SignedFirmwareStatusNotificationRequest,
    SignedFirmwareStatusNotificationResponse,
)
from stations.models import ProgressReport
from stations.services import record_progress


def handle(call: IncomingCall[SignedFirmwareStatusNotificationRequest]) -> SignedFirmwareStatusNotificationResponse:
    record_progress(
        call.charge_point,
        kind=ProgressReport.Kind.SIGNED_FIRMWARE,
        status=call.request.status,
        request_id=call.request.request_id,
        at=call.received_at,
    )
    return SignedFirmwareStatusNotificationResponse()
