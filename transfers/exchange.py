"""One HTTP request and its answer, as an ASGI server passes them; nothing here knows what is transferred."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any, ParamSpec, TypeVar

from stations.database_places import places

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
P = ParamSpec("P")
T = TypeVar("T")

#: A station that sends no byte for so long is gone.
STALLED_S = 60.0
#: One that takes none. The kernel says that it takes some only when a third of its own buffer, up to some megabytes, is
#: free again: with a modem's 3 kB/s that lasts minutes.
UNTAKEN_S = 300.0
#: Who is refused while it still sends hears us only after it has been listened to, so much and so long.
DRAINED_BYTES = 1024 * 1024
DRAINED_S = 2.0

#: Disks and databases make these wait, never the event loop of the chargers; nor does one make the other wait.
_threads = ThreadPoolExecutor(8, thread_name_prefix="transfers")
_askers = ThreadPoolExecutor(4, thread_name_prefix="transfers-database")


class Interrupted(Exception):
    """The station left in the middle, or said nothing for STALLED_S."""


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return await asyncio.get_running_loop().run_in_executor(_threads, lambda: work(*args, **kwargs))


async def ask_database(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """As `in_thread`, with a place at the database, however long others keep it: what was transferred is noted."""

    def run() -> T:
        with places.taken(patiently=True):
            return work(*args, **kwargs)

    return await asyncio.get_running_loop().run_in_executor(_askers, run)


class Exchange:
    """`is_begun` once an answer has begun: there can be no other."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.scheme: str = scope.get("scheme", "http")
        self.address: str = (scope.get("client") or ("", 0))[0]
        self._headers: list[tuple[bytes, bytes]] = list(scope["headers"])
        self._receive, self._send = receive, send
        self.is_begun = False
        self._is_read = False

    def header(self, name: str) -> str:
        """The header's last value, empty if it is not there."""
        wanted = name.lower().encode()
        return next((value.decode("latin-1") for key, value in reversed(self._headers) if key.lower() == wanted), "")

    @property
    def announced_bytes(self) -> int | None:
        """Content-Length; None for a chunked body, or for what is no number."""
        length = self.header("content-length")
        return int(length[:19]) if length.isascii() and length.isdigit() else None

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises Interrupted."""
        while not self._is_read:
            try:
                async with asyncio.timeout(STALLED_S):
                    message = await self._receive()
            except TimeoutError:
                message = {"type": "http.disconnect"}
            self._is_read = not message.get("more_body", False)
            if message["type"] == "http.disconnect":
                raise Interrupted
            if message.get("body"):
                yield message["body"]

    async def left(self) -> None:
        """Return when the station has closed the connection."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def begin(self, status: int, headers: Mapping[str, str]) -> None:
        always = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
        self.is_begun = True
        encoded = [(name.encode(), value.encode("latin-1")) for name, value in {**always, **headers}.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})

    async def body(self, piece: bytes, *, more: bool) -> None:
        """Raises Interrupted for a station that does not take it."""
        try:
            async with asyncio.timeout(UNTAKEN_S):
                await self._send({"type": "http.response.body", "body": piece, "more_body": more})
        except (TimeoutError, OSError):
            raise Interrupted from None

    async def say(self, status: HTTPStatus, text: str, **headers: str) -> None:
        """The whole answer: a sentence. What is still coming is heard first, within limits."""
        if not self._is_read:
            await self._drain()
        plain = {"content-type": "text/plain; charset=utf-8", "content-length": str(len(text.encode()) + 1)}
        closing = {} if self._is_read else {"connection": "close"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        await self.begin(status, plain | closing | named)
        await self.body(b"" if self.method == "HEAD" else f"{text}\n".encode(), more=False)

    async def _drain(self) -> None:
        if self.header("expect"):  # it waits for our word before it sends
            return
        heard = 0
        with contextlib.suppress(TimeoutError, Interrupted):
            async with asyncio.timeout(DRAINED_S):
                async for piece in self.pieces():
                    heard += len(piece)
                    if heard > DRAINED_BYTES:
                        return
