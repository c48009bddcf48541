"""Certificates and what a station logs in with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from simulator.certificates import hash_data

from .central_system import call

ROOT = """\
-----BEGIN CERTIFICATE-----
MIIBaTCCAQ+gAwIBAgICCh8wCgYIKoZIzj0EAwIwEjEQMA4GA1UEAwwHRUMgUm9v
dDAgFw0yNjExMjEwNzI0NDBaGA8yMTI2MTAyODA3MjQ0MFowEjEQMA4GA1UEAwwH
RUMgUm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABEWTptT3QoKvmDeXeI1C
/aji9VWVv8chb4fwxcTe2FMXVaauuen7Uy3JW3fDLaOcUjcMReKEh+nk7ZXxlff8
g6+jUzBRMB0GA1UdDgQWBBSwYOd0F6LpK+tNxhJ1NlmtFYz/8TAfBgNVHSMEGDAW
gBSwYOd0F6LpK+tNxhJ1NlmtFYz/8TAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49
BAMCA0gAMEUCIQDBWUPlnyk3h2OVzsaWMK2boefgudwLP3KNEhfI+LRJzAIge0yO
1lIlDpxonqk5jwUNhVLx8Rz4BcMWKfyWTuBF9CE=
-----END CERTIFICATE-----
"""
#: What an OCSP request of another library says about it.
KNOWN_BY = {
    "hash_algorithm": "SHA256",
    "issuer_name_hash": "90f6943ed8574d34cede44c8883c6d5f2434e20aef2b0ca8b4284d30b9675f99",
    "issuer_key_hash": "0a272bf2f3d48de5c0f67baca8ba4eec95a83b5eb46f599e7c87d71dee7a6541",
    "serial_number": "a1f",
}
USE = "CentralSystemRootCertificate"


@pytest.fixture
def status(central, cp):
    async def status(request) -> str:
        return (await central.sends("SIM-1", request)).status

    return status


async def test_installed_listed_deleted(central, cp, status):
    assert await status(call.GetInstalledCertificateIds(certificate_type=USE)) == "NotFound"
    assert await status(call.InstallCertificate(certificate_type=USE, certificate=ROOT)) == "Accepted"
    assert await status(call.InstallCertificate(certificate_type=USE, certificate=ROOT)) == "Accepted"
    listed = await central.sends("SIM-1", call.GetInstalledCertificateIds(certificate_type=USE))
    assert listed.certificate_hash_data == [KNOWN_BY]
    other = {**KNOWN_BY, "serial_number": "b"}
    shouted = {name: value.upper() for name, value in KNOWN_BY.items()} | {"serial_number": "0A1F"}
    assert await status(call.DeleteCertificate(certificate_hash_data=other)) == "NotFound"
    assert await status(call.DeleteCertificate(certificate_hash_data=shouted)) == "Accepted"
    assert await status(call.GetInstalledCertificateIds(certificate_type=USE)) == "NotFound"


@pytest.mark.parametrize("text", ["", "none", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"])
async def test_what_is_no_certificate(status, text):
    assert await status(call.InstallCertificate(certificate_type=USE, certificate=text)) == "Rejected"


@pytest.mark.parametrize("cut", range(60, 500, 37))
def test_a_torn_certificate_is_none(cut):
    lines = ROOT.splitlines()
    torn = "\n".join([lines[0], "".join(lines[1:-1])[: cut // 4 * 4], lines[-1]])
    with pytest.raises(ValueError):  # noqa: PT011 - whatever is wrong with it
        hash_data(torn)


async def test_a_full_store_and_a_root_in_use(cp, status):
    cp.configuration.set("CertificateStoreMaxLength", "1")
    assert await status(call.InstallCertificate(certificate_type=USE, certificate=ROOT)) == "Accepted"
    other = call.InstallCertificate(certificate_type="ManufacturerRootCertificate", certificate=ROOT)
    assert await status(other) == "Rejected"
    cp.configuration.set("SecurityProfile", "2")
    assert await status(call.DeleteCertificate(certificate_hash_data=KNOWN_BY)) == "Failed"


def signed(csr: str) -> str:
    """What a CA makes of a request."""
    request, key, now = x509.load_pem_x509_csr(csr.encode()), ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    assert request.is_signature_valid
    builder = x509.CertificateBuilder(
        issuer_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA")]),
        subject_name=request.subject,
        public_key=request.public_key(),
        serial_number=1,
        not_valid_before=now,
        not_valid_after=now + timedelta(days=1),
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture
def asked(central, cp):
    """`await asked()`: the request that the station sends when it is triggered."""

    async def asked() -> str:
        central.heard.clear()
        await central.sends("SIM-1", call.ExtendedTriggerMessage(requested_message="SignChargePointCertificate"))
        return (await central.hears("SignCertificate"))["csr"]

    return asked


async def test_a_request_names_the_station_and_its_operator(cp, asked):
    assert x509.load_pem_x509_csr((await asked()).encode()).subject.rfc4514_string() == "CN=SIM-1"
    cp.configuration.set("CpoName", "Example AG")
    assert x509.load_pem_x509_csr((await asked()).encode()).subject.rfc4514_string() == "CN=SIM-1,O=Example AG"


async def test_a_signed_certificate(central, cp, status, asked):
    for nothing in ("none", ROOT):  # ROOT is a certificate, but of another key
        central.heard.clear()
        assert await status(call.CertificateSigned(certificate_chain=nothing)) == "Rejected"
        await central.hears("SecurityEventNotification", type="InvalidChargePointCertificate")
    first, second = signed(await asked()), signed(await asked())
    for chain in (second, first):  # an earlier request may be answered later
        assert await status(call.CertificateSigned(certificate_chain=chain)) == "Accepted"
        assert cp.certificates.own == chain
        key = serialization.load_pem_private_key(cp.certificates.key_pem.encode(), None)
        assert x509.load_pem_x509_certificate(chain.encode()).public_key() == key.public_key()
    cp.configuration.set("CertificateSignedMaxChainSize", "100")
    assert await status(call.CertificateSigned(certificate_chain=second)) == "Rejected"


async def test_a_new_certificate_is_used_at_once_in_profile_3(central, cp, status, asked):
    chain = signed(await asked())
    cp.configuration.set("SecurityProfile", "3")
    assert await status(call.CertificateSigned(certificate_chain=chain)) == "Accepted"
    await central.until(lambda: len(central.headers) == 2)


async def test_installed_roots_are_at_hand(cp, status):
    await status(call.InstallCertificate(certificate_type=USE, certificate=ROOT))
    assert cp.certificates.roots(USE) == [ROOT]
    assert cp.certificates.roots("ManufacturerRootCertificate") == []


def change(key, value):
    return call.ChangeConfiguration(key=key, value=value)


async def test_a_new_key_is_used_from_the_next_connection_on(central, cp, status):
    assert await status(change("AuthorizationKey", "00" * 16)) == "Accepted"
    assert await status(change("AuthorizationKey", "00" * 15)) == "Rejected"
    assert await status(change("AuthorizationKey", "no hex")) == "Rejected"
    await central.drop("SIM-1")
    await central.until(lambda: len(central.headers) == 2)

    assert "Authorization" not in central.headers[0]
    assert central.headers[1]["Authorization"] == "Basic U0lNLTE6AAAAAAAAAAAAAAAAAAAAAA=="


async def test_a_higher_profile_makes_it_reconnect(central, cp, status):
    assert await status(change("SecurityProfile", "1")) == "Rejected"  # there is no key yet
    await status(change("AuthorizationKey", "00" * 16))
    assert await status(change("SecurityProfile", "1")) == "Accepted"
    await central.until(lambda: len(central.headers) == 2)

    assert central.headers[1]["Authorization"].startswith("Basic ")
    for lower in ("0", "1", "4", "high"):
        assert await status(change("SecurityProfile", lower)) == "Rejected"


async def test_a_profile_that_does_not_work_is_left_again(central, cp, status):
    """The central system of this test speaks no TLS."""
    await status(change("AuthorizationKey", "00" * 16))
    assert await status(change("SecurityProfile", "2")) == "Rejected"  # there is no root yet
    await status(call.InstallCertificate(certificate_type=USE, certificate=ROOT))
    assert await status(change("SecurityProfile", "3")) == "Rejected"  # nor a certificate of its own
    assert await status(change("SecurityProfile", "2")) == "Accepted"
    await central.until(lambda: len(central.headers) == 2)
    await cp.link.online.wait()

    assert cp.configuration.text("SecurityProfile") == "0"
    assert cp.link.address.startswith("ws://")
