"""Messages on request (OCPP 1.6 §5.17; Security White Paper, ExtendedTriggerMessage)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..connector import Connector
from ..rpc import Payload
from .answer import Answer, status
from .certificates import ask_for_certificate

if TYPE_CHECKING:
    from ..charge_point import SimulatedChargePoint


def trigger_message(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """TriggerMessage (§5.17): the message follows the answer, also while Pending."""
    requested = payload["requestedMessage"]
    match requested:
        case "DiagnosticsStatusNotification":
            return status("Accepted", lambda: station.call(requested, station.diagnostics.report()))
        case "FirmwareStatusNotification":
            return status("Accepted", lambda: station.call(requested, {"status": station.firmware.status}))
    return _common(station, payload)


def extended_trigger_message(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """ExtendedTriggerMessage: firmware means that of SignedUpdateFirmware."""
    match payload["requestedMessage"]:
        case "LogStatusNotification":
            return status("Accepted", lambda: station.call("LogStatusNotification", station.log.report()))
        case "FirmwareStatusNotification":
            return status(
                "Accepted", lambda: station.call("SignedFirmwareStatusNotification", station.firmware.report())
            )
        case "SignChargePointCertificate":
            return status("Accepted", lambda: ask_for_certificate(station))
    return _common(station, payload)


def _common(station: SimulatedChargePoint, payload: Payload) -> Answer:
    connector_id = payload.get("connectorId")
    if connector_id is not None and connector_id not in station.connectors:
        return status("Rejected")
    connectors = [c for c in station.connectors.values() if connector_id in {None, c.connector_id}]
    match payload["requestedMessage"]:
        case "BootNotification" if station.registration.status == "Accepted":
            return status("Rejected")  # §4.2: once accepted, only a reboot brings another
        case "BootNotification":
            return status("Accepted", station.registration.boot_once)
        case "Heartbeat":
            return status("Accepted", station.registration.heartbeat)
        case "StatusNotification":
            return status("Accepted", lambda: _send_statuses(station, connectors))
        case "MeterValues":
            return status("Accepted", lambda: _send_meter_values(station, connectors))
    return status("NotImplemented")


async def _send_statuses(station: SimulatedChargePoint, connectors: list[Connector]) -> None:
    for connector in connectors:
        await station.report(connector)


async def _send_meter_values(station: SimulatedChargePoint, connectors: list[Connector]) -> None:
    """At once and past the backlog: what was asked for is the present reading."""
    for connector in connectors:
        request = station.charging.meter_values_payload(connector, "Trigger")
        if connector.transaction is not None:
            request["transactionId"] = connector.transaction.wire_id
        await station.call("MeterValues", request)
