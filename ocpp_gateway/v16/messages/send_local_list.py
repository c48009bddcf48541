"""SendLocalList: the tags a station may decide about by itself (OCPP 1.6 §5.15)."""

from typing import Annotated, Literal

from msgspec import Meta

from ocpp_gateway.schema import Message, Open
from ocpp_gateway.v16.types import AuthorizationData

UpdateType = Literal["Differential", "Full"]
UpdateStatus = Literal["Accepted", "Failed", "NotSupported", "VersionMismatch"]


class SendLocalListRequest(Message, frozen=True, kw_only=True):
    """SendLocalList.req (OCPP 1.6 §6.41): `list_version` is that after the update; a full one without tags empties."""

    list_version: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    update_type: UpdateType
    local_authorization_list: tuple[AuthorizationData, ...] | None = None


class SendLocalListResponse(Message, frozen=True, kw_only=True):
    """SendLocalList.conf (OCPP 1.6 §6.42)."""

    status: Open[UpdateStatus]
