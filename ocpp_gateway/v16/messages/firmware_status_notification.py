"""FirmwareStatusNotification: how the update of the firmware goes (OCPP 1.6 §4.5)."""

from typing import Literal

from ocpp_gateway.schema import Message, Open

FirmwareStatus = Literal[
    "Downloaded", "DownloadFailed", "Downloading", "Idle", "InstallationFailed", "Installing", "Installed"
]


class FirmwareStatusNotificationRequest(Message, frozen=True, kw_only=True):
    """FirmwareStatusNotification.req (OCPP 1.6 §6.19). A word that OCPP does not know stays as text."""

    status: Open[FirmwareStatus]


class FirmwareStatusNotificationResponse(Message, frozen=True, kw_only=True):
    """FirmwareStatusNotification.conf (OCPP 1.6 §6.20)."""
