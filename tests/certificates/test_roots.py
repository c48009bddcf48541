"""Roots: the library, our own in it, and what stations hold of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils import timezone

from certificates import authority, installed, roots
from certificates import x509 as certificates
from certificates.models import CertificateReading, CertificateUse, InstalledCertificate, RootCertificate
from stations.commands import CommandRefused
from stations.models import Command
from tests.conftest import make_station

from . import pki

CENTRAL, MANUFACTURER = CertificateUse.CENTRAL_SYSTEM, CertificateUse.MANUFACTURER


# The library


def test_added(db):
    anna, ca = User.objects.create(username="anna"), pki.CA("Vendor")
    row = roots.add_root("  ", MANUFACTURER, f"text before\r\n{ca.pem}", by=anna)
    assert (row.name, row.subject, row.pem, row.created_by) == ("CN=Vendor", "CN=Vendor", ca.pem, anna)
    assert row.sha256 == ca.certificate.fingerprint(hashes.SHA256()).hex()
    roots.add_root("The same for another use", CENTRAL, ca.pem)
    with pytest.raises(ValidationError, match="stored already"):
        roots.add_root("Again", CENTRAL, ca.pem)


def test_an_archived_one_comes_back(db):
    ca = pki.CA()
    row = roots.add_root("Old", CENTRAL, ca.pem)
    assert roots.archive(row)
    assert not roots.archive(row)
    again = roots.add_root("New", CENTRAL, ca.pem)
    assert (again.pk, again.name, again.archived_at) == (row.pk, "New", None)


UNFIT = {
    "no certificate": lambda: "nonsense",
    "cannot be read": lambda: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "several": lambda: pki.CA().pem + pki.CA().pem,
    "no root": lambda: pki.pem_of(pki.CA().sign("CP1")),
    "expired": lambda: pki.CA(days=0).pem,
    "too weak": lambda: pki.CA(key=pki.rsa_key(1024)).pem,
    "longer than the 5500": lambda: long_root(),
}


def long_root() -> str:
    names = [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, f"{number:060}") for number in range(40)]
    ca = pki.CA()
    builder = (
        x509.CertificateBuilder(subject_name=x509.Name(names), issuer_name=x509.Name(names))
        .public_key(ca.key.public_key())
        .serial_number(1)
        .not_valid_before(ca.certificate.not_valid_before_utc)
        .not_valid_after(ca.certificate.not_valid_after_utc)
    )
    return builder.sign(ca.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize("sentence", UNFIT)
def test_what_is_not_taken(db, sentence):
    with pytest.raises(ValidationError, match=sentence):
        roots.add_root("X", CENTRAL, UNFIT[sentence]())
    assert not RootCertificate.objects.exists()


def test_an_unknown_use(db):
    with pytest.raises(ValidationError):
        roots.add_root("X", "V2GRootCertificate", pki.CA().pem)


def test_our_own_are_offered(db, settings, tmp_path, ca):
    root = pki.CA("Server root")
    server, alone = root.sign("charge.example.org"), pki.CA("Self-signed")
    for variable, pem in (
        ("TLS_CERTIFICATE", pki.pem_of(server, root.certificate)),
        ("TLS_SECOND_CERTIFICATE", alone.pem),
    ):
        path = tmp_path / f"{variable}.pem"
        path.write_text(pem)
        setattr(settings, variable, path)
    assert [roots.offer_own(), roots.offer_own()] == [3, 0]
    rows = {row.subject: row.use for row in RootCertificate.objects.all()}
    assert rows == dict.fromkeys(
        ["CN=Server root", "CN=Self-signed", "CN=plugcontrol chargers CA,O=plugcontrol"], CENTRAL
    )
    RootCertificate.objects.update(archived_at=timezone.now())
    assert roots.offer_own() == 0
    assert not RootCertificate.objects.filter(archived_at=None).exists()


def test_the_root_of_a_public_ca_is_found(db, settings, tmp_path, ca, monkeypatch):
    """A server's file has its chain without the root: this machine's trust store has that."""
    root = pki.CA("Public root")
    between = pki.CA("Between", issuer=root)
    path = tmp_path / "server.pem"
    path.write_text(pki.pem_of(between.sign("charge.example.org"), between.certificate))
    settings.TLS_CERTIFICATE = path

    class Store:
        def get_ca_certs(self, *, binary_form):
            return [b"nonsense", pki.der_of(pki.CA("Public root").certificate), pki.der_of(root.certificate)]

    monkeypatch.setattr(roots.ssl, "create_default_context", Store)
    roots.offer_own()
    assert RootCertificate.objects.get(subject="CN=Public root").pem == root.pem


def test_a_broken_server_certificate_does_no_harm(db, settings, tmp_path, ca):
    settings.TLS_CERTIFICATE = tmp_path / "gone.pem"
    assert roots.offer_own() == 1


# At stations


@pytest.fixture
def known(db):
    return make_station()


def test_what_is_not_installed(known):
    root = roots.add_root("Old", CENTRAL, pki.CA().pem)
    root.not_after = timezone.now()
    with pytest.raises(CommandRefused, match="expired"):
        roots.install(root, known)
    root.archived_at = timezone.now()
    with pytest.raises(CommandRefused, match="archived"):
        roots.install(root, known)


def test_the_same_wish_twice(known):
    root, until = roots.add_root("Root", CENTRAL, pki.CA().pem), timezone.now() + timedelta(hours=1)
    for ask in (lambda **options: roots.install(root, known, **options),
                lambda **options: installed.read(known, CENTRAL, **options)):  # fmt: skip
        assert ask(idempotency_key=f"k{ask}", valid_until=until) == ask(idempotency_key=f"k{ask}", valid_until=until)


def ids(certificate, algorithm="SHA256", **changes):
    return certificates.hash_data(certificate, certificate, algorithm) | changes


async def test_installed_read_removed(cp, station, stored, ended):
    ca = pki.CA("Root", serial=0xA1F)
    root = await sync_to_async(roots.add_root)("Root", CENTRAL, ca.pem)
    command = await sync_to_async(roots.install)(root, station)
    call = await cp.hears()
    assert (call.action, call.payload) == ("InstallCertificate", {"certificateType": CENTRAL, "certificate": ca.pem})
    await call.replies(status="Accepted")
    await ended(command)
    row = await stored(InstalledCertificate.objects.get)
    assert (row.root_id, row.use, row.hash_algorithm) == (root.pk, CENTRAL, "SHA256")
    assert not await stored(CertificateReading.objects.exists)

    call = await cp.hears()  # what does the station know it by?
    assert (call.action, call.payload) == ("GetInstalledCertificateIds", {"certificateType": CENTRAL})
    own = ids(ca.certificate, "SHA512")
    shouted = {**own, "issuerKeyHash": own["issuerKeyHash"].upper(), "serialNumber": "00" + own["serialNumber"].upper()}
    await call.replies(status="Accepted", certificateHashData=[shouted])
    await ended(await stored(lambda: Command.objects.get(action="GetInstalledCertificateIds")))
    row = await stored(lambda: InstalledCertificate.objects.select_related("charge_point").get())
    assert (row.root_id, row.hash_algorithm, row.serial_number) == (root.pk, "SHA512", "00" + own["serialNumber"])
    assert (await stored(CertificateReading.objects.get)).use == CENTRAL

    command = await sync_to_async(installed.remove)(row)
    call = await cp.hears()
    assert call.action == "DeleteCertificate"
    assert call.payload == {"certificateHashData": {**own, "serialNumber": "00" + own["serialNumber"]}}
    await call.replies(status="Failed")
    await ended(command)
    assert await stored(InstalledCertificate.objects.count) == 1
    command = await sync_to_async(installed.remove)(row)
    await (await cp.hears()).replies(status="Success")  # as the white paper's text has it
    await ended(command)
    assert await stored(InstalledCertificate.objects.count) == 0


async def read(cp, station, ended, use=CENTRAL, **answer):
    command = await sync_to_async(installed.read)(station, use)
    await (await cp.hears()).replies(**answer)
    return await ended(command)


async def test_what_it_says_is_all_it_has(cp, station, stored, ended):
    ours, other = pki.CA("Ours"), pki.CA("Theirs")
    root = await sync_to_async(roots.add_root)("Ours", CENTRAL, ours.pem)
    both = [ids(ours.certificate), ids(other.certificate), ids(other.certificate)]
    await read(cp, station, ended, status="Accepted", certificateHashData=both)
    rows = await stored(lambda: list(InstalledCertificate.objects.order_by("id")))
    assert [row.root_id for row in rows] == [root.pk, None]
    await read(cp, station, ended, MANUFACTURER, status="Accepted", certificateHashData=both[1:])
    await read(cp, station, ended, status="Accepted", certificateHashData=both[1:])
    left = await stored(lambda: list(InstalledCertificate.objects.order_by("id")))
    assert [row.use for row in left] == [CENTRAL, MANUFACTURER]
    assert left[0].pk == rows[1].pk
    await read(cp, station, ended, status="NotFound")
    assert [row.use for row in await stored(lambda: list(InstalledCertificate.objects.all()))] == [MANUFACTURER]
    assert await stored(CertificateReading.objects.count) == 2


async def test_a_root_that_is_stored_later_is_recognised(cp, station, stored, ended):
    ca = pki.CA()
    await read(cp, station, ended, status="Accepted", certificateHashData=[ids(ca.certificate)])
    root = await sync_to_async(roots.add_root)("Later", CENTRAL, ca.pem)
    await read(cp, station, ended, status="Accepted", certificateHashData=[ids(ca.certificate)])
    assert (await stored(InstalledCertificate.objects.get)).root_id == root.pk


async def test_an_answer_of_another_kind_changes_nothing(cp, station, stored, ended):
    await read(cp, station, ended, status="Accepted", certificateHashData=[ids(pki.CA().certificate)])
    await read(cp, station, ended, status="Busy")
    assert await stored(InstalledCertificate.objects.count) == 1


def test_many(known):
    command = Command(charge_point=known, action="GetInstalledCertificateIds", payload={"certificateType": CENTRAL})
    held = [installed.HashData.of("SHA256", "aa", "bb", f"{number:x}") for number in range(1, 1000)]
    installed.was_read(command, held, at=timezone.now())
    assert InstalledCertificate.objects.count() == installed.MOST


def test_a_root_by_hand_that_is_none(known):
    """The expert's form sends any text, and a careless station accepts it."""
    payload = {"certificateType": CENTRAL, "certificate": "nonsense"}
    installed.was_installed(Command(charge_point=known, payload=payload), at=timezone.now())
    assert not InstalledCertificate.objects.exists()


def test_hashes_are_those_of_the_standard():
    """Worked out by hand: of the issuer's name in DER, and of its key's bits."""
    ca = pki.CA()
    key = ca.key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    own = ca.sign("CP1")
    for algorithm, digest in (("SHA256", hashes.SHA256()), ("SHA384", hashes.SHA384()), ("SHA512", hashes.SHA512())):

        def of(data, digest=digest):
            state = hashes.Hash(digest)
            state.update(data)
            return state.finalize().hex()

        known_by = certificates.hash_data(own, ca.certificate, algorithm)
        assert known_by == {
            "hashAlgorithm": algorithm,
            "issuerNameHash": of(ca.certificate.subject.public_bytes()),
            "issuerKeyHash": of(key),
            "serialNumber": f"{own.serial_number:x}",
        }


def test_without_a_usable_ca_nothing_of_it_is_offered(db, settings, tmp_path):
    (tmp_path / "file").write_text("")
    settings.DATA_DIR = tmp_path / "file"
    assert authority.current() is None
    assert roots.offer_own() == 0
