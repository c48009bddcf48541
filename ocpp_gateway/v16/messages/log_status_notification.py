"""LogStatusNotification: how the upload of a log goes (Security White Paper ed. 3)."""

from typing import Annotated, Literal

from ocpp_gateway.schema import Message, Open, tolerate
from ocpp_gateway.v16.types import Integer

UploadLogStatus = Literal[
    "BadMessage", "Idle", "NotSupportedOperation", "PermissionDenied", "Uploaded", "UploadFailure", "Uploading"
]


class LogStatusNotificationRequest(Message, frozen=True, kw_only=True):
    """LogStatusNotification.req. A word that OCPP does not know stays as text.

    Requirement N01.FR.10 of the White Paper says UploadFailed where its schema says UploadFailure.
    """

    status: Annotated[Open[UploadLogStatus], tolerate(aliases={"UploadFailed": "UploadFailure"})]
    request_id: Integer | None = None


class LogStatusNotificationResponse(Message, frozen=True, kw_only=True):
    """LogStatusNotification.conf."""
