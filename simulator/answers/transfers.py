"""Firmware, diagnostics, logs (OCPP 1.6 §5.9, §5.19; Security White Paper L01, N01): nothing is really transferred."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..certificates import is_certificate
from ..pace import moment
from ..rpc import Payload
from ..transfers import Update
from .answer import Answer, status

if TYPE_CHECKING:
    from ..charge_point import SimulatedChargePoint


def get_diagnostics(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """GetDiagnostics (§5.9)."""
    location = str(payload["location"])
    return Answer(
        {"fileName": f"diagnostics-{station.identity[:200]}.zip"}, lambda: station.diagnostics.begin(location)
    )


def get_log(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """GetLog: a new one takes the place of one that is running."""
    location, request_id = str(payload["log"]["remoteLocation"]), payload["requestId"]
    kind = {"DiagnosticsLog": "diagnostics", "SecurityLog": "security"}[payload["logType"]]
    verdict = "AcceptedCanceled" if station.log.is_running else "Accepted"
    answer = {"status": verdict, "filename": f"{kind}-{station.identity[:200]}.log"}
    return Answer(answer, lambda: station.log.begin(location, request_id))


def update_firmware(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """UpdateFirmware (§5.19): no verdict."""
    update = Update(location=str(payload["location"]), retrieve_at=moment(payload["retrieveDate"]))
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
    )
    verdict = "AcceptedCanceled" if station.firmware.is_running else "Accepted"
    return status(verdict, lambda: station.firmware.begin(update))
