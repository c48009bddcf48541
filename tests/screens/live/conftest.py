"""Open pages, without a browser around them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.contrib.auth.models import User

from ocpp_gateway.registry import Gateway
from plugcontrol.asgi import application
from screens.live.hub import Hub

from ...people import browser_of

PATIENCE_S = 10


class OpenPage:
    """The socket of a page that somebody has open."""

    def __init__(self, session_key: str, origin: str | None = "http://testserver") -> None:
        self.session_key = session_key
        headers = [(b"host", b"testserver"), (b"cookie", f"theme=dark; sessionid={session_key}".encode())]
        if origin is not None:
            headers.append((b"origin", origin.encode()))
        scope = {"type": "websocket", "path": "/ws/ui/", "raw_path": b"/ws/ui/", "query_string": b""}
        self._socket = ApplicationCommunicator(application, {**scope, "headers": headers, "subprotocols": []})

    async def open(self) -> str:
        await self._socket.send_input({"type": "websocket.connect"})
        return str((await self._socket.receive_output(PATIENCE_S))["type"])

    async def say(self, text: str | None = None, **event: Any) -> None:
        await self._socket.send_input({"type": "websocket.receive", "text": text, **event})

    async def subscribe(self, *topics: str, since: float | None = None) -> dict[str, Any]:
        """The snapshot."""
        await self.say(json.dumps({"subscribe": topics, "since": since}))
        while not (message := await self.hears()).get("snapshot"):
            pass
        return message

    async def hears(self, within_s: float = PATIENCE_S) -> dict[str, Any]:
        event = await self._socket.receive_output(within_s)
        assert event["type"] == "websocket.send", event
        return dict(json.loads(event["text"]))

    async def hears_about(self, kind: str, number: int, **expected: Any) -> dict[str, Any]:
        """The first patch of this connector, station … that says what is expected."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                patch = patch_of(await self.hears(), kind, number)
                if patch is not None and patch.items() >= expected.items():
                    return patch

    async def hears_change(self, topic: str) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            while topic not in (message := await self.hears())["changed"]:
                pass
        return message

    async def hears_nothing(self, for_s: float = 0.05) -> bool:
        return bool(await self._socket.receive_nothing(for_s))

    async def is_closed(self) -> tuple[int, str]:
        """Code and reason of the end that comes now."""
        while (event := await self._socket.receive_output(PATIENCE_S))["type"] == "websocket.send":
            pass
        return event["code"], event["reason"]

    async def leave(self) -> None:
        await self._socket.send_input({"type": "websocket.disconnect", "code": 1001})
        await self._socket.wait(PATIENCE_S)


def patch_of(message: dict[str, Any], kind: str, number: int) -> dict[str, Any] | None:
    return next((patch for patch in message["patches"] if (patch["t"], patch["id"]) == (kind, number)), None)


@pytest.fixture
async def hub(gateway: Gateway) -> AsyncIterator[Hub]:
    """This test's hub; it and the gateway leave nothing behind."""
    hub = Hub.current()
    yield hub
    await hub.stop()


@pytest.fixture
async def open_page(hub: Hub) -> AsyncIterator[Callable[[User], Awaitable[OpenPage]]]:
    """`page = await open_page(user)`: somebody looks at a page; all of them leave when the test ends."""
    opened: list[OpenPage] = []

    async def open_page(user: User) -> OpenPage:
        page = OpenPage((await sync_to_async(browser_of)(user)).cookies["sessionid"].value)
        assert await page.open() == "websocket.accept"
        opened.append(page)
        return page

    yield open_page
    for page in opened:
        await page.leave()
