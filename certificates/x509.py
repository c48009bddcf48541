"""Certificates as text and as numbers: reading PEM, judging keys, and what a certificate is known by (white paper)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

#: More than any chain has; beyond it the text is somebody's whole trust store.
MAX_CHAIN = 10
MIN_RSA_BITS = 2048
MIN_EC_BITS = 224
COMMON_NAME, ORGANIZATION = NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME
#: What reading hostile DER may raise: cryptography says one or the other, depending on where it stumbles.
UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension)
_STRONG_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512, hashes.SHA3_256, hashes.SHA3_384, hashes.SHA3_512)
#: The algorithms of CertificateHashData.
HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "SHA256": hashes.SHA256,
    "SHA384": hashes.SHA384,
    "SHA512": hashes.SHA512,
}
_BEGIN = "-----BEGIN CERTIFICATE-----"
_PEM = re.compile(rf"{_BEGIN}[^-]{{1,20000}}-----END CERTIFICATE-----")


def read_chain(pem: str) -> list[x509.Certificate]:
    """The certificates of a PEM text in their order; what stands between them is passed over.

    Raises ValidationError in plain words for a text without any, one that cannot be read, or more than MAX_CHAIN.
    """
    blocks = _PEM.findall(pem)
    if not blocks or pem.count(_BEGIN) != len(blocks):
        raise ValidationError(_("This is no certificate in PEM form: that begins with -----BEGIN CERTIFICATE-----."))
    if len(blocks) > MAX_CHAIN:
        raise ValidationError(_("There are more than %(most)d certificates in it."), params={"most": MAX_CHAIN})
    return [_read(x509.load_pem_x509_certificate, block.encode()) for block in blocks]


def read_der(der: bytes) -> x509.Certificate:
    """One certificate in DER form, as TLS hands it over; raises ValidationError."""
    return _read(x509.load_der_x509_certificate, der)


def _read(load: Callable[[bytes], x509.Certificate], data: bytes) -> x509.Certificate:
    try:
        certificate = load(data)
        # read only when they are asked for: later would be in the middle of something
        for part in ("subject", "issuer", "extensions"):
            getattr(certificate, part)
        certificate.public_key()
    except UNREADABLE:
        raise ValidationError(_("A certificate in it cannot be read.")) from None
    return certificate


def pem_of(chain: Iterable[x509.Certificate]) -> str:
    return "".join(certificate.public_bytes(serialization.Encoding.PEM).decode() for certificate in chain)


def sha256_of(certificate: x509.Certificate) -> str:
    """The fingerprint people compare: hexadecimal, of the DER form."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def serial_of(certificate: x509.Certificate) -> str:
    """Hexadecimal, lower case, without leading zeros; cut where it is longer than the standard allows."""
    return f"{certificate.serial_number:x}"[:40]


def text_of(name: x509.Name) -> str:
    """A subject or issuer as one line that every database takes: CN=…,O=…."""
    return storable(name.rfc4514_string(), 500)


def storable(text: str, length: int) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:length]


def cut(text: str, length: int = 64) -> str:
    """As much as a part of a name holds; it counts bytes."""
    return text.encode()[:length].decode("utf-8", "ignore")


def values_of(name: x509.Name, part: ObjectIdentifier) -> list[str]:
    """Every value of a part of a name, such as COMMON_NAME; a name may hold several."""
    return [str(attribute.value).strip() for attribute in name.get_attributes_for_oid(part)]


def key_text(key: object) -> str:
    """What people call a public key: "RSA 2048", "EC P-256"."""
    match key:
        case rsa.RSAPublicKey():
            return f"RSA {key.key_size}"
        case ec.EllipticCurvePublicKey():
            return f"EC {_CURVES.get(key.curve.name, key.curve.name)}"[:40]
        case dsa.DSAPublicKey():
            return f"DSA {key.key_size}"
    return type(key).__name__.removeprefix("_").removesuffix("PublicKey")[:40]


_CURVES = {"secp224r1": "P-224", "secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


def is_strong_key(key: object) -> bool:
    """RSA from 2048 bits and elliptic curves from 224 (white paper A00); chargers know no others."""
    match key:
        case rsa.RSAPublicKey():
            return key.key_size >= MIN_RSA_BITS
        case ec.EllipticCurvePublicKey():
            return key.curve.key_size >= MIN_EC_BITS
    return False


def has_strong_hash(signed: x509.Certificate | x509.CertificateSigningRequest) -> bool:
    """Whether a signature uses SHA-256 or better; one without a hash of its own (Ed25519) is none of those we take."""
    try:
        return isinstance(signed.signature_hash_algorithm, _STRONG_HASHES)
    except UnsupportedAlgorithm:
        return False


def same_key(one: x509.Certificate, other: x509.Certificate | x509.CertificateSigningRequest) -> bool:
    return _key_bytes(one) == _key_bytes(other)


def _key_bytes(holder: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    return holder.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def is_ca(certificate: x509.Certificate) -> bool:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    return constraints.value.ca


def is_for_clients(certificate: x509.Certificate) -> bool:
    """Whether one may log in with it, as OpenSSL judges: one that names no uses is for all of them."""
    may = certificate.extensions
    with suppress(x509.ExtensionNotFound):
        if ExtendedKeyUsageOID.CLIENT_AUTH not in may.get_extension_for_class(x509.ExtendedKeyUsage).value:
            return False
    with suppress(x509.ExtensionNotFound):
        of_key = may.get_extension_for_class(x509.KeyUsage).value
        return of_key.digital_signature or of_key.key_agreement
    return True


def is_self_signed(certificate: x509.Certificate) -> bool:
    return is_issued_by(certificate, certificate)


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the names fit and the signature is the issuer's."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (*UNREADABLE, InvalidSignature):
        return False
    return True


def begin_of(certificate: x509.Certificate) -> str:
    """The minute from which it is valid, for people."""
    return f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"


def is_valid_at(certificate: x509.Certificate, at: datetime) -> bool:
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def leads_to(
    certificate: x509.Certificate,
    trusted: Sequence[x509.Certificate],
    *,
    between: Sequence[x509.Certificate] = (),
    at: datetime,
) -> bool:
    """Whether one of `trusted` issued the certificate, if need be through CAs that came with it."""
    present = certificate
    for _step in range(MAX_CHAIN):
        if any(is_valid_at(issuer, at) and is_issued_by(present, issuer) for issuer in trusted):
            return True
        issuers = (it for it in between if is_ca(it) and is_valid_at(it, at) and is_issued_by(present, it))
        following = next(issuers, None)
        if following is None or following == present:
            return False
        present = following
    return False


def hash_data(certificate: x509.Certificate, issuer: x509.Certificate, algorithm: str) -> dict[str, str]:
    """CertificateHashData of the white paper, in lower case; `algorithm` is SHA256, SHA384 or SHA512.

    Its hashes are those of an OCSP request: of the issuer's name in DER, and of its key without tag and length.
    """
    request = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, HASHES[algorithm]()).build()
    return {
        "hashAlgorithm": algorithm,
        "issuerNameHash": request.issuer_name_hash.hex(),
        "issuerKeyHash": request.issuer_key_hash.hex(),
        "serialNumber": serial_of(certificate),
    }


def key_usage(**uses: bool) -> x509.KeyUsage:
    """What a key may do; all that is not named is False."""
    names = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
        *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{name: uses.get(name, False) for name in names})
