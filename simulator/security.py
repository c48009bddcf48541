"""How a simulated station protects its line and proves who it is: security profiles 0 to 3 (white paper A00, A05)."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Sequence
from urllib.parse import urlsplit

from .certificates import Certificates
from .configuration import Configuration

ROOT_USE = "CentralSystemRootCertificate"


class Security:
    """What the station's profile means for its next handshake.

    It trusts `trusted_roots` (PEM) and the roots that were installed; without any, what the machine trusts. `port` is
    where the central system speaks TLS, under the same host; None: the port stays.
    """

    def __init__(
        self,
        configuration: Configuration,
        certificates: Certificates,
        *,
        trusted_roots: Sequence[str] = (),
        port: int | None = None,
    ) -> None:
        self._configuration = configuration
        self._certificates = certificates
        self._trusted_roots = tuple(trusted_roots)
        self._port = port

    @property
    def profile(self) -> int:
        return self._configuration.number("SecurityProfile")

    @property
    def has_root(self) -> bool:
        return bool(self._roots)

    @property
    def sends_password(self) -> bool:
        """From profile 3 on the certificate alone proves who the station is."""
        return self.profile < 3

    def address(self, former: str) -> str:
        """Where to call at the present profile, given where the station has called so far."""
        parts = urlsplit(former)
        if self.profile < 2 or parts.scheme == "wss":
            return former
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        port = self._port or parts.port
        return parts._replace(scheme="wss", netloc=f"{host}:{port}" if port else f"{host}").geturl()

    def context(self) -> ssl.SSLContext:
        """For a handshake now; raises OSError where a certificate is not good enough to be used."""
        context = ssl.create_default_context(cadata="\n".join(self._roots) or None)
        own, key = self._certificates.own, self._certificates.key_pem
        if self.profile >= 3 and own is not None and key is not None:
            _show(context, own + key)
        return context

    @property
    def _roots(self) -> list[str]:
        return [*self._trusted_roots, *self._certificates.roots(ROOT_USE)]


def _show(context: ssl.SSLContext, pem: str) -> None:
    """OpenSSL takes certificates and keys from files only."""
    handle, path = tempfile.mkstemp()  # nobody else may read it
    try:
        with os.fdopen(handle, "w") as file:
            file.write(pem)
        context.load_cert_chain(path)
    finally:
        os.unlink(path)
