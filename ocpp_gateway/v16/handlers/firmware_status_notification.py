"""FirmwareStatusNotification: how far a firmware update (OCPP 1.6 §4.5) is."""

from ocpp_gateway.calls import IncomingCall
from ocpp_gateway.v16.messages.firmware_status_notification import (
    FirmwareStatusNotificationRequest,
    FirmwareStatusNotificationResponse,
)
from stations.models import ProgressReport
from stations.services import record_progress


def handle(call: IncomingCall[FirmwareStatusNotificationRequest]) -> FirmwareStatusNotificationResponse:
    record_progress(
        call.charge_point,
        kind=ProgressReport.Kind.FIRMWARE,
        status=call.request.status,
        request_id=None,
        at=call.received_at,
    )
    return FirmwareStatusNotificationResponse()
