"""What a trusted proxy says about whoever stands behind it: address, scheme, and the certificate of a charger.

A certificate travels to the gateway as ASGI's TLS extension, wherever TLS ends: `plugcontrol.tls_door` fills it from
our own line, `Proxies` from the header that CLIENT_CERTIFICATE_HEADER names. Trust is in the immediate peer
(TRUSTED_PROXIES), so this stands outside of everything else, before X-Forwarded-For replaces that peer's address.
"""

from __future__ import annotations

import base64
import binascii
import ssl
from typing import Any, cast
from urllib.parse import unquote

from django.conf import settings
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

#: What proxies send for "no certificate".
_NONE = ("", "-", "(null)")
_PEM_BEGIN = "-----BEGIN CERTIFICATE-----"
_PEM_END = "-----END CERTIFICATE-----"


class Proxies(ProxyHeadersMiddleware):
    """uvicorn's reading of X-Forwarded-*, and a charger's certificate beside it; under any ASGI server."""

    def __init__(self, app: Any) -> None:
        super().__init__(app, trusted_hosts=settings.TRUSTED_PROXIES)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket" and settings.CLIENT_CERTIFICATE_HEADER:
            self._take_certificate(scope)
        await super().__call__(scope, receive, send)

    def _take_certificate(self, scope: dict[str, Any]) -> None:
        """Take the header away, whoever sent it, and believe it if that was a trusted proxy.

        Twice the same header means that the proxy passed the charger's own words along: then neither is believed.
        """
        name = settings.CLIENT_CERTIFICATE_HEADER.encode()
        values = [value for key, value in scope["headers"] if key == name]
        if not values:
            return
        scope["headers"] = [header for header in scope["headers"] if header[0] != name]
        peer = (scope.get("client") or ("",))[0]
        if peer not in self.trusted_hosts or len(values) > 1:
            return
        pem = read_header(values[0].decode("latin-1"))
        if pem is not None:
            scope["extensions"] = with_certificate(scope.get("extensions"), pem)


def with_certificate(extensions: Any, pem: str) -> dict[str, Any]:
    """A scope's extensions with the peer's certificate among them, as ASGI's TLS extension has it."""
    return {**(extensions or {}), "tls": {"client_cert_chain": [pem]}}


def read_header(value: str) -> str | None:
    """The first certificate (PEM) of a proxy's header: PEM, plain or URL-encoded, or DER in Base64, also as the byte
    sequence of RFC 9440; None if there is none. What is not readable comes back as it is, for the gateway to refuse.
    """
    text = unquote(value).strip()
    if text in _NONE:
        return None
    if text.startswith(_PEM_BEGIN):
        body = text.removeprefix(_PEM_BEGIN).partition(_PEM_END)[0]
    else:
        body = text.partition(",")[0].strip(":")  # some proxies pass the whole chain
    try:
        # line ends became spaces or tabs in a header
        der = base64.b64decode("".join(body.split()), validate=True)
    except (binascii.Error, ValueError):
        return text
    return ssl.DER_cert_to_PEM_cert(der)


def of_line(transport: Any) -> str | None:
    """The certificate (PEM) with which the peer of a TLS transport proved who it is, if it showed one."""
    ssl_object = transport.get_extra_info("ssl_object")
    der = None if ssl_object is None else cast("bytes | None", ssl_object.getpeercert(binary_form=True))
    return ssl.DER_cert_to_PEM_cert(der) if der else None
