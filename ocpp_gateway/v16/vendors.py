"""DataTransfer by vendor: whose messages we understand (OCPP 1.6 §4.3). A vendor is a line in VENDORS and a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import structlog
from django.db import InterfaceError, OperationalError

from ocpp_gateway.calls import IncomingCall
from stations.write_batch import Stale, joined_batch

from . import schneider_electric
from .messages.data_transfer import DataTransferRequest, DataTransferResponse

log = structlog.get_logger(__name__)
T = TypeVar("T")
Handler = Callable[[IncomingCall[DataTransferRequest]], DataTransferResponse]


@dataclass(frozen=True, slots=True)
class VendorHandler:
    """What a vendor's messages are for, by messageId; "" for those without one."""

    messages: Mapping[str, Handler]


#: vendorId → its messages. Both ids are compared without regard to case (CiString, §7.10).
VENDORS: dict[str, VendorHandler] = {
    "Schneider Electric": VendorHandler({"Detection loop": schneider_electric.detection_loop}),
}


def answer(call: IncomingCall[DataTransferRequest]) -> DataTransferResponse:
    """The vendor's answer. What we do not know is said to be unknown, which makes some stations stop asking.

    A handler that fails is Rejected and leaves nothing in the database: its fault must not cost the others of its
    write batch their commit, nor make the station send the same again.
    """
    vendor = _named(VENDORS, call.request.vendor_id)
    if vendor is None:
        return DataTransferResponse(status="UnknownVendorId")
    handle = _named(vendor.messages, call.request.message_id or "")
    if handle is None:
        return DataTransferResponse(status="UnknownMessageId")
    with joined_batch() as batch:
        batch.flush()  # what is wrong with the others' rows is not the handler's fault
        try:
            with batch.savepoint():
                return handle(call)
        except (Stale, OperationalError, InterfaceError):
            raise  # nor is this: the batch runs again
        except Exception as error:  # a vendor's message may hold anything, and its handler may be anybody's
            log.error(
                "vendor handler failed",
                charge_point=call.charge_point.identity,
                vendor_id=call.request.vendor_id,
                message_id=call.request.message_id,
                exc_info=error,
            )
            return DataTransferResponse(status="Rejected")


def _named(table: Mapping[str, T], name: str) -> T | None:
    return next((entry for known, entry in table.items() if known.lower() == name.lower()), None)
