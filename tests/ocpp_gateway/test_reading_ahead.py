"""When the server stops reading a station's socket, and when it begins again (plugcontrol/tls_door.py)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from plugcontrol.tls_door import READ_AHEAD, CertifiedWebSocket
from tests.security.wire import frame, upgrade


class Transport(asyncio.Transport):
    """Notes what is asked of it."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.asked: list[str] = []

    def write(self, data: Any) -> None: ...

    def pause_reading(self) -> None:
        self.asked.append("pause")

    def resume_reading(self) -> None:
        self.asked.append("resume")

    def is_closing(self) -> bool:
        return False

    def close(self) -> None: ...


class Line:
    """A connection that has been accepted; the application takes a message when `take` says so."""

    def __init__(self) -> None:
        self.is_open, self.wanted, self.taken = asyncio.Event(), asyncio.Semaphore(0), asyncio.Queue[str]()
        config = uvicorn.Config(self._application, interface="asgi3", lifespan="off", ws_ping_interval=None)
        config.load()
        self.transport = Transport()
        self.protocol = CertifiedWebSocket(config, ServerState(), {})
        self.protocol.connection_made(self.transport)

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        self.is_open.set()
        while True:
            await self.wanted.acquire()
            event = await receive()
            if event["type"] == "websocket.disconnect":
                return
            self.taken.put_nowait(event["text"])

    async def take(self) -> str:
        self.wanted.release()
        return await asyncio.wait_for(self.taken.get(), 5)


@pytest.fixture
async def line():
    line = Line()
    line.protocol.data_received(upgrade())
    await asyncio.wait_for(line.is_open.wait(), 5)
    yield line
    line.protocol.connection_lost(None)
    line.wanted.release()


async def test_a_message_that_is_taken_costs_no_pause(line):
    for number in range(3):
        line.protocol.data_received(frame(f"[2,{number}]"))
        assert await line.take() == f"[2,{number}]"
    assert line.transport.asked == []


async def test_messages_that_wait_stop_the_reading(line):
    for number in range(READ_AHEAD + 3):  # what came with one read is there and cannot be sent back
        line.protocol.data_received(frame(f"[2,{number}]"))
    assert line.transport.asked == ["pause"]
    for number in range(READ_AHEAD + 3):
        assert line.transport.asked == ["pause"]
        assert await line.take() == f"[2,{number}]"
    assert line.transport.asked == ["pause", "resume"]


async def test_who_does_not_read_us_is_not_read_though_all_is_taken(line):
    for number in range(READ_AHEAD + 1):
        line.protocol.data_received(frame(f"[2,{number}]"))
    line.protocol.pause_writing()
    for number in range(READ_AHEAD + 1):
        assert await line.take() == f"[2,{number}]"
    assert line.transport.asked == ["pause"]
    line.protocol.resume_writing()
    assert line.transport.asked == ["pause", "resume"]


async def test_after_our_close_frame_the_peers_own_is_read(line):
    line.protocol.data_received(frame("[2,0]"))
    line.protocol.queue.put_nowait({"type": "websocket.disconnect", "code": 1000})
    line.protocol.close_sent = True
    line.protocol.data_received(frame("[2,1]"))
    assert line.transport.asked == []
