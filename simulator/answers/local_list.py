"""LocalAuthListManagement (OCPP 1.6 §5.10, §5.15)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..rpc import Payload
from .answer import Answer, status

if TYPE_CHECKING:
    from ..charge_point import SimulatedChargePoint


def get_local_list_version(station: SimulatedChargePoint, _: Payload) -> Answer:
    """GetLocalListVersion (§5.10): 0 while the list is empty, -1 where lists are switched off."""
    is_on = station.configuration.flag("LocalAuthListEnabled")
    return Answer({"listVersion": station.authorization.local_list.version if is_on else -1})


def send_local_list(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """SendLocalList (§5.15)."""
    configuration, entries = station.configuration, payload.get("localAuthorizationList") or []
    if not configuration.flag("LocalAuthListEnabled"):
        return status("NotSupported")
    if len(entries) > configuration.number("SendLocalListMaxLength"):
        return status("Failed")
    most = configuration.number("LocalAuthListMaxLength")
    if payload["updateType"] == "Full":
        return status(station.authorization.local_list.replace(payload["listVersion"], entries, most))
    return status(station.authorization.local_list.change(payload["listVersion"], entries, most))
