"""SignCertificate: what a station may ask for, what a person decides, what comes back from a CA elsewhere."""

from __future__ import annotations

import shutil
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils import timezone

from certificates import authority, own_ca, requests
from certificates.models import SigningRequest, StationCertificate
from certificates.requests import CannotSign
from plugcontrol.management.commands import doctor
from stations.models import ChargePoint
from stations.services import forget_discovered
from tests.conftest import make_station

from . import pki

State, Problem = SigningRequest.State, SigningRequest.Problem
NOW = timezone.now()


@pytest.fixture
def known(db):
    return make_station(serial_number="SN-4711", box_serial_number="BOX-1")


def received(station, pem, at=NOW):
    taken = requests.receive(station, pem, at=at)
    row = SigningRequest.objects.latest("pk")
    assert taken == (row.state == State.WAITING)
    return row


async def test_over_the_wire(cp, stored, ca):
    assert await cp.call("SignCertificate", csr=pki.request("CP1")) == {"status": "Accepted"}
    row = await stored(SigningRequest.objects.get)
    assert (row.state, row.subject, row.key_text) == ("waiting", "CN=CP1,O=plugcontrol", "EC P-256")
    assert await cp.call("SignCertificate", csr=pki.request("CP2")) == {"status": "Rejected"}
    assert [row.problem for row in await stored(lambda: list(SigningRequest.objects.all()))] == ["name", ""]
    assert not await stored(StationCertificate.objects.exists)  # nothing is signed in the handler


async def test_the_serial_number_of_the_last_boot_counts(cp, stored):
    """The socket knows the station's row as it was when it connected."""
    await cp.call("BootNotification", chargePointVendor="V", chargePointModel="M", chargePointSerialNumber="NEW-1")
    assert await cp.call("SignCertificate", csr=pki.request("new-1")) == {"status": "Accepted"}


GOOD = {
    "serial number": lambda: pki.request("SN-4711"),
    "in another case": lambda: pki.request("sn-4711", "PLUGCONTROL"),
    "box serial number": lambda: pki.request("BOX-1"),
    "identity, no operator": lambda: pki.request("CP1", None),
    "RSA 2048": lambda: pki.request(key=pki.rsa_key()),
    "P-224": lambda: pki.request(key=pki.ec_key(ec.SECP224R1())),
    "P-384": lambda: pki.request(key=pki.ec_key(ec.SECP384R1())),
    "P-521, SHA-512": lambda: pki.request(key=pki.ec_key(ec.SECP521R1()), digest=hashes.SHA512()),
    "other line ends": lambda: pki.request().replace("\n", "\r\n"),
    "escaped twice": lambda: pki.request().replace("\n", "\\n"),
    "on one line": lambda: pki.request().replace("\n", ""),
    "old heading": lambda: pki.request().replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"),
    "Base64 alone": lambda: "".join(pki.request().splitlines()[1:-1]),
}


@pytest.mark.parametrize("kind", GOOD)
def test_what_is_signed(known, kind):
    row = received(known, GOOD[kind]())
    assert (row.state, row.problem) == (State.WAITING, Problem.NONE)
    assert row.pem.startswith("-----BEGIN CERTIFICATE REQUEST-----\n")


def test_one_that_is_longer_with_line_ends_than_it_came(known, ca):
    """5500 characters are what OCPP allows on the wire; as we keep it each line has its end."""
    filler = pki.name("CP1", "plugcontrol", ORGANIZATIONAL_UNIT_NAME="x" * 64)
    subject = x509.Name([*filler, *list(pki.name(ORGANIZATIONAL_UNIT_NAME="x" * 64)) * 50])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    pem = builder.sign(KEY, hashes.SHA256()).public_bytes(pki.PEM).decode()
    bare = "".join(pem.splitlines()[1:-1])
    assert len(bare) <= 5500 < len(pem)
    requests.sign(received(known, bare))


def _two_names() -> str:
    subject = x509.Name([*pki.name("CP1", "plugcontrol"), *pki.name("CP2")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.sign(pki.ec_key(), hashes.SHA256()).public_bytes(pki.PEM).decode()


def _another_key_in_it() -> str:
    """A request whose key was exchanged after it was signed."""
    one, other = (x509.load_pem_x509_csr(pki.request().encode()) for _ in range(2))
    key = [it.public_key().public_bytes(requests.serialization.Encoding.X962,
           requests.serialization.PublicFormat.UncompressedPoint) for it in (one, other)]  # fmt: skip
    der = one.public_bytes(requests.serialization.Encoding.DER).replace(key[0], key[1])
    return requests.base64.b64encode(der).decode()


BAD = {
    "another station": (lambda: pki.request("CP2"), "name"),
    "two names": (_two_names, "name"),
    "no name": (lambda: pki.request(None), "name"),
    "another operator": (lambda: pki.request("CP1", "Evil AG"), "operator"),
    "RSA 1024": (lambda: pki.request(key=pki.rsa_key(1024)), "weak_key"),
    "P-192": (lambda: pki.request(key=pki.ec_key(ec.SECP192R1())), "weak_key"),
    "DSA": (lambda: pki.request(key=dsa.generate_private_key(2048)), "weak_key"),
    "exchanged key": (_another_key_in_it, "signature"),
    "nonsense": (lambda: "no certificate request at all", "unreadable"),
    "a certificate": (lambda: pki.CA().pem, "unreadable"),
    "NUL": (lambda: "\0", "unreadable"),
    "empty": (lambda: "", "unreadable"),
    "too long": (lambda: pki.request() + " " * 5500, "unreadable"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_refused(known, kind):
    make, problem = BAD[kind]
    row = received(known, make())
    assert (row.state, row.problem) == (State.REFUSED, problem)
    assert row.ended_at == NOW
    assert len(row.pem) <= 5500


def test_an_outdated_hash(known, monkeypatch):
    """No library signs with SHA-1 any more: another hash stands for it."""
    monkeypatch.setattr(requests.certificates, "_STRONG_HASHES", (hashes.SHA512,))
    assert received(known, pki.request()).problem == Problem.WEAK_HASH


def test_an_edwards_curve_is_not_for_chargers(known):
    key = ed25519.Ed25519PrivateKey.generate()
    builder = x509.CertificateSigningRequestBuilder().subject_name(pki.name("CP1"))
    pem = builder.sign(key, None).public_bytes(pki.PEM).decode()
    assert received(known, pem).problem == Problem.WEAK_KEY


def test_the_same_again_is_the_same(known):
    pem = pki.request()
    received(known, pem)
    assert requests.receive(known, pem.replace("\n", "\r\n"), at=NOW)
    assert SigningRequest.objects.count() == 1


def test_a_later_one_replaces_an_earlier(known, ca):
    first = received(known, pki.request())
    received(known, pki.request("CP2"))
    first.refresh_from_db()
    assert first.state == State.WAITING  # a bad one replaces nothing
    received(known, pki.request())
    first.refresh_from_db()
    assert (first.state, first.ended_at) == (State.SUPERSEDED, NOW)
    with pytest.raises(CannotSign):
        requests.sign(first)


def test_five_an_hour(known):
    for _ in range(5):
        received(known, pki.request())
    assert received(known, pki.request()).problem == Problem.TOO_MANY
    assert not requests.receive(known, pki.request(), at=NOW)
    assert SigningRequest.objects.count() == 6  # one row for all that is too much
    received(make_station("CP2"), pki.request("CP2"))
    later = received(known, pki.request(), at=NOW + timedelta(minutes=61))
    assert later.state == State.WAITING


# What people decide


@pytest.fixture
def anna(db):
    return User.objects.create(username="anna")


def test_signed_by_hand(known, ca, anna):
    row = received(known, pki.request("SN-4711", None))
    certificate = requests.sign(row, by=anna)
    row.refresh_from_db()
    assert (row.state, row.certificate, row.decided_by) == (State.SIGNED, certificate, "anna")
    [signed] = x509.load_pem_x509_certificates(certificate.chain.encode())
    signed.verify_directly_issued_by(ca.certificate)
    assert certificate.subject == "CN=SN-4711,O=plugcontrol"  # the operator's name was missing
    assert certificate.is_ours
    assert certificate.charge_point == known
    with pytest.raises(CannotSign):
        requests.sign(row, by=anna)


@pytest.mark.parametrize(("pem", "subject"), [
    (lambda: pki.request("CP2"), "CN=CP2,O=plugcontrol"),
    (lambda: pki.request("CP1", "Other"), "CN=CP1,O=Other"),
    (lambda: pki.request(None), "CN=SN-4711,O=plugcontrol"),
])  # fmt: skip
def test_a_person_may_know_better(known, ca, anna, pem, subject):
    row = received(known, pem())
    assert requests.sign(row, by=anna).subject == subject
    row.refresh_from_db()
    assert (row.state, row.ended_at) == (State.SIGNED, None)


@pytest.mark.parametrize("kind", ["RSA 1024", "exchanged key", "nonsense"])
def test_but_not_in_everything(known, ca, anna, kind):
    row = received(known, BAD[kind][0]())
    with pytest.raises(CannotSign):
        requests.sign(row, by=anna)
    assert not StationCertificate.objects.exists()


def test_refused_by_hand(known, ca, anna):
    row = received(known, pki.request())
    requests.refuse(row, by=anna)
    row.refresh_from_db()
    assert (row.state, row.decided_by) == (State.REFUSED, "anna")
    assert row.ended_at is not None
    for again in (requests.sign, requests.refuse):
        with pytest.raises(CannotSign):
            again(row, by=anna)


def test_without_a_key_nobody_signs_here(known, elsewhere):
    row = received(known, pki.request())
    with pytest.raises(CannotSign, match="sign it elsewhere"):
        requests.sign(row)


# Signed elsewhere


def test_signed_elsewhere(known, elsewhere, anna):
    row = received(known, pki.request())
    below = pki.CA("Below", issuer=elsewhere)
    own = below.sign_request(row.pem)
    certificate = requests.take_signed(row, pki.pem_of(own, below.certificate, elsewhere.certificate), by=anna)
    row.refresh_from_db()
    assert (row.state, row.decided_by, certificate.is_ours) == (State.SIGNED, "anna", False)
    assert certificate.chain == pki.pem_of(own, below.certificate)  # without the root


UNFIT = {
    "another key": lambda ca, pem: ca.sign("CP1"),
    "of a CA": lambda ca, pem: ca.sign("CP1", key=KEY, ca=True),
    "not meant for TLS clients": lambda ca, pem: ca.sign("CP1", key=KEY, uses=[ExtendedKeyUsageOID.SERVER_AUTH]),
    "meant for TLS clients": lambda ca, pem: ca.sign("CP1", key=KEY, key_uses=["key_cert_sign"]),
    "expired": lambda ca, pem: ca.sign("CP1", key=KEY, days=-0.5),
    "not valid before": lambda ca, pem: ca.sign("CP1", key=KEY, begins=1),
    "would be refused": lambda ca, pem: pki.CA().sign_request(pem),
}
KEY = pki.ec_key()


@pytest.mark.parametrize("sentence", UNFIT)
def test_what_is_not_taken(known, elsewhere, sentence):
    row = received(known, pki.request(key=KEY))
    with pytest.raises(ValidationError, match=sentence):
        requests.take_signed(row, pki.pem_of(UNFIT[sentence](elsewhere, row.pem)))
    row.refresh_from_db()
    assert row.state == State.WAITING


def test_not_twice(known, elsewhere):
    pem = pki.request(key=KEY)
    signed = pki.pem_of(elsewhere.sign_request(pem))
    row = received(known, pem)
    requests.take_signed(row, signed)
    with pytest.raises(ValidationError, match="cannot be signed any more"):
        requests.take_signed(row, signed)
    requests.refuse(received(known, pki.request()), by=None)
    row = SigningRequest.objects.create(charge_point=known, pem=row.pem)
    with pytest.raises(ValidationError, match="stored already"):
        requests.take_signed(row, signed)


@pytest.mark.parametrize("signed", [False, True])
def test_a_stranger_that_asked_is_forgotten_but_not_one_that_was_signed_for(known, ca, signed):
    row = received(known, pki.request())
    received(known, pki.request("CP2"))
    if signed:
        requests.sign(row)
    gone = {"connection": "", "disconnected_at": NOW - timedelta(days=60)}
    ChargePoint.objects.update(discovered=True, accepted_at=None, registration_status="Pending", **gone)
    assert forget_discovered(timezone.now()) == int(not signed)
    assert ChargePoint.objects.exists() is signed


async def test_a_flood_stores_little(cp, stored):
    for _ in range(9):
        await cp.call("SignCertificate", csr="nonsense")
    assert await sync_to_async(SigningRequest.objects.count)() == 6


def test_the_doctor_misses_the_ca_that_signed(known, ca, data_dir):
    requests.sign(received(known, pki.request("SN-4711")), by=None)
    assert {level for level, _text in doctor.certificates()} == {doctor.OK}
    shutil.rmtree(data_dir / own_ca.FOLDER)
    authority.current()  # made anew, under the same name
    assert "of a CA that is gone" in dict(doctor.certificates())[doctor.BROKEN]
