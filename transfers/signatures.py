"""Signatures of firmware images (white paper L01): SHA-256 over the whole image, with RSA-PSS or ECDSA.

What is signed is the image's digest, which we keep: checking reads no file and may be done as often as one likes.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from stations.moments import local_text

#: As long as SignedUpdateFirmware lets them be.
MAX_SIGNATURE, MAX_CERTIFICATE = 800, 5500
_DIGEST = Prehashed(SHA256())


class Scheme(models.TextChoices):
    """How an image is signed. The standard asks for RSA-PSS; many vendors' tools write the older PKCS#1 v1.5."""

    RSA_PSS = "rsa_pss", "RSA-PSS"
    ECDSA = "ecdsa", "ECDSA"
    RSA_PKCS1 = "rsa_pkcs1", gettext_lazy("RSA PKCS#1 v1.5 (not in the standard: some chargers refuse it)")


def check(sha256: str, signature: str, certificate: str, at: datetime | None = None) -> Scheme:
    """Which scheme the signature (Base64) of the image with this digest (hexadecimal) follows.

    `certificate` is PEM, the signing one first, and must be valid at `at` (None: now). Raises ValidationError in plain
    words: for a signature of something else, an unreadable one, a certificate that has expired.
    """
    signed_by = read_certificate(certificate)
    _check_dates(signed_by, at or timezone.now())
    return _scheme(signed_by, _bytes_of(signature), bytes.fromhex(sha256))


def read_certificate(pem: str) -> x509.Certificate:
    """The first certificate of a PEM text; ValidationError if there is none."""
    if len(pem) > MAX_CERTIFICATE:
        raise ValidationError({"signing_certificate": _("The certificate is longer than 5500 characters.")})
    try:
        return x509.load_pem_x509_certificates(pem.encode())[0]
    except (ValueError, IndexError, x509.InvalidVersion):
        problem = _("This is no certificate. It begins with -----BEGIN CERTIFICATE-----.")
        raise ValidationError({"signing_certificate": problem}) from None


def _check_dates(certificate: x509.Certificate, at: datetime) -> None:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if at < begins:
        problem = _("The certificate is valid from %(moment)s on: until then chargers refuse it.")
        raise ValidationError({"signing_certificate": problem % {"moment": local_text(begins)}})
    if at > ends:
        problem = _("The certificate expired on %(moment)s: chargers refuse it. Ask the vendor for a newer signature.")
        raise ValidationError({"signing_certificate": problem % {"moment": local_text(ends)}})


def _bytes_of(signature: str) -> bytes:
    if len(signature) > MAX_SIGNATURE:
        raise ValidationError({"signature": _("The signature is longer than 800 characters.")})
    try:
        return b64decode("".join(signature.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValidationError({"signature": _("The signature is not Base64 text.")}) from None


def _scheme(certificate: x509.Certificate, signature: bytes, digest: bytes) -> Scheme:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        key = None
    scheme: Scheme | None = None
    if isinstance(key, rsa.RSAPublicKey):
        scheme = _rsa_scheme(key, signature, digest)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        scheme = _ecdsa_scheme(key, signature, digest)
    else:
        problem = _("The certificate's key is neither RSA nor elliptic curve.")
        raise ValidationError({"signing_certificate": problem})
    if scheme is None:
        problem = _("The signature does not belong to this file and certificate. Check that all are of one release.")
        raise ValidationError({"signature": problem})
    return scheme


def _rsa_scheme(key: rsa.RSAPublicKey, signature: bytes, digest: bytes) -> Scheme | None:
    pss = padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=padding.PSS.AUTO)
    for scheme, scheme_padding in ((Scheme.RSA_PSS, pss), (Scheme.RSA_PKCS1, padding.PKCS1v15())):
        try:
            key.verify(signature, digest, scheme_padding, _DIGEST)
        except InvalidSignature:
            continue
        return scheme
    return None


def _ecdsa_scheme(key: ec.EllipticCurvePublicKey, signature: bytes, digest: bytes) -> Scheme | None:
    try:
        key.verify(signature, digest, ec.ECDSA(_DIGEST))
    except InvalidSignature:
        return None
    return Scheme.ECDSA
