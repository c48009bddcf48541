"""Many small charge points that answer what they are told, remember on which socket, and move from server to server."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection


@dataclass(frozen=True)
class Order:
    """A CALL as it arrived."""

    unique_id: str
    payload: dict[str, Any]
    socket: int


@dataclass
class Station:
    """`answer` makes the payload of a CALLRESULT, None is silence; each answer takes `delay_s`."""

    identity: str
    delay_s: float = 0.0
    answer: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda _payload: {"status": "Accepted"}
    orders: list[Order] = field(default_factory=list)
    #: When each socket was open, by the clock of the whole machine.
    opened_at: list[float] = field(default_factory=list)
    _sockets: list[ClientConnection] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def connect(self, address: str) -> None:
        """A new socket; an older one is left open, as a station does that has lost it without noticing."""
        socket = await websockets.connect(
            f"{address}/{self.identity}", subprotocols=[websockets.Subprotocol("ocpp1.6")], open_timeout=60
        )
        self.opened_at.append(time.time())
        self._sockets.append(socket)
        self._tasks.append(asyncio.create_task(self._obey(socket, len(self._sockets) - 1)))

    def drop(self) -> None:
        """The line is cut: no close frame, no goodbye."""
        self._sockets[-1].transport.abort()

    async def leave(self) -> None:
        for socket in self._sockets:
            socket.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _obey(self, socket: ClientConnection, number: int) -> None:
        try:
            async for text in socket:
                frame = json.loads(text)
                if frame[0] != 2:
                    continue
                self.orders.append(Order(frame[1], frame[3], number))
                answer = self.answer(frame[3])
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                if answer is not None:
                    await socket.send(json.dumps([3, frame[1], answer]))
        except websockets.ConnectionClosed:
            return
