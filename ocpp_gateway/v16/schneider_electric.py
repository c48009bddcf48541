"""Schneider Electric's DataTransfer messages."""

from __future__ import annotations

import re

import msgspec

from ocpp_gateway import timestamps
from ocpp_gateway.calls import IncomingCall
from stations.services import record_status
from transactions.clock import moment_of

from .messages.data_transfer import DataTransferRequest, DataTransferResponse
from .types import ConnectorId

VENDOR_ID = "Schneider Electric"
#: From where a run of backslashes begins: tried at each of them, 65,000 without a quote behind them take four seconds.
_ESCAPED_QUOTE = re.compile(r'(?<!\\)\\+"')


class DetectionLoop(msgspec.Struct, frozen=True, rename="camel"):
    """A loop in the ground of a bay: `state` is 0 when nothing stands on it."""

    connector_id: ConnectorId
    state: str | int | bool
    name: str = ""
    timestamp: str = ""


def detection_loop(call: IncomingCall[DataTransferRequest]) -> DataTransferResponse:
    """Keep it in the connector's status history: it tells who blocks a bay without charging."""
    report = _read(call.request.data or "")
    if report is None:
        return DataTransferResponse(status="Rejected")
    at, _names_zone = timestamps.read(report.timestamp.rstrip(":"))
    record_status(
        call.charge_point,
        connector_id=report.connector_id,
        status="Detection loop",
        error_code="",
        reported_at=moment_of(at, call.received_at).reported_at,
        received_at=call.received_at,
        info=f"{report.name}: {report.state}".removeprefix(": ")[:500],
        vendor_id=VENDOR_ID,
    )
    return DataTransferResponse(status="Accepted")


def _read(data: str) -> DetectionLoop | None:
    r"""The JSON of a message; its quotes come escaped, once or more: {\"connectorId\":2 (sap-labs-france/ev-server)."""
    try:
        return msgspec.json.decode(_ESCAPED_QUOTE.sub('"', data), type=DetectionLoop, strict=False)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
