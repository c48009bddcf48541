"""No test, and nothing that runs in its process, reaches further than this machine, its database and its Redis."""

from __future__ import annotations

import ipaddress
import os
import sys
from typing import Any
from urllib.parse import urlsplit

#: Where somebody tried to go, since the last look.
attempts: list[str] = []
_configured = {urlsplit(os.environ.get(name, "")).hostname for name in ("DATABASE_URL", "REDIS_URL")}


def _is_ours(host: str) -> bool:
    if host in _configured or host in ("localhost", ""):
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto"):
        target = arguments[1]
        if isinstance(target, tuple) and not _is_ours(str(target[0])):
            attempts.append(f"{target[0]}:{target[1]}")
            raise PermissionError(f"a test may not connect to {target[0]}")


def watch() -> None:
    """From now on and for as long as the process lives: audit hooks cannot be taken away."""
    sys.addaudithook(_hear)
