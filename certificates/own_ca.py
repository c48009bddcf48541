"""The CA that plugcontrol makes for itself: a root with its key, encrypted, in a folder of its own."""

from __future__ import annotations

import os
import secrets
import shutil
from datetime import timedelta
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from . import x509 as certificates

log = structlog.get_logger(__name__)

FOLDER, CERTIFICATE, KEY = "ca", "certificate.pem", "key.pem"
ROOT_YEARS = 20


def password() -> bytes:
    """What the key is encrypted with: CA_KEY_PASSWORD, or a key of its own derived from SECRET_KEY."""
    if settings.CA_KEY_PASSWORD:
        return str(settings.CA_KEY_PASSWORD).encode()
    return _derived(str(settings.SECRET_KEY))


def _derived(secret_key: str) -> bytes:
    derivation = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"plugcontrol CA key")
    return derivation.derive(secret_key.encode()).hex().encode()


def make(folder: Path) -> None:
    """A new CA, there whole or not at all: of processes that start together one makes it, and all read the same."""
    key = ec.generate_private_key(ec.SECP256R1())
    draft = folder.with_name(f"{folder.name}.{os.getpid()}.{secrets.token_hex(4)}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft.mkdir(mode=0o700)
    try:
        _write(draft / KEY, _encrypted(key))
        _write(draft / CERTIFICATE, certificates.pem_of([_own_root(key)]).encode())
        _sync(draft)
        draft.rename(folder)
        _sync(folder.parent)
        log.info("CA made", folder=str(folder))
    except OSError:
        if not folder.exists():  # else another process was quicker
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def encrypt_anew(folder: Path, former: str = "") -> None:
    """Encrypt the key with the present password.

    `former` is the CA_KEY_PASSWORD or the SECRET_KEY with which it was encrypted; without it, the present SECRET_KEY.
    Raises OSError, or ValidationError where that is not it.
    """
    data = (folder / KEY).read_bytes()
    for secret in (former.encode(), _derived(former)) if former else (_derived(str(settings.SECRET_KEY)),):
        try:
            key = serialization.load_pem_private_key(data, secret)
        except (ValueError, TypeError):
            continue
        draft = folder / f"{KEY}.{os.getpid()}"
        _write(draft, _encrypted(key))
        draft.rename(folder / KEY)
        _sync(folder)
        return
    raise ValidationError(_("The CA's key is not encrypted with that."))


def _encrypted(key: PrivateKeyTypes) -> bytes:
    encryption = serialization.BestAvailableEncryption(password())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """A CA that has signed must not be lost with the power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _own_root(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    operator, now = str(settings.OPERATOR_NAME), timezone.now()
    name = x509.Name(
        [
            x509.NameAttribute(certificates.ORGANIZATION, certificates.cut(operator)),
            x509.NameAttribute(certificates.COMMON_NAME, f"{certificates.cut(operator, 50)} chargers CA"),
        ]
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365.25 * ROOT_YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(certificates.key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return builder.sign(key, hashes.SHA256())
