"""Sliding-window counters of handshakes and tokens that failed. They count failures only: who logs in is free."""

from __future__ import annotations

import functools
import ipaddress
import threading
import time
from collections import deque

WINDOW_S = 60.0
_MAX_KEYS = 20_000


@functools.lru_cache(4096)
def source_of(address: str) -> str:
    """Whom to count for an address: itself, but of IPv6 its /64, for whoever has one of those has all of them."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv4Address):
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network((known, 64), strict=False))


class FailureLimit:
    """At most `most` distinct failures per key within a minute; kept per process, in memory."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._failures: dict[str, deque[float]] = {}
        self._counting = threading.Lock()  # FTP has a thread for itself

    def count(self, key: str) -> None:
        with self._counting:
            if len(self._failures) >= _MAX_KEYS:
                self._forget_old()
            failures = self._failures.setdefault(key, deque(maxlen=self._most))
            failures.append(time.monotonic())

    def is_reached(self, key: str) -> bool:
        failures = self._failures.get(key)
        if failures is None or len(failures) < self._most:
            return False
        return failures[0] > time.monotonic() - WINDOW_S

    def _forget_old(self) -> None:
        since = time.monotonic() - WINDOW_S
        self._failures = {key: failures for key, failures in self._failures.items() if failures[-1] > since}
        if len(self._failures) >= _MAX_KEYS:  # a flood from everywhere: forgetting beats growing
            self._failures.clear()
