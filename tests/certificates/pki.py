"""Keys, requests and certificates as a CA elsewhere and stations of all kinds make them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from django.utils import timezone

from certificates.x509 import key_usage

PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8


def ec_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve or ec.SECP256R1())


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def name(common_name: str | None = None, operator: str | None = None, **more: str) -> x509.Name:
    parts = [(NameOID.ORGANIZATION_NAME, operator), (NameOID.COMMON_NAME, common_name)]
    parts += [(getattr(NameOID, part), value) for part, value in more.items()]
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts if value is not None])


def request(
    common_name: str | None = "CP1", operator: str | None = "plugcontrol", key: Any = None, digest: Any = None
) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(name(common_name, operator))
    return builder.sign(key or ec_key(), digest or hashes.SHA256()).public_bytes(PEM).decode()


class CA:
    """A CA with its key; `issuer` makes it one below another."""

    def __init__(
        self, common_name: str = "Elsewhere CA", *, issuer: CA | None = None, key: Any = None, days: int = 3650,
        serial: int = 0,
    ):  # fmt: skip
        self.key = key or ec_key()
        self.issuer = issuer
        signer = issuer or self
        subject = name(common_name)
        above = issuer.certificate.subject if issuer else subject
        self.certificate = _certificate(subject, above, self.key.public_key(), signer.key, days, ca=True, serial=serial)

    def sign(self, common_name: str, operator: str | None = "plugcontrol", *, key: Any = None, days: float = 365,
             begins: float = -1, ca: bool = False, uses: Sequence[x509.ObjectIdentifier] = (),
             key_uses: Sequence[str] = ()) -> x509.Certificate:  # fmt: skip
        """A certificate whose validity begins and ends so many days from now; without `uses` it names none."""
        public = (key or ec_key()).public_key()
        subject, issuer = name(common_name, operator), self.certificate.subject
        return _certificate(subject, issuer, public, self.key, days, begins=begins, ca=ca, uses=uses, key_uses=key_uses)

    def sign_request(self, pem: str) -> x509.Certificate:
        asked = x509.load_pem_x509_csr(pem.encode())
        return _certificate(asked.subject, self.certificate.subject, asked.public_key(), self.key, 365)

    @property
    def pem(self) -> str:
        return pem_of(self.certificate)

    def key_pem(self, password: str = "") -> str:
        encryption = (
            serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
        )
        return self.key.private_bytes(PEM, PKCS8, encryption).decode()


def _certificate(
    subject, issuer, public_key, key, days, *, begins: float = -1, ca: bool = False, serial=0, uses=(), key_uses=()
) -> x509.Certificate:
    now = timezone.now()
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(now + timedelta(days=begins))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if uses:
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    if key_uses:
        builder = builder.add_extension(key_usage(**dict.fromkeys(key_uses, True)), critical=True)
    return builder.sign(key, hashes.SHA256())


def pem_of(*chain: x509.Certificate) -> str:
    return "".join(certificate.public_bytes(PEM).decode() for certificate in chain)


def der_of(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)
