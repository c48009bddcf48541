"""A connection until it has said what it wants, and as long as it speaks HTTP: nobody may keep it open for nothing.

uvicorn waits without end for the rest of a request's head, for a body that does not come, and for a caller who does not
read. Whoever opens thousands of connections and says nothing would have all of our file descriptors.
"""

from __future__ import annotations

import asyncio
import functools
from collections import Counter
from typing import Any

import h11
import structlog
from django.conf import settings
from uvicorn.protocols.http.h11_impl import H11Protocol
from websockets.http11 import MAX_LINE_LENGTH, MAX_NUM_HEADERS

from .client_certificates import Proxies
from .limits import source_of

log = structlog.get_logger(__name__)

#: From the connection, or from the first byte of its next request, to the end of the request's head.
HEAD_TIMEOUT_S = 10.0
#: Longest pause in a body, and longest time in which a caller reads nothing of what it asked for.
STALL_TIMEOUT_S = 60.0

_TOO_MANY = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 10\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Callers:
    """Connections of each address that have not said yet what they want; this process's.

    A site's chargers share an address, and after an outage they come all at once: the limit is far above what a fleet
    needs, and a connection counts only until its first request's head is read.
    """

    def __init__(self) -> None:
        self._waiting: Counter[str] = Counter()

    def enter(self, address: str) -> bool:
        """Count one more; False if there are too many. Trusted proxies speak for many, so they have no limit."""
        source = source_of(address)
        if self._waiting[source] >= settings.MAX_WAITING_CONNECTIONS and not _is_proxy(address):
            return False
        self._waiting[source] += 1
        return True

    def leave(self, address: str) -> None:
        source = source_of(address)
        self._waiting[source] -= 1
        if self._waiting[source] <= 0:
            del self._waiting[source]


callers = Callers()


def _is_proxy(address: str) -> bool:
    proxies = _proxies().trusted_hosts
    return not proxies.always_trust and address in proxies


@functools.cache
def _proxies() -> Proxies:
    return Proxies(None)


class BoundedHttp(H11Protocol):
    """uvicorn's HTTP, with an end to every waiting."""

    _timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None
    #: Whom `callers` counts for this connection; None as soon as it has said what it wants.
    _counted: str | None = None
    _has_spoken = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        if not callers.enter(address):
            log.info("connection refused: too many of this address say nothing", address=address)
            self._end_with(_TOO_MANY)
            return
        self._counted = address
        self._await_head()

    def data_received(self, data: bytes) -> None:
        self._has_spoken = True
        known = self.scope
        super().data_received(data)
        if self.scope is not known:
            self._head_was_read()
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            self._stop_timer()
        elif self.conn.their_state is h11.SEND_BODY:
            self._await_more()
        elif self.conn.their_state is not h11.IDLE:
            self._stop_timer()
        elif self._timer is None:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        if self._write_timer is not None:
            self._write_timer.cancel()
        self._head_was_read()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        # the WebSocket reads the head once more, and uvicorn is not prepared for one that it refuses
        lines = (len(name) + len(value) + 4 for name, value in self.headers)
        if len(self.headers) > MAX_NUM_HEADERS or max(len(event.target) + 15, *lines) > MAX_LINE_LENGTH:
            self._end_with(_TOO_LARGE)
            return
        super().handle_websocket_upgrade(event)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(STALL_TIMEOUT_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        if self.transport.get_write_buffer_size():
            self.transport.abort()  # what it holds is not read

    # The clock

    def _await_head(self) -> None:
        self._timer = self.loop.call_later(HEAD_TIMEOUT_S, self._give_up)

    def _await_more(self) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(STALL_TIMEOUT_S, self._give_up)

    def _give_up(self) -> None:
        self._timer = None
        if self.flow.read_paused:  # it is us who do not read
            self._await_more()
        elif self.conn.their_state is h11.SEND_BODY:
            self.transport.abort()
        elif self._has_spoken:
            self._end_with(_TOO_SLOW)
        else:
            self.transport.close()  # a browser's connection for later, a health check, a scanner

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _head_was_read(self) -> None:
        if self._counted is not None:
            callers.leave(self._counted)
            self._counted = None

    def _end_with(self, answer: bytes) -> None:
        self._stop_timer()
        self.transport.write(answer)
        self.transport.close()
