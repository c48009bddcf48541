"""Reset: the station starts anew (OCPP 1.6 §5.14)."""

from typing import Literal

from ocpp_gateway.schema import Message, Open
from ocpp_gateway.v16.types import GenericStatus

ResetType = Literal["Hard", "Soft"]


class ResetRequest(Message, frozen=True, kw_only=True):
    """Reset.req (OCPP 1.6 §6.39)."""

    type: ResetType


class ResetResponse(Message, frozen=True, kw_only=True):
    """Reset.conf (OCPP 1.6 §6.40)."""

    status: Open[GenericStatus]
