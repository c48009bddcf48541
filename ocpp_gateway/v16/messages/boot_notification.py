"""BootNotification: a station introduces itself (OCPP 1.6 §4.2)."""

from typing import Literal

from ocpp_gateway.schema import Message, in_utc
from ocpp_gateway.v16.types import CiString20, CiString25, CiString50, Integer, Timestamp

RegistrationStatus = Literal["Accepted", "Pending", "Rejected"]


class BootNotificationRequest(Message, frozen=True, kw_only=True):
    """BootNotification.req (OCPP 1.6 §6.3)."""

    charge_point_vendor: CiString20
    charge_point_model: CiString20
    charge_point_serial_number: CiString25 | None = None
    charge_box_serial_number: CiString25 | None = None
    firmware_version: CiString50 | None = None
    iccid: CiString20 | None = None
    imsi: CiString20 | None = None
    meter_type: CiString25 | None = None
    meter_serial_number: CiString25 | None = None


class BootNotificationResponse(Message, frozen=True, kw_only=True):
    """BootNotification.conf (OCPP 1.6 §6.4).

    `interval` in seconds: between heartbeats if Accepted, else the least wait before the next BootNotification.
    """

    status: RegistrationStatus
    current_time: Timestamp
    interval: Integer

    def __post_init__(self) -> None:
        in_utc(self, "current_time")
