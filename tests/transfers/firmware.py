"""Images and signatures for tests: made here, of keys that nobody else has."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from django.core.files.base import ContentFile

from transfers import firmware_files
from transfers.models import FirmwareFile

IMAGE = b"\x7fFIRM" + bytes(range(256)) * 8
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def certificate_of(key: Any, *, begins_in: float = -1, ends_in: float = 30) -> str:
    """PEM of a vendor's signing certificate, valid so many days from now on and until."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Acme firmware")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=begins_in))
        .not_valid_after(now + timedelta(days=ends_in))
        .sign(EC_KEY, SHA256())
    )
    return built.public_bytes(Encoding.PEM).decode()


def signature_of(image: bytes = IMAGE, key: Any = EC_KEY, *, scheme: str = "pss", salt: int | None = None) -> str:
    """Base64 of the signature of an image: ECDSA, or RSA with a scheme."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return b64encode(key.sign(image, ec.ECDSA(SHA256()))).decode()
    assert isinstance(key, rsa.RSAPrivateKey)
    length = padding.PSS.MAX_LENGTH if salt is None else salt
    pss = padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=length)
    return b64encode(key.sign(image, pss if scheme == "pss" else padding.PKCS1v15(), SHA256())).decode()


def make_firmware(version: str = "4.3.1", *, image: bytes = IMAGE, signed: bool = False, **fields: Any) -> FirmwareFile:
    proof = {"signature": signature_of(image), "signing_certificate": certificate_of(EC_KEY)} if signed else {}
    upload = ContentFile(image, name=f"acme-{version}.bin")
    return firmware_files.store(upload, **{"name": "Acme Wall", "version": version, **proof, **fields})
