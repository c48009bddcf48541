"""StatusNotification: the state of a connector or of the station (OCPP 1.6 §4.9)."""

from typing import Annotated, Literal

from ocpp_gateway.schema import Message, Open, in_utc, tolerate
from ocpp_gateway.v16.types import CiString50, CiString255, ConnectorId, Timestamp

ChargePointErrorCode = Literal[
    "ConnectorLockFailure",
    "EVCommunicationError",
    "GroundFailure",
    "HighTemperature",
    "InternalError",
    "LocalListConflict",
    "NoError",
    "OtherError",
    "OverCurrentFailure",
    "OverVoltage",
    "PowerMeterFailure",
    "PowerSwitchFailure",
    "ReaderFailure",
    "ResetFailure",
    "UnderVoltage",
    "WeakSignal",
]
ChargePointStatus = Literal[
    "Available",
    "Preparing",
    "Charging",
    "SuspendedEVSE",
    "SuspendedEV",
    "Finishing",
    "Reserved",
    "Unavailable",
    "Faulted",
]


class StatusNotificationRequest(Message, frozen=True, kw_only=True):
    """StatusNotification.req (OCPP 1.6 §6.47).

    An unknown `status` stays as text, so that the last known state can be kept; an unknown `error_code` is OtherError.
    """

    connector_id: ConnectorId
    error_code: Annotated[ChargePointErrorCode, tolerate(unknown="OtherError")]
    status: Open[ChargePointStatus]
    info: CiString50 | None = None
    timestamp: Timestamp | None = None
    vendor_id: CiString255 | None = None
    vendor_error_code: CiString50 | None = None

    def __post_init__(self) -> None:
        in_utc(self, "timestamp")


class StatusNotificationResponse(Message, frozen=True, kw_only=True):
    """StatusNotification.conf (OCPP 1.6 §6.48)."""
