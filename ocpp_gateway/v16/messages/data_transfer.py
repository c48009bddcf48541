"""DataTransfer: what OCPP has no message for (OCPP 1.6 §4.3, §5.6)."""

from typing import Annotated, Literal

from msgspec import Meta

from ocpp_gateway.schema import Message, Open, tolerate
from ocpp_gateway.v16.types import CiString50, CiString255

DataTransferStatus = Literal["Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId"]

# "Length undefined" in the specification; a JSON value in place of the string is kept as its JSON text.
Data = Annotated[str, Meta(max_length=64 * 1024), tolerate(json_text=True)]


class DataTransferRequest(Message, frozen=True, kw_only=True):
    """DataTransfer.req (OCPP 1.6 §6.15)."""

    vendor_id: CiString255
    message_id: CiString50 | None = None
    data: Data | None = None


class DataTransferResponse(Message, frozen=True, kw_only=True):
    """DataTransfer.conf (OCPP 1.6 §6.16)."""

    status: Open[DataTransferStatus]
    data: Data | None = None
