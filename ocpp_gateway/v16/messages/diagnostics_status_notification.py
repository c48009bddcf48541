"""DiagnosticsStatusNotification: how the upload of diagnostics goes (OCPP 1.6 §4.4)."""

from typing import Annotated, Literal

from ocpp_gateway.schema import Message, Open, tolerate

DiagnosticsStatus = Literal["Idle", "Uploaded", "UploadFailed", "Uploading"]


class DiagnosticsStatusNotificationRequest(Message, frozen=True, kw_only=True):
    """DiagnosticsStatusNotification.req (OCPP 1.6 §6.17). A word that OCPP does not know stays as text."""

    status: Annotated[Open[DiagnosticsStatus], tolerate(aliases={"UploadFailure": "UploadFailed"})]


class DiagnosticsStatusNotificationResponse(Message, frozen=True, kw_only=True):
    """DiagnosticsStatusNotification.conf (OCPP 1.6 §6.18)."""
