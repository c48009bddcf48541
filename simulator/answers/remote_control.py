"""Core: start, stop, unlock, reset, in and out of service (OCPP 1.6 §5.2, §5.11, §5.12, §5.14, §5.18)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..connector import Connector
from ..rpc import Payload
from .answer import Answer, connector_of, status

if TYPE_CHECKING:
    from ..charge_point import SimulatedChargePoint


def remote_start(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """RemoteStartTransaction (§5.11): not before Accepted, and on the first free connector when none is named."""
    id_tag, profile = str(payload["idTag"]), payload.get("chargingProfile")
    if "connectorId" in payload:
        connector = connector_of(station, payload)
    else:
        outlets = [c for c in station.connectors.values() if c.connector_id]
        connector = next((c for c in outlets if station.may_start(c, id_tag)), None)
    is_possible = connector is not None and station.may_start(connector, id_tag)
    if connector is None or not is_possible or not station.registration.accepted.is_set():
        return status("Rejected")
    if profile is not None and profile["chargingProfilePurpose"] != "TxProfile":
        return status("Rejected")
    connector_id = connector.connector_id
    return status("Accepted", lambda: _start_remotely(station, connector_id, id_tag, profile))


async def _start_remotely(
    station: SimulatedChargePoint, connector_id: int, id_tag: str, profile: Payload | None
) -> None:
    connector = station.connectors[connector_id]
    await station.plug(connector_id)
    if station.configuration.flag("AuthorizeRemoteTxRequests") and await station.authorize(id_tag) != "Accepted":
        await station.unplug(connector_id)
    elif station.may_start(connector, id_tag):  # a driver's own card may have been quicker
        await station.start(connector_id, id_tag)
        if profile is not None:
            station.smart_charging.install(connector_id, profile)
            await station.charging.follow_limits()


def remote_stop(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """RemoteStopTransaction (§5.12); unknown ids are Rejected."""
    connector = station.charging.transaction_with(payload["transactionId"])
    if connector is None or not station.registration.accepted.is_set():
        return status("Rejected")
    return status("Accepted", lambda: station.stop(connector.connector_id, reason="Remote"))


def unlock_connector(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """UnlockConnector (§5.18); a running transaction ends."""
    connector = connector_of(station, payload)
    if connector is None:
        return status("NotSupported")
    if connector.error_code == "ConnectorLockFailure":
        return status("UnlockFailed")
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
