"""The CA that signs chargers' certificates: a small one of our own, made on first use, or one from outside.

Its key lies encrypted in DATA_DIR/ca, or in the file CA_KEY names. A certificate without a key is a CA elsewhere: what
it signed is let in, and requests are exported. Nothing here ends the server: `problem()` says in a sentence what is
wrong, to the doctor and to the page.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from . import own_ca
from . import x509 as certificates

#: Clocks of chargers, and of those who check, may be behind ours.
BACKDATED = timedelta(hours=1)
SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Authority:
    """A CA: `chain` is its own certificate first and then those above it; without a key it signs elsewhere."""

    chain: tuple[x509.Certificate, ...]
    key: SigningKey | None = None

    @property
    def certificate(self) -> x509.Certificate:
        return self.chain[0]

    @property
    def can_sign(self) -> bool:
        return self.key is not None

    @cached_property
    def chain_pem(self) -> str:
        """What certificates of chargers are checked against."""
        return certificates.pem_of(self.chain)

    @cached_property
    def root_pem(self) -> str:
        return certificates.pem_of(self.chain[-1:])

    @property
    def below_root(self) -> tuple[x509.Certificate, ...]:
        """What a charger gets behind its own certificate: everything but a root (white paper, CertificateSigned)."""
        return tuple(one for one in self.chain if not certificates.is_self_signed(one))

    def issue(self, request: x509.CertificateSigningRequest, subject: x509.Name, *, at: datetime) -> x509.Certificate:
        """A certificate for the key of a request, for TLS clients only; raises ValueError where there is no key."""
        if self.key is None:
            raise ValueError("this CA signs elsewhere")
        until = min(at + timedelta(days=settings.CERTIFICATE_DAYS), self.certificate.not_valid_after_utc)
        issuer_key = self.certificate.public_key()
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.certificate.subject)
            .public_key(request.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(max(at - BACKDATED, self.certificate.not_valid_before_utc))
            .not_valid_after(until)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(certificates.key_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(request.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)  # type: ignore[arg-type]  # its key is ours: EC or RSA
        )
        return builder.sign(self.key, hashes.SHA256())


def current() -> Authority | None:
    """The CA, made now if there is none and none comes from outside; None if there is no usable one."""
    return _look()[0]


def problem() -> str:
    """What is wrong with the CA, in a sentence for the person who runs this server; nothing if all is well."""
    trouble = _look()[1]
    return "" if trouble is None else " ".join(trouble.messages)


#: The trouble is put into words where it is read, in the language of whoever reads it.
_Found = tuple[Authority | None, ValidationError | None]
_lock = threading.Lock()
_known: tuple[object, _Found] | None = None


def _look() -> _Found:
    """Read once, and again when the settings or the files are others, or as long as there is no CA."""
    global _known
    with _lock:
        state = _state()  # before reading: files that change meanwhile are read again
        if _known is None or _known[0] != state:
            found = _find()
            _known = (state, found) if found[0] is not None else None
            return found
        return _known[1]


def _state() -> object:
    """What the CA depends on; a changed file is another one."""
    paths = _paths()
    stamps = [_stamp(path) for path in paths if path is not None]
    return paths, stamps, settings.CA_KEY_PASSWORD, settings.SECRET_KEY


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        facts = path.stat()
    except OSError:
        return ()
    return facts.st_mtime_ns, facts.st_ino, facts.st_size


def _paths() -> tuple[Path | None, Path | None]:
    if settings.CA_CERTIFICATE or settings.CA_KEY:
        return settings.CA_CERTIFICATE, settings.CA_KEY
    folder = settings.DATA_DIR / own_ca.FOLDER
    return folder / own_ca.CERTIFICATE, folder / own_ca.KEY


def _find() -> _Found:
    certificate_path, key_path = _paths()
    if certificate_path is None:
        return None, ValidationError(
            _("CA_KEY is set, but CA_CERTIFICATE is not: name the certificate that belongs to the key.")
        )
    try:
        if not settings.CA_CERTIFICATE and not certificate_path.parent.exists():
            own_ca.make(certificate_path.parent)
        chain = _read_chain(certificate_path)
    except (OSError, ValidationError) as error:
        about = _("The CA's certificate %(path)s cannot be used.")
        reason = error if isinstance(error, ValidationError) else ValidationError(f"{error.strerror or error}.")
        return None, ValidationError([ValidationError(about, params={"path": certificate_path}), reason])
    if key_path is None:
        return Authority(chain), None
    try:
        return Authority(chain, _read_key(key_path, chain[0])), None
    except (OSError, ValidationError) as error:
        about = _("The CA's key %(path)s cannot be used, so nothing can be signed here.")
        reason = error if isinstance(error, ValidationError) else ValidationError(f"{error.strerror or error}.")
        return Authority(chain), ValidationError([ValidationError(about, params={"path": key_path}), reason])


def _read_chain(path: Path) -> tuple[x509.Certificate, ...]:
    """Raises OSError or ValidationError."""
    chain = certificates.read_chain(path.read_bytes().decode("utf-8", "replace"))
    if not certificates.is_ca(chain[0]):
        raise ValidationError(_("Its first certificate is not that of a CA."))
    if not certificates.is_strong_key(chain[0].public_key()):
        raise ValidationError(_("Its key is too weak: it takes RSA from 2048 bits or an elliptic curve from 224."))
    if not certificates.is_valid_at(chain[0], timezone.now()):
        raise ValidationError(_("It is not valid now: look at its dates and at this machine's clock."))
    if not all(certificates.is_issued_by(lower, upper) for lower, upper in pairwise(chain)):
        raise ValidationError(_("Its certificates do not sign one another: the CA's own comes first, the root last."))
    return tuple(chain)


def _read_key(path: Path, certificate: x509.Certificate) -> SigningKey:
    """Raises OSError or ValidationError."""
    data = path.read_bytes()
    is_encrypted = b"ENCRYPTED" in data
    try:
        key = serialization.load_pem_private_key(data, own_ca.password() if is_encrypted else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        if not is_encrypted:
            raise ValidationError(_("It is no readable key in PEM form.")) from None
        if settings.CA_KEY_PASSWORD:
            raise ValidationError(_("CA_KEY_PASSWORD is not its password.")) from None
        raise ValidationError(
            _(
                "It is encrypted with another password: it was made with another SECRET_KEY, or CA_KEY_PASSWORD is "
                "missing."
            )
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ValidationError(_("It is neither an RSA nor an elliptic curve key."))
    if key.public_key() != certificate.public_key():
        raise ValidationError(_("It does not belong to the CA's certificate."))
    return key
