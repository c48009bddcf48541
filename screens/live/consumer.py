"""The socket of an open page. A page says which topics it shows; everything else comes from the hub.

No channel of its own: the process's hub hears for all. A page that breaks the rules is closed with a code of its own
and a reason; a fault of ours never looks like one of the page's.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
import structlog
from django.db import InterfaceError, OperationalError

from .browser import Browser
from .hub import LOGGED_OUT, Hub
from .viewer import Viewer, session_key_of

log = structlog.get_logger(__name__)

Send = Callable[[dict[str, Any]], Awaitable[None]]

MAX_MESSAGE = 16 * 1024
MAX_TOPICS = 200
#: Messages a page may send at once, and how many come back each second.
BURST, PER_SECOND = 20, 0.5
#: Open pages of one person in one process.
MAX_PAGES = 40
#: Sockets of one address whose person nobody has looked up yet.
MAX_STRANGERS = 200
BAD_MESSAGE, TOO_MANY, DATABASE_AWAY = 4400, 4429, 4503

_pages: Counter[int] = Counter()
_strangers: Counter[str] = Counter()


class Subscribe(msgspec.Struct, forbid_unknown_fields=True):
    """The one thing a page says: what it shows from now on, and (Unix time) when it was made."""

    subscribe: Annotated[list[Annotated[str, msgspec.Meta(max_length=64)]], msgspec.Meta(max_length=MAX_TOPICS)]
    since: float | None = None


class Refused(Exception):
    """The line ends with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Bucket:
    """How much a page may say: `BURST` at once, `PER_SECOND` in the long run. `now` is monotonic seconds."""

    def __init__(self, now: float) -> None:
        self._left, self._at = float(BURST), now

    def take(self, now: float) -> bool:
        self._left = min(BURST, self._left + (now - self._at) * PER_SECOND)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


async def live(scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Send) -> None:
    """The ASGI application at /ws/ui/."""
    if (await receive())["type"] != "websocket.connect":
        return
    await send({"type": "websocket.accept"})  # first: only an open line can say why it is closed
    try:
        await _Page(scope, receive, send).serve()
    except Refused as refused:
        await _close(send, refused.code, refused.reason)
    except (OperationalError, InterfaceError):
        await _close(send, DATABASE_AWAY, "database away")


class _Page:
    def __init__(self, scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Send) -> None:
        self._receive, self._base_send = receive, send
        self._session_key = session_key_of(scope["headers"])
        self._address = str((scope.get("client") or ("",))[0])
        self._closing: asyncio.Task[None] | None = None
        self._bucket = Bucket(time.monotonic())

    async def serve(self) -> None:
        """Until the page leaves; raises Refused."""
        hub = Hub.current()
        viewer = await self._viewer(hub)
        if _pages[viewer.user_pk] >= MAX_PAGES:
            raise Refused(TOO_MANY, "too many open pages")
        _pages[viewer.user_pk] += 1
        browser = Browser(self._session_key, viewer, self._send, self._close)
        hub.enter(browser)
        try:
            while (event := await self._receive())["type"] == "websocket.receive" and self._closing is None:
                message = self._read(event)
                await hub.subscribe(browser, message.subscribe, message.since)
        finally:
            hub.leave(browser)
            _pages[viewer.user_pk] -= 1

    async def _viewer(self, hub: Hub) -> Viewer:
        if not self._session_key:
            raise Refused(LOGGED_OUT, "logged out")
        if _strangers[self._address] >= MAX_STRANGERS:
            raise Refused(TOO_MANY, "too many open pages")
        _strangers[self._address] += 1
        try:
            viewer = await hub.viewer(self._session_key)
        finally:
            _strangers[self._address] -= 1
            if not _strangers[self._address]:
                del _strangers[self._address]
        if viewer is None:
            raise Refused(LOGGED_OUT, "logged out")
        return viewer

    def _read(self, event: dict[str, Any]) -> Subscribe:
        text = event.get("text")
        if text is None or len(text) > MAX_MESSAGE:
            raise Refused(BAD_MESSAGE, "not a message of ours")
        if not self._bucket.take(time.monotonic()):
            raise Refused(TOO_MANY, "too many messages")
        try:
            return msgspec.json.decode(text, type=Subscribe)
        except (msgspec.DecodeError, UnicodeEncodeError) as error:
            raise Refused(BAD_MESSAGE, str(error)) from None

    async def _send(self, text: str) -> None:
        try:
            await self._base_send({"type": "websocket.send", "text": text})
        except (OSError, RuntimeError) as error:  # the servers' ways of saying "gone"
            log.debug("page is gone", error=str(error) or type(error).__name__)

    def _close(self, code: int, reason: str) -> None:
        """From the hub: the page hears why, and `serve` ends with the line."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(_close(self._base_send, code, reason))


async def _close(send: Send, code: int, reason: str) -> None:
    try:
        await send({"type": "websocket.close", "code": code, "reason": reason[:100]})
    except (OSError, RuntimeError) as error:
        log.debug("page is gone", error=str(error) or type(error).__name__)
