"""Table of contents: every action of OCPP 1.6 that we take from stations; `outgoing` has those we send."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ocpp_gateway.calls import IncomingCall
from ocpp_gateway.schema import Message

from .handlers import (
    authorize,
    boot_notification,
    data_transfer,
    diagnostics_status_notification,
    firmware_status_notification,
    heartbeat,
    log_status_notification,
    meter_values,
    security_event_notification,
    sign_certificate,
    signed_firmware_status_notification,
    start_transaction,
    status_notification,
    stop_transaction,
)
from .messages.authorize import AuthorizeRequest
from .messages.boot_notification import BootNotificationRequest
from .messages.data_transfer import DataTransferRequest
from .messages.diagnostics_status_notification import DiagnosticsStatusNotificationRequest
from .messages.firmware_status_notification import FirmwareStatusNotificationRequest
from .messages.heartbeat import HeartbeatRequest
from .messages.log_status_notification import LogStatusNotificationRequest
from .messages.meter_values import MeterValuesRequest
from .messages.security_event_notification import SecurityEventNotificationRequest
from .messages.sign_certificate import SignCertificateRequest
from .messages.signed_firmware_status_notification import SignedFirmwareStatusNotificationRequest
from .messages.start_transaction import StartTransactionRequest
from .messages.status_notification import StatusNotificationRequest
from .messages.stop_transaction import StopTransactionRequest


@dataclass(frozen=True, slots=True)
class Incoming:
    """An action of stations. One that `stores` nothing but "last seen" is answered without the writer."""

    request: type[Message]
    handle: Callable[[IncomingCall[Any]], Message]
    stores: bool = True


INCOMING: dict[str, Incoming] = {
    "Authorize": Incoming(AuthorizeRequest, authorize.handle),
    "BootNotification": Incoming(BootNotificationRequest, boot_notification.handle),
    "DataTransfer": Incoming(DataTransferRequest, data_transfer.handle),
    "DiagnosticsStatusNotification": Incoming(
        DiagnosticsStatusNotificationRequest, diagnostics_status_notification.handle
    ),
    "FirmwareStatusNotification": Incoming(FirmwareStatusNotificationRequest, firmware_status_notification.handle),
    "Heartbeat": Incoming(HeartbeatRequest, heartbeat.handle, stores=False),
    "LogStatusNotification": Incoming(LogStatusNotificationRequest, log_status_notification.handle),
    "MeterValues": Incoming(MeterValuesRequest, meter_values.handle),
    "SecurityEventNotification": Incoming(SecurityEventNotificationRequest, security_event_notification.handle),
    "SignCertificate": Incoming(SignCertificateRequest, sign_certificate.handle),
    "SignedFirmwareStatusNotification": Incoming(
        SignedFirmwareStatusNotificationRequest, signed_firmware_status_notification.handle
    ),
    "StartTransaction": Incoming(StartTransactionRequest, start_transaction.handle),
    "StatusNotification": Incoming(StatusNotificationRequest, status_notification.handle),
    "StopTransaction": Incoming(StopTransactionRequest, stop_transaction.handle),
}
