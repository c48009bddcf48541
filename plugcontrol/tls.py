"""TLS without a proxy: what the server speaks, from its certificate files and the CA of chargers' certificates."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from cryptography import x509
from django.conf import settings
from django.core.exceptions import ValidationError

from certificates import authority
from certificates import x509 as certificates

#: The white paper's four of TLS 1.2, for an ECDSA and an RSA certificate each; TLS 1.3 has its own.
SUITES = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:AES128-GCM-SHA256:AES256-GCM-SHA384"


class Handshake:
    """One handshake under way: loops show its TLS object only when it has succeeded, and drop its last words."""

    def __init__(self, caller: socket.socket) -> None:
        self._caller = caller
        self._made: ssl.SSLObject | None = None
        self._outgoing: ssl.MemoryBIO | None = None

    def watch(self, made: ssl.SSLObject, outgoing: ssl.MemoryBIO) -> None:
        self._made, self._outgoing = made, outgoing

    @property
    def has_begun(self) -> bool:
        """Whether the caller has said hello in TLS."""
        return self._made is not None and self._made.shared_ciphers() is not None

    def say_why(self) -> None:
        """Send the alert that OpenSSL left: the charger can tell an expired certificate from a broken line."""
        if self._outgoing is not None and self._outgoing.pending:
            with contextlib.suppress(OSError):
                self._caller.send(self._outgoing.read())


#: That of the task that waits for it; its TLS object is made and used in the same context.
under_way: ContextVar[Handshake | None] = ContextVar("under_way", default=None)


class TlsObject(ssl.SSLObject):
    """Says why, before it fails."""

    handshake: Handshake | None = None

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError:
            if self.handshake is not None:
                self.handshake.say_why()
            raise


class TlsContext(ssl.SSLContext):
    """Tells a handshake of the objects that are made for it."""

    sslobject_class = TlsObject

    def wrap_bio(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *arguments: Any, **options: Any
    ) -> ssl.SSLObject:
        made = super().wrap_bio(incoming, outgoing, *arguments, **options)
        if (handshake := under_way.get()) is not None and isinstance(made, TlsObject):
            made.handshake = handshake
            handshake.watch(made, outgoing)
        return made


class TlsProblem(ValueError):
    """TLS cannot be spoken with these files; the text is for the person who set them."""


def is_wanted() -> bool:
    return settings.TLS_CERTIFICATE is not None


def make_context() -> ssl.SSLContext:
    """What the TLS line speaks, from the files and the CA as they are now; raises TlsProblem."""
    context = _own_side()
    _accept_certificates(context)
    return context


def problem() -> str:
    """Why the server cannot speak TLS with the files it was given, in a sentence; nothing if it can."""
    try:
        _own_side()
    except TlsProblem as trouble:
        return str(trouble)
    return ""


def _own_side() -> ssl.SSLContext:
    context = TlsContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(SUITES)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    for certificate, key, names in _pairs():
        _load(context, certificate, key, names)
    return context


def _pairs() -> Iterator[tuple[Path, Path | None, str]]:
    if settings.TLS_CERTIFICATE is not None:
        yield settings.TLS_CERTIFICATE, settings.TLS_KEY, "TLS_CERTIFICATE and TLS_KEY"
    if settings.TLS_SECOND_CERTIFICATE is not None:
        yield settings.TLS_SECOND_CERTIFICATE, settings.TLS_SECOND_KEY, "TLS_SECOND_CERTIFICATE and TLS_SECOND_KEY"


def _load(context: ssl.SSLContext, certificate: Path, key: Path | None, names: str) -> None:
    try:
        # a key may lie in the same file as its certificate
        context.load_cert_chain(certificate, key, password=_no_password)
    except _Encrypted:
        raise TlsProblem(f"{names}: the key is encrypted; the server needs one without a password.") from None
    except ssl.SSLError as error:
        reason = (error.reason or "").replace("_", " ").lower() or "not readable"
        if error.reason in ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"):
            reason = "the key does not belong to the certificate"
        raise TlsProblem(f"{names}: they cannot be used: {reason}.") from None
    except OSError as error:
        raise TlsProblem(f"{names}: they cannot be read: {error.strerror}.") from None


class _Encrypted(Exception):
    """OpenSSL asked for a password."""


def _no_password() -> str:
    raise _Encrypted


def _accept_certificates(context: ssl.SSLContext) -> None:
    """Ask for a certificate of our CA; who has none gets in without, for browsers and profile 2 come here too."""
    present = authority.current()
    if present is None:
        return
    context.load_verify_locations(cadata=present.chain_pem)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # an issuing CA may be all we know
    context.verify_mode = ssl.CERT_OPTIONAL


def fingerprint() -> tuple[object, ...]:
    """Changes when one of the files of the TLS line changes, or the CA."""
    files = (path for pair in _pairs() for path in pair[:2] if path is not None)
    present = authority.current()
    return (*map(_stat, files), present.chain_pem if present is not None else "")


def _stat(path: Path) -> tuple[int, int, int]:
    try:
        stat = path.stat()
    except OSError:
        return 0, 0, 0
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def own_certificates() -> Iterator[tuple[Path, x509.Certificate]]:
    """The server's certificates with their files; one that only OpenSSL can read is left out."""
    for path, _key, _names in _pairs():
        with contextlib.suppress(ValidationError):
            yield path, certificates.read_chain(path.read_bytes().decode("utf-8", "replace"))[0]
