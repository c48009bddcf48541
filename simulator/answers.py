"""What a simulated station says to the central system's commands, and what it does about them.

An answerer takes the station and the request and returns an Answer at once; what follows (`then`) starts after the
answer has left, as the specification's sequences have it. A new command is one function and one line in ANSWERERS.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .configuration import READ_ONLY
from .connector import Connector
from .errors import CallFailed
from .override import Override
from .rpc import Payload

if TYPE_CHECKING:
    from .charge_point import SimulatedChargePoint


@dataclass(frozen=True)
class Answer:
    payload: Payload
    then: Callable[[], Awaitable[object]] | None = None


def status(value: str, then: Callable[[], Awaitable[object]] | None = None) -> Answer:
    return Answer({"status": value}, then)


async def answer_call(station: SimulatedChargePoint, unique_id: str, action: str, payload: Payload) -> None:
    """Answer one CALL on the connection it came by, then do what was promised."""
    connection = station.link.connection()
    override = station.overrides.get(action, Override())
    if override.delay_s:
        await asyncio.sleep(override.delay_s)
    if connection is None or override.silent or station.registration.status == "Rejected":
        return  # a rejected station does not answer (§4.2)
    reply = _decide(station, action, payload) if override.payload is None else override.payload
    if isinstance(reply, Answer):
        station.say(f"{action}: {reply.payload.get('status', 'answered')}")
        await connection.answer(unique_id, reply.payload)
        if reply.then is not None:
            await reply.then()
    else:
        station.say(f"{action}: {reply.code if isinstance(reply, CallFailed) else 'answered on request'}")
        await connection.answer(unique_id, reply)


def _decide(station: SimulatedChargePoint, action: str, payload: Payload) -> Answer | CallFailed:
    answerer = ANSWERERS.get(action)
    if answerer is None:
        return CallFailed("NotSupported" if action in NOT_SUPPORTED else "NotImplemented", action)
    try:
        return answerer(station, payload)
    except KeyError as error:
        return CallFailed("OccurenceConstraintViolation", f"{error} is missing")
    except (TypeError, ValueError, AttributeError) as error:
        return CallFailed("TypeConstraintViolation", str(error)[:255])


def _connector(station: SimulatedChargePoint, payload: Payload) -> Connector | None:
    """The connector a request names; None for 0 and for unknown ones."""
    connector_id = payload["connectorId"]
    return station.connectors.get(connector_id) if connector_id else None


# -- remote control --------------------------------------------------------------------------------------------------


def remote_start(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """RemoteStartTransaction (§5.11): not before Accepted, and on the first free connector when none is named."""
    id_tag = str(payload["idTag"])
    if "connectorId" in payload:
        connector = _connector(station, payload)
    else:
        connector = next((c for c in station.connectors.values() if c.connector_id and c.is_free), None)
    if connector is None or not connector.is_free or not station.registration.accepted.is_set():
        return status("Rejected")
    connector_id = connector.connector_id
    return status("Accepted", lambda: _start_remotely(station, connector_id, id_tag))


async def _start_remotely(station: SimulatedChargePoint, connector_id: int, id_tag: str) -> None:
    await station.plug(connector_id)
    if station.configuration.flag("AuthorizeRemoteTxRequests") and await station.authorize(id_tag) != "Accepted":
        await station.unplug(connector_id)
    elif station.connectors[connector_id].is_free:  # a driver's own card may have been quicker
        await station.start(connector_id, id_tag)


def remote_stop(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """RemoteStopTransaction (§5.12); unknown ids are Rejected."""
    connector = station.charging.transaction_with(payload["transactionId"])
    if connector is None or not station.registration.accepted.is_set():
        return status("Rejected")
    return status("Accepted", lambda: station.stop(connector.connector_id, reason="Remote"))


def unlock_connector(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """UnlockConnector (§5.18); a running transaction ends."""
    connector = _connector(station, payload)
    if connector is None:
        return status("NotSupported")
    if connector.transaction is None:
        return status("Unlocked")
    return status("Unlocked", lambda: station.stop(connector.connector_id, reason="UnlockCommand"))


def reset(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """Reset (§5.14)."""
    kind = payload["type"]
    if kind not in {"Soft", "Hard"}:
        return status("Rejected")
    return status("Accepted", lambda: station.reset(kind))


def change_availability(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """ChangeAvailability (§5.2): after a running transaction if there is one; connector 0 means all of them."""
    connector_id, operative = payload["connectorId"], payload["type"] == "Operative"
    if connector_id not in station.connectors:
        return status("Rejected")
    meant = [c for c in station.connectors.values() if connector_id in {0, c.connector_id}]
    for connector in meant:
        connector.operative = operative
    if not operative and any(connector.transaction for connector in meant):
        return status("Scheduled", lambda: _show_availability(station, meant))
    return status("Accepted", lambda: _show_availability(station, meant))


async def _show_availability(station: SimulatedChargePoint, connectors: list[Connector]) -> None:
    for connector in connectors:
        switched_on = connector.operative and connector.status == "Unavailable"
        switched_off = not connector.operative and connector.transaction is None
        if switched_on or switched_off:
            await station.set_status(connector.connector_id, connector.resting_status)


# -- settings --------------------------------------------------------------------------------------------------------


def get_configuration(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """GetConfiguration (§5.8); AuthorizationKey is write-only and therefore not among the keys."""
    from_name = station.configuration.name_of
    wanted = [str(key) for key in payload.get("key") or station.configuration.names()]
    known = [name for key in wanted if (name := from_name(key))]
    unknown = [key for key in wanted if not from_name(key)]
    answer: Payload = {
        "configurationKey": [
            {"key": name, "readonly": name in READ_ONLY, "value": station.configuration.text(name)} for name in known
        ]
    }
    return Answer(answer | {"unknownKey": unknown} if unknown else answer)


def change_configuration(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """ChangeConfiguration (§5.3); a new AuthorizationKey, in hex, is used from the next connection on."""
    key, value = str(payload["key"]), str(payload["value"])
    if key.lower() == "authorizationkey":
        return _change_password(station, value)
    verdict = station.configuration.change(key, value)
    if key.lower() == "heartbeatinterval":
        station.registration.interval_changed.set()
    return status(verdict)


def _change_password(station: SimulatedChargePoint, value: str) -> Answer:
    try:
        password = bytes.fromhex(value)
    except ValueError:
        return status("Rejected")
    if not 16 <= len(password) <= 20:
        return status("Rejected")
    station.link.password = password
    return status("Accepted")


def clear_cache(station: SimulatedChargePoint, _: Payload) -> Answer:
    """ClearCache (§5.4)."""
    station.cache.clear()
    return status("Accepted")


def data_transfer(_: SimulatedChargePoint, payload: Payload) -> Answer:
    """DataTransfer (§5.6): no vendor is known."""
    return status("UnknownVendorId" if payload["vendorId"] else "Rejected")


# -- messages on request ---------------------------------------------------------------------------------------------


def trigger_message(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """TriggerMessage (§5.17): the message follows the answer, also while Pending."""
    requested, connector_id = payload["requestedMessage"], payload.get("connectorId")
    if connector_id is not None and connector_id not in station.connectors:
        return status("Rejected")
    connectors = [c for c in station.connectors.values() if connector_id in {None, c.connector_id}]
    match requested:
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
        case "DiagnosticsStatusNotification" | "FirmwareStatusNotification":
            return status("Accepted", lambda: station.call(requested, {"status": "Idle"}))
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


ANSWERERS: dict[str, Callable[[SimulatedChargePoint, Payload], Answer]] = {
    "ChangeAvailability": change_availability,
    "ChangeConfiguration": change_configuration,
    "ClearCache": clear_cache,
    "DataTransfer": data_transfer,
    "GetConfiguration": get_configuration,
    "RemoteStartTransaction": remote_start,
    "RemoteStopTransaction": remote_stop,
    "Reset": reset,
    "TriggerMessage": trigger_message,
    "UnlockConnector": unlock_connector,
}

#: Commands of 1.6 and its security extension that this station knows of, but has no feature for.
NOT_SUPPORTED = frozenset(
    {
        "CancelReservation",
        "CertificateSigned",
        "ClearChargingProfile",
        "DeleteCertificate",
        "ExtendedTriggerMessage",
        "GetCompositeSchedule",
        "GetDiagnostics",
        "GetInstalledCertificateIds",
        "GetLocalListVersion",
        "GetLog",
        "InstallCertificate",
        "ReserveNow",
        "SendLocalList",
        "SetChargingProfile",
        "SignedUpdateFirmware",
        "UpdateFirmware",
    }
)
