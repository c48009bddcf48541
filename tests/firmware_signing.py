"""A vendor that signs its firmware."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def signed(image: bytes, *, days: int = 30) -> dict[str, str]:
    """The vendor's signature of an image, and its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vendor")])
    begins = datetime.now(UTC) - timedelta(days=60)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(begins)
    certificate = builder.not_valid_after(begins + timedelta(days=60 + days)).sign(key, hashes.SHA256())
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode().strip()
    signature = key.sign(image, ec.ECDSA(hashes.SHA256()))
    return {"signature": base64.b64encode(signature).decode(), "signing_certificate": pem}
