"""Certificates (Security White Paper ed. 3, A02, M03 to M05)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..rpc import Payload
from .answer import Answer, status

if TYPE_CHECKING:
    from ..charge_point import SimulatedChargePoint


def certificate_signed(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """CertificateSigned (A02): for a key it has made only; used from the next connection on, at once in profile 3."""
    chain = str(payload["certificateChain"])
    is_too_long = len(chain) > station.configuration.number("CertificateSignedMaxChainSize")
    if is_too_long or not station.certificates.take(chain):
        event = {"type": "InvalidChargePointCertificate", "timestamp": station.pace.timestamp()}
        return status("Rejected", lambda: station.call("SecurityEventNotification", event))
    return status("Accepted", lambda: _use_it(station))


async def ask_for_certificate(station: SimulatedChargePoint) -> None:
    """SignCertificate (A02, A03) in the name of the serial number that BootNotification tells."""
    serial_number = station.hardware.boot_payload(station.identity)["chargePointSerialNumber"]
    request = station.certificates.request(serial_number, station.configuration.text("CpoName"))
    await station.call("SignCertificate", {"csr": request})


async def _use_it(station: SimulatedChargePoint) -> None:
    if station.configuration.number("SecurityProfile") == 3:
        station.link.drop(pause_s=0)


def install_certificate(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """InstallCertificate (M05): Rejected also where the store is full."""
    most = station.configuration.number("CertificateStoreMaxLength")
    return status(station.certificates.install(payload["certificateType"], str(payload["certificate"]), most))


def get_installed_certificate_ids(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """GetInstalledCertificateIds (M03)."""
    hashes = station.certificates.of(payload["certificateType"])
    return Answer({"status": "Accepted", "certificateHashData": hashes}) if hashes else status("NotFound")


def delete_certificate(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """DeleteCertificate (M04): the last root in use cannot go."""
    in_use = station.configuration.number("SecurityProfile") >= 2
    return status(station.certificates.delete(payload["certificateHashData"], in_use=in_use))
