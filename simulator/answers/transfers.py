"""Firmware, diagnostics, logs (OCPP 1.6 §5.9, §5.19; Security White Paper L01, N01)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..certificates import is_certificate
from ..pace import moment
from ..rpc import Payload
from ..transfers import Tries, Update
from .answer import Answer, status

if TYPE_CHECKING:
    from ..charge_point import SimulatedChargePoint


def get_diagnostics(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """GetDiagnostics (§5.9)."""
    location, name = str(payload["location"]), f"diagnostics-{station.identity[:200]}.zip"
    tries = _tries(payload)
    return Answer({"fileName": name}, lambda: station.diagnostics.begin(location, name, tries=tries))


def get_log(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """GetLog: a new one takes the place of one that is running."""
    location, request_id = str(payload["log"]["remoteLocation"]), payload["requestId"]
    kind = {"DiagnosticsLog": "diagnostics", "SecurityLog": "security"}[payload["logType"]]
    verdict = "AcceptedCanceled" if station.log.is_running else "Accepted"
    name, tries = f"{kind}-{station.identity[:200]}.log", _tries(payload)
    answer = {"status": verdict, "filename": name}
    return Answer(answer, lambda: station.log.begin(location, name, request_id, tries))


def update_firmware(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """UpdateFirmware (§5.19): no verdict."""
    update = Update(
        location=str(payload["location"]), retrieve_at=moment(payload["retrieveDate"]), tries=_tries(payload)
    )
    return Answer({}, lambda: station.firmware.begin(update))


def signed_update_firmware(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """SignedUpdateFirmware (L01): the certificate is looked at now, the signature after the download."""
    firmware = payload["firmware"]
    if not is_certificate(str(firmware["signingCertificate"])):
        return status("InvalidCertificate")
    update = Update(
        location=str(firmware["location"]),
        retrieve_at=moment(firmware["retrieveDateTime"]),
        install_at=moment(firmware["installDateTime"]) if "installDateTime" in firmware else None,
        request_id=payload["requestId"],
        signature=str(firmware["signature"]),
        certificate=str(firmware["signingCertificate"]),
        tries=_tries(payload),
    )
    verdict = "AcceptedCanceled" if station.firmware.is_running else "Accepted"
    return status(verdict, lambda: station.firmware.begin(update))


def _tries(payload: Payload) -> Tries:
    return Tries(retries=payload.get("retries") or 0, interval_s=payload.get("retryInterval") or 0)
