"""BootNotification: a station introduces itself (OCPP 1.6 §4.2)."""

from typing import cast

from django.conf import settings
from django.utils import timezone

from ocpp_gateway.calls import IncomingCall
from ocpp_gateway.v16.messages.boot_notification import BootNotificationRequest, BootNotificationResponse
from ocpp_gateway.v16.messages.boot_notification import RegistrationStatus as WireStatus
from stations import services
from stations.models import RegistrationStatus
from transfers.progress import saw_boot

#: Least wait of a station that is not accepted before it introduces itself again; approval triggers it earlier.
RETRY_INTERVAL_S = 60


def handle(call: IncomingCall[BootNotificationRequest]) -> BootNotificationResponse:
    boot = call.request
    status = services.register_boot(
        call.charge_point,
        at=call.received_at,
        vendor=boot.charge_point_vendor,
        model=boot.charge_point_model,
        serial_number=boot.charge_point_serial_number,
        box_serial_number=boot.charge_box_serial_number,
        firmware_version=boot.firmware_version,
        iccid=boot.iccid,
        imsi=boot.imsi,
        meter_type=boot.meter_type,
        meter_serial_number=boot.meter_serial_number,
    )
    saw_boot(call.charge_point, at=call.received_at)
    is_accepted = status == RegistrationStatus.ACCEPTED
    return BootNotificationResponse(
        status=cast(WireStatus, status.value),
        current_time=timezone.now(),
        interval=settings.HEARTBEAT_INTERVAL if is_accepted else RETRY_INTERVAL_S,
    )
