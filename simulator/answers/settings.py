"""Core: configuration keys, the cache, vendors (OCPP 1.6 §5.3, §5.4, §5.6, §5.8; Security White Paper A01, A05)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..configuration import READ_ONLY
from ..rpc import Payload
from .answer import Answer, status

if TYPE_CHECKING:
    from ..charge_point import SimulatedChargePoint


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
    if key.lower() == "securityprofile":
        return _raise_security_profile(station, value)
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


def _raise_security_profile(station: SimulatedChargePoint, value: str) -> Answer:
    """Only upwards, and only with what the profile needs (A05); then the station reconnects, or falls back."""
    present = station.configuration.number("SecurityProfile")
    if value not in {"1", "2", "3"} or int(value) <= present or not _has_what_it_needs(station, int(value)):
        return status("Rejected")
    station.configuration.set("SecurityProfile", value)
    return status("Accepted", lambda: _reconnect(station, present))


def _has_what_it_needs(station: SimulatedChargePoint, profile: int) -> bool:
    certificates = station.certificates
    has_password = station.link.password is not None
    if profile == 1:
        return has_password
    return station.security.has_root and (has_password if profile == 2 else certificates.own is not None)


async def _reconnect(station: SimulatedChargePoint, former: int) -> None:
    address = station.security.address(station.link.address)
    station.link.move(address, otherwise=lambda: station.configuration.set("SecurityProfile", str(former)))


def clear_cache(station: SimulatedChargePoint, _: Payload) -> Answer:
    """ClearCache (§5.4); Rejected where the cache is switched off."""
    if not station.configuration.flag("AuthorizationCacheEnabled"):
        return status("Rejected")
    station.authorization.clear_cache()
    return status("Accepted")


def data_transfer(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """DataTransfer (§5.6): the only vendor is its own, the only message `echo`."""
    if payload["vendorId"] != station.hardware.vendor:
        return status("UnknownVendorId")
    if payload.get("messageId") != "echo":
        return status("UnknownMessageId")
    return Answer({"status": "Accepted", "data": str(payload.get("data", ""))})
