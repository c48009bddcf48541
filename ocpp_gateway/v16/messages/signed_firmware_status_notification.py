"""SignedFirmwareStatusNotification: how a signed update goes (Security White Paper ed. 3)."""

from typing import Literal

from ocpp_gateway.schema import Message, Open
from ocpp_gateway.v16.types import Integer

SignedFirmwareStatus = Literal[
    "Downloaded",
    "DownloadFailed",
    "Downloading",
    "DownloadScheduled",
    "DownloadPaused",
    "Idle",
    "InstallationFailed",
    "Installing",
    "Installed",
    "InstallRebooting",
    "InstallScheduled",
    "InstallVerificationFailed",
    "InvalidSignature",
    "SignatureVerified",
]


class SignedFirmwareStatusNotificationRequest(Message, frozen=True, kw_only=True):
    """SignedFirmwareStatusNotification.req. A word that OCPP does not know stays as text."""

    status: Open[SignedFirmwareStatus]
    request_id: Integer | None = None


class SignedFirmwareStatusNotificationResponse(Message, frozen=True, kw_only=True):
    """SignedFirmwareStatusNotification.conf."""
