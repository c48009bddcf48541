"""Charge points of PyPI `ocpp` fetch and deliver files, get certificates and keep charging profiles.

The central system's side is the REST API.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import http.client
import json
import os
import sqlite3
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from ocpp.v16 import call

from ..firmware_signing import signed
from ..tls.pki import name
from .conftest import SecureServer
from .pypi import ChargePoint, basic, on_line, refused

pytestmark = pytest.mark.server


# Files


def request(
    location: str, trusting: ssl.SSLContext, method: str, body: bytes | None = None, **headers: str
) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    """Send it over a connection of its own, which the caller closes."""
    url = urlsplit(location)
    assert url.hostname is not None
    wire = (
        http.client.HTTPSConnection(url.hostname, url.port, timeout=20, context=trusting)
        if url.scheme == "https"
        else http.client.HTTPConnection(url.hostname, url.port, timeout=20)
    )
    wire.request(method, url.path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    return wire, wire.getresponse()


def fetch_in_two_goes(location: str, trusting: ssl.SSLContext) -> bytes:
    """The line breaks in the middle; the rest is fetched from there."""
    wire, answer = request(location, trusting, "GET")
    assert answer.status == 200
    first = answer.read(100_000)
    wire.close()
    from_there = {"Range": f"bytes={len(first)}-", "If_Range": answer.headers["ETag"]}
    wire, rest = request(location, trusting, "GET", **from_there)
    with contextlib.closing(wire):
        assert rest.status == 206
        assert rest.headers["Content-Range"].startswith(f"bytes {len(first)}-")
        return first + rest.read()


def status_of(location: str, trusting: ssl.SSLContext, method: str, body: bytes | None = None) -> int:
    wire, answer = request(location, trusting, method, body)
    with contextlib.closing(wire):
        return answer.status


async def test_a_firmware_is_fetched_and_installed(secure_server: SecureServer) -> None:
    rest, image = secure_server.rest, os.urandom(400_000)
    firmware = await asyncio.to_thread(
        rest.post_file, "firmware-files/", image, name="Wall", version="2.0", vendor="Acme", model="Wall"
    )
    assert firmware["sha256"] == hashlib.sha256(image).hexdigest()
    async with on_line(secure_server.address, "PYPI-1") as charge_point:
        await charge_point.boot("1.0")
        order = {"charge_point": "PYPI-1", "firmware": firmware["id"]}
        update = await asyncio.to_thread(rest.post, "firmware-updates/", order)
        told = await charge_point.hears("UpdateFirmware")
        assert datetime.fromisoformat(told["retrieveDate"]) <= datetime.now(UTC)
        assert told["location"].startswith("https://")
        await charge_point.has_firmware("Downloading")
        assert await asyncio.to_thread(fetch_in_two_goes, told["location"], secure_server.trusting) == image
        await charge_point.has_firmware("Downloaded")
        await charge_point.has_firmware("Installing")
    async with on_line(secure_server.address, "PYPI-1") as charge_point:
        await charge_point.boot("2.0")
        await charge_point.has_firmware("Installed")

    row = await asyncio.to_thread(rest.get, f"firmware-updates/{update['id']}/")
    assert (row["state"], row["reason"], row["is_open"]) == ("installed", "", False)
    assert (row["version_before"], row["version_after"]) == ("1.0", "2.0")
    words = ["Downloading", "Downloaded", "Installing", "Installed"]
    assert [step["status"] for step in row["steps"]] == words
    assert await asyncio.to_thread(status_of, told["location"], secure_server.trusting, "GET") == 410


async def test_a_signed_firmware_is_what_its_vendor_signed(secure_server: SecureServer) -> None:
    """The charge point checks the signature by itself, with the certificate that came with the command."""
    rest, image = secure_server.rest, os.urandom(1000)
    fields = {"name": "Wall, signed", "version": "3.0", **signed(image)}
    firmware = await asyncio.to_thread(rest.post_file, "firmware-files/", image, **fields)
    async with on_line(secure_server.address, "PYPI-5") as charge_point:
        await charge_point.boot("2.0")
        order = {"charge_point": "PYPI-5", "firmware": firmware["id"], "signed": True}
        update = await asyncio.to_thread(rest.post, "firmware-updates/", order)
        told = await charge_point.hears("SignedUpdateFirmware")
        wire, answer = await asyncio.to_thread(request, told["firmware"]["location"], secure_server.trusting, "GET")
        with contextlib.closing(wire):
            fetched = answer.read()
        vendor = x509.load_pem_x509_certificate(told["firmware"]["signingCertificate"].encode()).public_key()
        assert isinstance(vendor, ec.EllipticCurvePublicKey)
        vendor.verify(base64.b64decode(told["firmware"]["signature"]), fetched, ec.ECDSA(hashes.SHA256()))
        words = ["Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting"]
        for word in words:
            await charge_point.has_signed_firmware(word, told["requestId"])
        await charge_point.boot("3.0")
        await charge_point.has_signed_firmware("Installed", told["requestId"])

    row = await asyncio.to_thread(rest.get, f"firmware-updates/{update['id']}/")
    assert (row["state"], row["signed"], row["version_after"]) == ("installed", True, "3.0")
    assert [step["status"] for step in row["steps"]] == [*words, "Installed"]


async def test_diagnostics_are_delivered(secure_server: SecureServer) -> None:
    rest, archive = secure_server.rest, os.urandom(200_000)
    async with on_line(secure_server.address, "PYPI-2") as charge_point:
        await charge_point.boot()
        order = {"start": "2026-11-01T00:00:00Z", "stop": "2026-11-02T00:00:00Z", "way": "http"}
        command = await asyncio.to_thread(rest.post, "charge-points/PYPI-2/files/", order)
        told = await charge_point.hears("GetDiagnostics")
        assert datetime.fromisoformat(told["startTime"]) == datetime(2026, 11, 1, tzinfo=UTC)
        await charge_point.has_diagnostics("Uploading")
        address = f"{told['location']}diagnostics.tar.gz"
        assert await asyncio.to_thread(status_of, address, secure_server.trusting, "PUT", archive) == 200
        await charge_point.has_diagnostics("Uploaded")

    row = await asyncio.to_thread(rest.find, "station-files/?charge_point=PYPI-2")
    assert (row["kind"], row["over"], row["file_name"]) == ("diagnostics", "http", "diagnostics.tar.gz")
    assert (row["size"], row["sha256"]) == (len(archive), hashlib.sha256(archive).hexdigest())
    assert row["command"] == command["id"]
    assert await asyncio.to_thread(rest.content, f"station-files/{row['id']}/content/") == archive


async def test_a_security_log_is_delivered(secure_server: SecureServer) -> None:
    rest, log = secure_server.rest, b"2026-11-01T00:00:00Z StartupOfTheDevice\n"
    async with on_line(secure_server.address, "PYPI-6") as charge_point:
        await charge_point.boot()
        await asyncio.to_thread(rest.post, "charge-points/PYPI-6/files/", {"log": "SecurityLog"})
        told = await charge_point.hears("GetLog")
        assert told["logType"] == "SecurityLog"
        await charge_point.has_log("Uploading", told["requestId"])
        address = f"{told['log']['remoteLocation']}security.log"
        assert await asyncio.to_thread(status_of, address, secure_server.trusting, "PUT", log) == 200
        await charge_point.has_log("Uploaded", told["requestId"])

    row = await asyncio.to_thread(rest.find, "station-files/?charge_point=PYPI-6")
    assert (row["kind"], row["over"], row["sha256"]) == ("security_log", "https", hashlib.sha256(log).hexdigest())


# Certificates


def request_of(key: ec.EllipticCurvePrivateKey, serial: str) -> str:
    request = x509.CertificateSigningRequestBuilder().subject_name(name(serial)).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def showing(server: SecureServer, key: ec.EllipticCurvePrivateKey, chain: str, folder: Path) -> ssl.SSLContext:
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    (folder / "own.pem").write_text(chain + pem)
    context = server.trusting
    context.load_cert_chain(folder / "own.pem")
    return context


async def test_a_certificate_takes_the_place_of_a_password(secure_server: SecureServer, tmp_path: Path) -> None:
    rest, address, key = secure_server.rest, secure_server.secure_address, ec.generate_private_key(ec.SECP256R1())
    with_password = {"ssl": secure_server.trusting, "additional_headers": basic("PYPI-3")}
    async with on_line(address, "PYPI-3", **with_password) as charge_point:
        await charge_point.boot(serial="ACME-0003")
        assert (await asyncio.to_thread(rest.get, "charge-points/PYPI-3/"))["security_profile"] == 2
        order = {"charge_point": "PYPI-3", "profile": 3}
        upgrade = await asyncio.to_thread(rest.post, "security-upgrades/", order)
        wanted = {"requestedMessage": "SignChargePointCertificate"}
        assert await charge_point.hears("ExtendedTriggerMessage") == wanted
        answer = await charge_point.call(call.SignCertificate(csr=request_of(key, "ACME-0003")), suppress=False)
        assert answer.status == "Accepted"
        chain = (await charge_point.hears("CertificateSigned"))["certificateChain"]
        assert await charge_point.hears("ChangeConfiguration") == {"key": "SecurityProfile", "value": "3"}
    accepted = await asyncio.to_thread(rest.find, "signing-requests/?charge_point=PYPI-3", state="accepted")
    ca = await asyncio.to_thread(rest.get, "certificate-authority/")
    own = x509.load_pem_x509_certificates(chain.encode())[0]
    own.verify_directly_issued_by(x509.load_pem_x509_certificates(ca["certificate"].encode())[0])
    assert own.public_key() == key.public_key()

    with_certificate = {"ssl": showing(secure_server, key, chain, tmp_path)}
    async with on_line(address, "PYPI-3", **with_certificate) as charge_point:
        await charge_point.boot(serial="ACME-0003")
        await asyncio.to_thread(rest.find, "security-upgrades/", id=upgrade["id"], state="done")
        station = await asyncio.to_thread(rest.get, "charge-points/PYPI-3/")
        assert (station["is_online"], station["security_profile"]) == (True, 3)
    row = await asyncio.to_thread(rest.find, "certificates/?charge_point=PYPI-3")
    assert (row["id"], row["sha256"]) == (accepted["certificate"], own.fingerprint(hashes.SHA256()).hex())
    assert None not in (row["delivered_at"], row["used_at"])

    assert await refused(address, "PYPI-3", **with_password) == 403
    assert await refused(address, "PYPI-OTHER", **with_certificate) == 403
    assert (await refusal_of(secure_server, "PYPI-3"))[0] == "no_certificate"
    reason, details = await refusal_of(secure_server, "PYPI-OTHER")
    assert reason == "wrong_certificate"
    assert "ACME-0003" in details


async def refusal_of(server: SecureServer, identity: str) -> tuple[str, str]:
    """Reason and details of its refused connection, which are stored a moment after the refusal."""
    sql = "SELECT reason, details FROM stations_connectionattempt WHERE identity = ?"
    with contextlib.closing(sqlite3.connect(Path(server.env["DATA_DIR"]) / "plugcontrol.sqlite3")) as database:
        async with asyncio.timeout(10):
            while not (rows := database.execute(sql, [identity]).fetchall()):
                await asyncio.sleep(0.05)
    ((reason, details),) = rows
    return reason, details


# Charging profiles


async def test_a_charging_profile_is_kept_and_compared(secure_server: SecureServer) -> None:
    rest, now = secure_server.rest, datetime.now(UTC).replace(microsecond=0)
    limits = {
        "name": "PyPI",
        "purpose": "TxDefaultProfile",
        "kind": "Absolute",
        "starts_at": (now - timedelta(hours=1)).isoformat(),
        "periods": [{"start": 0, "limit": "16.0"}, {"start": 7200, "limit": "10.3", "phases": 3}],
    }
    profile = await asyncio.to_thread(rest.post, "charging-profiles/", limits)
    async with on_line(secure_server.address, "PYPI-4") as charge_point:
        await charge_point.boot()
        available = call.StatusNotification(connector_id=1, error_code="NoError", status="Available")
        await charge_point.call(available, suppress=False)
        order = {"charge_point": "PYPI-4", "connector_id": 1}
        assigned = await asyncio.to_thread(rest.post, f"charging-profiles/{profile['id']}/assign/", order)
        told = (await charge_point.hears("SetChargingProfile"))["csChargingProfiles"]
        assert json.loads(json.dumps(told, default=float)) == assigned["payload"]  # the library reads decimals
        schedule = told["chargingSchedule"]
        assert [str(period["limit"]) for period in schedule["chargingSchedulePeriod"]] == ["16", "10.3"]
        row = await asyncio.to_thread(rest.find, "assigned-profiles/?charge_point=PYPI-4", state="installed")
        assert (row["id"], row["profile"]) == (assigned["id"], profile["id"])

        begins_at = datetime.fromisoformat(schedule["startSchedule"])
        second = int((begins_at + timedelta(hours=2) - datetime.now(UTC)).total_seconds())
        obeying = [{"start_period": 0, "limit": 16.0}, {"start_period": second, "limit": 10.3}]
        assert await differences(charge_point, secure_server, obeying) == []
        stubborn = [{"start_period": 0, "limit": 16.0}]
        (difference,) = await differences(charge_point, secure_server, stubborn)
    assert (difference["expected"], difference["reported"]) == ("10.3", "16.0")
    late = datetime.fromisoformat(difference["begin"]) - (begins_at + timedelta(hours=2))
    assert abs(late) < timedelta(seconds=2)


async def differences(charge_point: ChargePoint, server: SecureServer, periods: list[dict[str, Any]]) -> Any:
    """Between what we expect and `periods`, which the charge point says it will do."""
    charge_point.periods = periods
    order = {"connector_id": 1, "hours": 24, "unit": "A"}
    address = f"charge-points/{charge_point.id}/composite-schedule/"
    command = await asyncio.to_thread(server.rest.post, address, order)
    assert await charge_point.hears("GetCompositeSchedule") == {
        "connectorId": 1,
        "duration": 86_400,
        "chargingRateUnit": "A",
    }
    readings = f"composite-readings/?charge_point={charge_point.id}"
    reading = await asyncio.to_thread(server.rest.find, readings, command=command["id"])
    return (await asyncio.to_thread(server.rest.get, f"composite-readings/{reading['id']}/"))["differences"]
