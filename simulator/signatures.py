"""Whether a firmware is signed by whom its certificate names (white paper L01: SHA-256 with RSA or ECDSA)."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256


def is_signed(digest: bytes, signature: bytes, certificate: str) -> bool:
    """`digest` is the SHA-256 of the whole image, `certificate` PEM."""
    hashed = Prehashed(SHA256())
    try:
        key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, digest, ec.ECDSA(hashed))
        elif isinstance(key, rsa.RSAPublicKey):
            pss = padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=padding.PSS.AUTO)
            key.verify(signature, digest, pss, hashed)
        else:
            return False
    except (InvalidSignature, ValueError):
        return False
    return True
