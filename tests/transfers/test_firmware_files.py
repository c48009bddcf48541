"""Firmware files: what is stored, and what is refused in plain words."""

from __future__ import annotations

import hashlib
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.utils import timezone

from tests.conftest import make_station
from transfers import campaigns, firmware_files, signatures
from transfers.models import FirmwareFile
from transfers.signatures import Scheme

from .firmware import EC_KEY, IMAGE, certificate_of, make_firmware, signature_of

pytestmark = pytest.mark.django_db
RSA_KEY = rsa.generate_private_key(65537, 2048)


def stored_files() -> set[str]:
    return {path.name for path in Path(settings.DATA_DIR, "files", "firmware").glob("*")}


def refused(**fields: Any) -> dict[str, list[str]]:
    """The words of the refusal, by field; nothing may stay on disk."""
    before = stored_files()
    with pytest.raises(ValidationError) as caught:
        make_firmware(**fields)
    assert stored_files() == before
    assert not hasattr(caught.value, "error_dict") or FirmwareFile.objects.count() <= 1
    return caught.value.message_dict if hasattr(caught.value, "error_dict") else {"": caught.value.messages}


def test_a_file_is_kept_with_its_size_and_digest():
    row = make_firmware(vendor="Acme", model="Wall 22", notes="spring")
    stored = FirmwareFile.objects.get(pk=row.pk)
    assert (stored.size, stored.sha256) == (len(IMAGE), hashlib.sha256(IMAGE).hexdigest())
    assert stored.file_name == "acme-4.3.1.bin"
    assert stored.file.read() == IMAGE
    assert (stored.vendor, stored.model, stored.notes, stored.is_signed) == ("Acme", "Wall 22", "spring", False)


def test_an_upload_from_a_form_is_read_in_pieces():
    upload = TemporaryUploadedFile("big.bin", "application/octet-stream", 3_000_000, None)
    for _ in range(30):
        upload.write(b"x" * 100_000)
    upload.seek(0)
    row = firmware_files.store(upload, name="Big", version="1")
    upload.close()  # as the request does at its end
    assert (row.size, row.file.size) == (3_000_000, 3_000_000)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Wall 22 (über).bin", "Wall_22_ber.bin"),
        ("../../etc/passwd", "passwd"),
        ("C:\\images\\fw.tar.gz", "fw.tar.gz"),
        ("…", "firmware"),
        (".hidden", "hidden"),
        ("x" * 300 + ".img", "x" * 80 + ".img"),
    ],
)
def test_addresses_end_in_a_plain_name(name, plain):
    upload = ContentFile(IMAGE)
    upload.name = name
    assert firmware_files.store(upload, name="A", version="1").file_name == plain


def test_empty_and_too_large_files_are_refused(settings):
    assert "empty" in refused(image=b"")["file"][0]
    settings.MAX_FIRMWARE_MB = 1
    assert "1 MB" in refused(image=b"x" * 1_000_001)["file"][0]


def test_name_and_version_are_unique_until_archived():
    first = make_firmware()
    assert "already a file" in str(refused(name="ACME wall"))
    firmware_files.archive(first)
    make_firmware(name="ACME wall")


def test_a_model_needs_its_vendor():
    assert "A model needs its vendor." in str(refused(model="Wall 22"))


@pytest.mark.parametrize("salt", [0, 20, 32, None])
def test_rsa_pss_with_any_salt(salt):
    proof = {"signature": signature_of(key=RSA_KEY, salt=salt), "signing_certificate": certificate_of(RSA_KEY)}
    assert firmware_files.check_signature(make_firmware(**proof)) == Scheme.RSA_PSS


def test_ecdsa():
    assert firmware_files.check_signature(make_firmware(signed=True)) == Scheme.ECDSA


def test_the_older_rsa_scheme_is_taken_and_said():
    proof = {
        "signature": signature_of(key=RSA_KEY, scheme="pkcs1"),
        "signing_certificate": certificate_of(RSA_KEY),
    }
    scheme = firmware_files.check_signature(make_firmware(**proof))
    assert scheme == Scheme.RSA_PKCS1
    assert "not in the standard" in scheme.label


def test_a_signature_of_another_image_or_key_is_refused():
    certificate = certificate_of(EC_KEY)
    other = {"signature": signature_of(IMAGE + b"!"), "signing_certificate": certificate}
    assert "does not belong" in refused(**other)["signature"][0]
    other = {"signature": signature_of(key=RSA_KEY), "signing_certificate": certificate}
    assert "does not belong" in refused(**other)["signature"][0]


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("signature", "%%%", "not Base64"),
        ("signature", "ä", "not Base64"),
        ("signature", "A" * 804, "800"),
        ("signing_certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "no certificate"),
        ("signing_certificate", "hello", "no certificate"),
        ("signing_certificate", "x" * 5501, "5500"),
    ],
)
def test_unreadable_proofs_are_refused(field, text, words):
    proof = {"signature": signature_of(), "signing_certificate": certificate_of(EC_KEY), field: text}
    assert words in str(refused(**proof)[field])


def test_a_certificate_of_a_version_that_does_not_exist():
    der = bytearray(ssl.PEM_cert_to_DER_cert(certificate_of(EC_KEY)))
    der[der.index(b"\xa0\x03\x02\x01\x02") + 4] = 7
    proof = {"signature": signature_of(), "signing_certificate": ssl.DER_cert_to_PEM_cert(bytes(der))}
    assert "no certificate" in refused(**proof)["signing_certificate"][0]


def test_one_of_the_two_is_not_enough():
    assert "both or neither" in str(refused(signature=signature_of()))
    assert "both or neither" in str(refused(signing_certificate=certificate_of(EC_KEY)))


def test_a_key_of_another_kind_is_refused():
    proof = {"signature": signature_of(), "signing_certificate": certificate_of(ed25519.Ed25519PrivateKey.generate())}
    assert "neither RSA nor" in refused(**proof)["signing_certificate"][0]


@pytest.mark.parametrize(("dates", "words"), [((-30, -1), "expired on"), ((1, 30), "valid from")])
def test_a_certificate_that_is_not_valid_now(dates, words):
    begins, ends = dates
    proof = {
        "signature": signature_of(),
        "signing_certificate": certificate_of(EC_KEY, begins_in=begins, ends_in=ends),
    }
    assert words in refused(**proof)["signing_certificate"][0]


def test_a_certificate_expires_after_it_was_stored():
    row = make_firmware(signed=True)
    later = timezone.now() + timedelta(days=31)
    with pytest.raises(ValidationError, match="expired on"):
        signatures.check(row.sha256, row.signature, row.signing_certificate, later)


def test_a_file_in_use_is_not_archived():
    row = make_firmware()
    campaign = campaigns.start_campaign([make_station()], row, origin=campaigns.Origin(), name="Spring")
    with pytest.raises(ValidationError, match="being updated"):
        firmware_files.archive(row)
    campaigns.cancel(campaign)
    firmware_files.archive(row)
    assert row.archived_at is not None
