"""Certification of central systems: the security extension, with TLS and certificates that the test makes."""

from __future__ import annotations

import hashlib
import os
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.exceptions import InvalidStatus

from certificates.models import InstalledCertificate, SigningRequest, StationCertificate
from stations.models import ChargePoint as Station
from stations.models import ConnectionAttempt, ProgressReport, SecurityChange, SecurityEvent
from tests.certificates.pki import request
from tests.firmware_signing import signed
from tests.tls.conftest import alert_of, basic
from tests.tls.pki import Ca, Pair
from transfers.models import FirmwareUpdate, StationFile

from .charge_point import ChargePoint, deliver, fetch, now

pytestmark = [pytest.mark.server, pytest.mark.long]

ACCEPTED = {"status": "Accepted"}
KEYS = ("0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF", "00112233445566778899AABBCCDDEEFF00112233")
MANUFACTURER, CENTRAL_SYSTEM = "ManufacturerRootCertificate", "CentralSystemRootCertificate"


# Who gets in


def refused(new, **options: Any) -> InvalidStatus:
    with pytest.raises(InvalidStatus) as told:
        new(**options)
    return told.value


def refusals(central, identity: str) -> list[tuple[str, int]]:
    """(reason, HTTP status) of the station's refused handshakes, oldest first."""
    rows = central.rows(ConnectionAttempt, identity=identity).order_by("pk")
    return list(rows.values_list("reason", "status_code"))


def takes_key(central, cp: ChargePoint, key: str) -> None:
    """A new password goes to the charge point, over REST; it says yes."""
    order = central.sends(cp, "ChangeConfiguration", key="AuthorizationKey", value=key)
    cp.expects("ChangeConfiguration", key="AuthorizationKey", value=key).replies(**ACCEPTED)
    order.ends("accepted", ACCEPTED)
    assert key not in str(order.row.payload)


def profiles(central, cp) -> tuple[int, int]:
    row = central.row(Station, identity=cp.identity)
    return row.security_profile, row.minimum_security_profile


def changes(central, cp) -> list[tuple[str, str]]:
    return list(central.of(cp, SecurityChange).values_list("kind", "state"))


@pytest.fixture
def known(central, cp) -> ChargePoint:
    """One with a password, connected with it."""
    takes_key(central, cp, KEYS[0])
    cp.returns(headers=basic(cp.identity, KEYS[0])).call("Heartbeat")
    return cp


@pytest.fixture
def secure(central, known) -> ChargePoint:
    """One with a password, connected with it over TLS (profile 2)."""
    known.returns(central.secure_address, tls=central.tls()).comes_up(chargePointSerialNumber=f"S-{known.identity}")
    return known


def test_tc_073_password(central, new, known):
    """A new password"""
    takes_key(central, known, KEYS[1])
    known.returns(headers=basic(known.identity, KEYS[1])).call("Heartbeat")
    central.comes_to(lambda: changes(central, known), [("key", "done")] * 2)
    assert refused(new, identity=known.identity, headers=basic(known.identity, KEYS[0])).response.status_code == 401
    central.comes_to(lambda: refusals(central, known.identity), [("wrong_password", 401)])
    assert profiles(central, known)[0] == 1


def test_tc_085_basic_authentication(central, new, known):
    """Basic authentication: with the password, a wrong one, none"""
    identity = known.identity
    wrong = refused(new, identity=identity, headers=basic(identity, KEYS[1]))
    none = refused(new, identity=identity)
    other = refused(new, identity=identity, headers=basic("SOMEBODY", KEYS[0]))
    for refusal in (wrong, none, other):
        assert refusal.response.status_code == 401
        assert refusal.response.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert known.is_told_nothing()  # and its line stands
    assert profiles(central, known)[0] == 1
    expected = {("wrong_password", 401), ("no_password", 401), ("wrong_user", 401)}
    central.comes_to(lambda: set(refusals(central, identity)), expected)


def test_tc_086_tls(central, new, pki, secure):
    """TLS: the server's certificate"""
    assert secure.tls.version() in ("TLSv1.2", "TLSv1.3")
    assert secure.tls.compression() is None
    shown = secure.tls.getpeercert()
    assert (("commonName", "localhost"),) in shown["subject"]
    assert (("organizationName", "plugcontrol"),) in shown["subject"]
    assert profiles(central, secure) == (2, 2)
    untrusting = ssl.create_default_context(cadata=pki.strangers.pair.pem)
    with pytest.raises(ssl.SSLCertVerificationError):
        new(central.secure_address, tls=untrusting, headers=basic(secure.identity, KEYS[0]), identity=secure.identity)
    with_password = {"headers": basic(secure.identity, KEYS[0]), "identity": secure.identity}
    assert refused(new, **with_password).response.status_code == 403  # what has spoken TLS goes on doing so
    central.comes_to(lambda: refusals(central, secure.identity), [("insecure", 403)])
    assert secure.is_told_nothing()


def test_tc_087_client_certificate(central, new, pki):
    """TLS: the charge point's certificate"""
    cp = new()
    identity = cp.identity
    own = central.tls(pki.chargers.signs(identity))
    cp.returns(central.secure_address, tls=own).comes_up()
    central.comes_to(lambda: profiles(central, cp), (3, 3))
    certificate = central.of(cp, StationCertificate).get()
    assert None not in (certificate.used_at, certificate.last_used_at)

    wrong = central.tls(pki.chargers.signs("SOMEBODY"))
    none = central.tls()
    for shown in (wrong, none):
        assert refused(new, address=central.secure_address, tls=shown, identity=identity).response.status_code == 403
    foreign = central.tls(pki.strangers.signs(identity))
    assert alert_of(int(central.env["TLS_PORT"]), foreign) == "TLSV1_ALERT_UNKNOWN_CA"
    central.comes_to(lambda: refusals(central, identity), [("wrong_certificate", 403), ("no_certificate", 403)])
    assert cp.is_told_nothing()


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(("ocpp1.6",), "ocpp1.6"), (("ocpp2.0.1", "ocpp1.6"), "ocpp1.6"), (("ocpp1.5", "ocpp2.0.1"), None)],
)
def test_tc_088_subprotocol(central, new, offered, chosen):
    """WebSocket: negotiation of the subprotocol"""
    identity = central.next_identity()
    if chosen is None:
        assert refused(new, identity=identity, subprotocols=offered).response.status_code == 400
        central.comes_to(lambda: refusals(central, identity), [("subprotocol", 400)])
        row = central.row(ConnectionAttempt, identity=identity)
        assert all(name in row.offered for name in offered)
    else:
        cp = new(identity=identity, subprotocols=offered)
        assert cp.subprotocol == chosen
        assert cp.boots()["status"] == "Accepted"
        row = central.row(Station, identity=identity)
        assert (row.protocol, row.is_online) == (chosen, True)


def test_tc_083_higher_profile(central, new, known):
    """The security profile is raised"""
    order = central.sends(known, "ChangeConfiguration", key="SecurityProfile", value="2")
    known.expects("ChangeConfiguration", key="SecurityProfile", value="2").replies(**ACCEPTED)
    order.ends("accepted", ACCEPTED)
    known.returns(central.secure_address, tls=central.tls()).comes_up()
    central.comes_to(lambda: changes(central, known), [("key", "done"), ("profile", "done")])
    assert profiles(central, known) == (2, 2)

    with_password = {"headers": basic(known.identity, KEYS[0]), "identity": known.identity}
    assert refused(new, **with_password).response.status_code == 403
    central.comes_to(lambda: refusals(central, known.identity), [("insecure", 403)])
    central.comes_to(lambda: [row.type for row in central.of(known, SecurityEvent)], ["SecurityProfileDowngrade"])


# Certificates


def asks_for_certificate(central, cp: ChargePoint, key: ec.EllipticCurvePrivateKey) -> Any:
    """Told to, it sends a request; the CertificateSigned that comes of it, to be answered."""
    order = central.sends(cp, "ExtendedTriggerMessage", requestedMessage="SignChargePointCertificate")
    cp.expects("ExtendedTriggerMessage", requestedMessage="SignChargePointCertificate").replies(**ACCEPTED)
    csr = request(f"S-{cp.identity}", "plugcontrol", key=key)
    assert cp.call("SignCertificate", csr=csr) == ACCEPTED
    order.ends("accepted", ACCEPTED, "seen", message="SignCertificate")
    told = cp.hears("CertificateSigned")
    assert told.payload.keys() == {"certificateChain"}
    return told


def reports(cp: ChargePoint, event: str, **more: str) -> None:
    assert cp.call("SecurityEventNotification", type=event, timestamp=now(), **more) == {}


def events(central, cp) -> list[tuple[str, str]]:
    return list(central.of(cp, SecurityEvent).values_list("type", "tech_info"))


def test_tc_074_certificate(central, pki, secure, tmp_path):
    """A new certificate of the charge point"""
    key = ec.generate_private_key(ec.SECP256R1())
    told = asks_for_certificate(central, secure, key)
    chain = x509.load_pem_x509_certificates(told.payload["certificateChain"].encode())
    chain[0].verify_directly_issued_by(pki.chargers.pair.certificate)
    assert chain[0].public_key() == key.public_key()
    assert chain[0].subject.rfc4514_string() == f"CN=S-{secure.identity},O=plugcontrol"
    told.replies(**ACCEPTED)
    asked = central.of(secure, SigningRequest)
    central.comes_to(lambda: [row.state for row in asked.all()], ["accepted"])
    certificate = central.of(secure, StationCertificate).get()
    assert (certificate.delivered_at is not None, certificate.used_at) == (True, None)
    assert certificate.sha256 == chain[0].fingerprint(hashes.SHA256()).hex()

    own = Pair(Path(tmp_path), "own", chain[0], key)
    secure.returns(tls=central.tls(own), headers=None).comes_up(chargePointSerialNumber=f"S-{secure.identity}")
    central.comes_to(lambda: central.of(secure, StationCertificate).get().used_at is not None, True)
    central.comes_to(lambda: profiles(central, secure), (3, 3))


def test_tc_077_invalid_certificate(central, secure):
    """The charge point rejects its new certificate and reports it"""
    told = asks_for_certificate(central, secure, ec.generate_private_key(ec.SECP256R1()))
    told.replies(status="Rejected")
    reports(secure, "InvalidChargePointCertificate", techInfo="chain")
    central.comes_to(lambda: [row.state for row in central.of(secure, SigningRequest)], ["rejected"])
    assert central.of(secure, StationCertificate).get().delivered_at is None
    assert events(central, secure) == [("InvalidChargePointCertificate", "chain")]
    assert profiles(central, secure) == (2, 2)


def hash_data(root: x509.Certificate) -> dict[str, str]:
    """CertificateHashData, as a charge point works it out."""
    point = root.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )  # what the BIT STRING of an elliptic curve's key holds
    return {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": hashlib.sha256(root.issuer.public_bytes()).hexdigest(),
        "issuerKeyHash": hashlib.sha256(point).hexdigest(),
        "serialNumber": f"{root.serial_number:x}",
    }


def sends_root(central, cp, root: Pair, use: str) -> Any:
    """A root enters the library and goes to the charge point, over REST: its InstallCertificate, to be answered."""
    entered = central.rest.post("root-certificates/", {"name": f"{cp.identity}", "use": use, "pem": root.pem})
    central.rest.post(f"root-certificates/{entered['id']}/install/", {"charge_point": cp.identity})
    told = cp.expects("InstallCertificate", certificateType=use, certificate=root.pem)
    return told, entered["id"]


def is_installed(central, cp, root: Pair, use: str) -> InstalledCertificate:
    """Accepted, and confirmed when the charge point is asked what it holds; the row of it."""
    told, number = sends_root(central, cp, root, use)
    told.replies(**ACCEPTED)
    held = [hash_data(root.certificate)]
    cp.expects("GetInstalledCertificateIds", certificateType=use).replies(**ACCEPTED, certificateHashData=held)
    central.command_of(cp, "InstallCertificate").ends("accepted", ACCEPTED)
    central.command_of(cp, "GetInstalledCertificateIds").ends("accepted", {**ACCEPTED, "certificateHashData": held})
    row = central.of(cp, InstalledCertificate).get()
    assert (row.use, row.root_id, row.issuer_key_hash) == (use, number, held[0]["issuerKeyHash"])
    return row


def test_tc_075_1_install_manufacturer_root(central, cp, tmp_path):
    """A root is installed: the manufacturer's"""
    is_installed(central, cp, Ca(tmp_path, "manufacturer").pair, MANUFACTURER)


def test_tc_075_2_install_central_system_root(central, cp, tmp_path):
    """A root is installed: the central system's"""
    is_installed(central, cp, Ca(tmp_path, "central system").pair, CENTRAL_SYSTEM)


def test_tc_076_delete_root(central, cp, tmp_path):
    """A root is deleted"""
    root = Ca(tmp_path, "to be deleted").pair
    row = is_installed(central, cp, root, MANUFACTURER)
    central.rest.post(f"installed-certificates/{row.pk}/remove/", {})
    cp.expects("DeleteCertificate", certificateHashData=hash_data(root.certificate)).replies(**ACCEPTED)
    central.command_of(cp, "DeleteCertificate").ends("accepted", ACCEPTED)
    assert not central.of(cp, InstalledCertificate).exists()


def test_tc_078_invalid_root(central, cp, tmp_path):
    """The charge point rejects a root of the central system and reports it"""
    told, _number = sends_root(central, cp, Ca(tmp_path, "rejected").pair, CENTRAL_SYSTEM)
    told.replies(status="Rejected")
    reports(cp, "InvalidCentralSystemCertificate")
    central.command_of(cp, "InstallCertificate").ends("rejected", {"status": "Rejected"})
    assert events(central, cp) == [("InvalidCentralSystemCertificate", "")]
    assert not central.of(cp, InstalledCertificate).exists()
    assert cp.is_told_nothing()


# Logs and signed firmware


def steps(central, cp, kind: str, number: int) -> list[str]:
    """The words that the charge point said about a job, all of them with its number."""
    rows = list(central.of(cp, ProgressReport).values_list("kind", "request_id", "status"))
    assert {row[:2] for row in rows} == {(kind, number)}
    return [row[2] for row in rows]


def test_tc_079_security_log(central, cp):
    """The security log is uploaded"""
    reports(cp, "StartupOfTheDevice")
    order = {"log": "SecurityLog", "start": "2026-11-01T00:00:00Z"}
    central.rest.post(f"charge-points/{cp.identity}/files/", order)
    told = cp.hears("GetLog")
    assert told.payload.keys() == {"logType", "requestId", "log"}
    assert told.payload["logType"] == "SecurityLog"
    assert told.payload["log"].keys() == {"remoteLocation", "oldestTimestamp"}
    answer = {"status": "Accepted", "filename": "security.log"}
    told.replies(**answer)
    number, log = told.payload["requestId"], b"2026-11-01T00:00:00Z StartupOfTheDevice\n"
    assert cp.call("LogStatusNotification", status="Uploading", requestId=number) == {}
    assert deliver(f"{told.payload['log']['remoteLocation']}security.log", log) == 200
    assert cp.call("LogStatusNotification", status="Uploaded", requestId=number) == {}
    command = central.command_of(cp, "GetLog")
    central.comes_to(
        lambda: (command.row.status, command.row.answer, command.row.effect_status), ("accepted", answer, "seen")
    )
    assert steps(central, cp, "log", number) == ["Uploading", "Uploaded"]
    file = central.of(cp, StationFile).get()
    assert (file.kind, file.file_name, file.sha256) == ("security_log", "security.log", hashlib.sha256(log).hexdigest())
    assert events(central, cp) == [("StartupOfTheDevice", "")]
    assert central.of(cp, SecurityEvent).get().is_critical


def is_sent_signed_firmware(central, cp, version: str) -> tuple[str, int]:
    """A signed firmware is uploaded and sent, over REST; the update's id and the number of the request."""
    image = os.urandom(2000)
    fields = {"name": f"Wall {cp.identity}", "version": version, **signed(image)}
    firmware = central.rest.post_file("firmware-files/", image, **fields)
    order = {"charge_point": cp.identity, "firmware": firmware["id"], "signed": True}
    update = central.rest.post("firmware-updates/", order)
    told = cp.hears("SignedUpdateFirmware")
    assert told.payload.keys() == {"requestId", "firmware"}
    sent = told.payload["firmware"]
    assert sent.keys() == {"location", "retrieveDateTime", "signingCertificate", "signature"}
    assert datetime.fromisoformat(sent["retrieveDateTime"]) <= datetime.now(UTC)
    assert sent["signature"] == fields["signature"]
    assert sent["signingCertificate"].strip() == fields["signing_certificate"]
    told.replies(**ACCEPTED)
    assert cp.call("SignedFirmwareStatusNotification", status="Downloading", requestId=told.payload["requestId"]) == {}
    assert fetch(sent["location"]) == image
    return update["id"], told.payload["requestId"]


def says(cp, number: int, *words: str) -> None:
    for word in words:
        assert cp.call("SignedFirmwareStatusNotification", status=word, requestId=number) == {}


def test_tc_080_signed_firmware(central, new):
    """Signed firmware update"""
    cp = new().comes_up(firmwareVersion="1.0")
    update, number = is_sent_signed_firmware(central, cp, "2.0")
    says(cp, number, "Downloaded", "SignatureVerified", "Installing", "InstallRebooting")
    cp.returns().comes_up(firmwareVersion="2.0")
    reports(cp, "FirmwareUpdated")
    says(cp, number, "Installed")
    rows = central.rows(FirmwareUpdate, pk=update)
    central.comes_to(lambda: rows.values_list("state", "failure").get(), ("installed", ""))
    row = rows.get()
    assert (row.signed, row.request_id, row.version_before, row.version_after) == (True, number, "1.0", "2.0")
    words = ["Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting", "Installed"]
    assert steps(central, cp, "signed_firmware", number) == words
    assert events(central, cp) == [("FirmwareUpdated", "")]


def test_tc_081_invalid_signature(central, new):
    """Signed firmware update: the signature is invalid"""
    cp = new().comes_up(firmwareVersion="1.0")
    update, number = is_sent_signed_firmware(central, cp, "2.0")
    says(cp, number, "Downloaded", "InvalidSignature")
    reports(cp, "InvalidFirmwareSignature")
    rows = central.rows(FirmwareUpdate, pk=update)
    central.comes_to(lambda: rows.values_list("state", "failure").get(), ("failed", "signature"))
    assert steps(central, cp, "signed_firmware", number) == ["Downloading", "Downloaded", "InvalidSignature"]
    assert events(central, cp) == [("InvalidFirmwareSignature", "")]
    assert (rows.get().version_before, rows.get().version_after) == ("1.0", "1.0")
