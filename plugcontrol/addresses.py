"""The address a person types into a charger."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

from .configuration import lan_addresses

PATH = "/ocpp/"


def charger_address(request: HttpRequest | None = None) -> str:
    """`ws://<host>/ocpp/` from PUBLIC_URL, else from what the browser used, but never this machine's own loopback."""
    if settings.PUBLIC_URL:
        parts = urlsplit(settings.PUBLIC_URL)
        return f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}{PATH}"
    if request is None:
        return f"ws://{_own_host()}:{settings.PORT}{PATH}"
    parts = urlsplit(f"//{request.get_host()}")
    host = _lan_host() if is_loopback(parts.hostname or "") else parts.netloc.rpartition("@")[2]
    if is_loopback(parts.hostname or "") and parts.port:
        host = f"{host}:{parts.port}"
    return f"{'wss' if request.is_secure() else 'ws'}://{host}{PATH}"


def secure_charger_address() -> str:
    """`wss://<host>:<TLS_PORT>/ocpp/` of the line on which the server itself speaks TLS."""
    host = urlsplit(settings.PUBLIC_URL).hostname or ""
    own = _own_host() if not host else f"[{host}]" if ":" in host else host
    return f"wss://{own}:{settings.TLS_PORT}{PATH}"


def page_address() -> str:
    """`http://<host>:<port>` of the pages, without a slash at the end."""
    return settings.PUBLIC_URL or f"http://{_own_host()}:{settings.PORT}"


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host in ("localhost", "") or host.endswith(".localhost")


def _own_host() -> str:
    """HOST where it names one address, else this machine in its network."""
    if settings.HOST in ("0.0.0.0", "::", ""):  # noqa: S104 - compared, not bound
        return _lan_host()
    return f"[{settings.HOST}]" if ":" in settings.HOST else str(settings.HOST)


def _lan_host() -> str:
    """This machine as others in its network see it; without any network its own name is the best guess."""
    addresses = lan_addresses()
    return addresses[0] if addresses else "localhost"
