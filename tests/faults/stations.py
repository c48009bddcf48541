"""Charge points whose every step the scenario decides: which socket, which message, which answer, and when."""

from __future__ import annotations

import asyncio
import inspect
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from bench import messages, wire

ANSWER_S = 60


class LineLost(Exception):
    """The socket ended before the answer came."""


@dataclass(frozen=True)
class Order:
    """A CALL of the central system as it arrived on `line`; `at` is the monotonic clock's seconds."""

    unique_id: str
    action: str
    payload: dict[str, Any]
    line: Line
    at: float


#: The payload of a CALLRESULT; None is silence, or an answer that the callback gives by itself.
Answer = dict[str, Any] | None
Obey = Callable[[Order], Answer | Awaitable[Answer]]


def accept(_order: Order) -> Answer:
    return {"status": "Accepted"}


class Line:
    """One socket of a station; the station's newer one does not end it."""

    def __init__(self, station: Station) -> None:
        self.station, self.ended = station, asyncio.Event()
        self.opened_at = time.monotonic()
        self.wire: wire.Line
        self._last_id = 0
        self._answers: dict[str, asyncio.Future[list[Any]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, url: str) -> None:
        self.wire = await wire.connect(url, self.station.identity, self._on_text, self._on_end, ANSWER_S)
        self.opened_at = time.monotonic()

    @property
    def is_open(self) -> bool:
        return not self.ended.is_set()

    @property
    def close_code(self) -> int | None:
        return self.wire.close_code

    def begin(self, action: str, payload: dict[str, Any], unique_id: str = "") -> asyncio.Future[list[Any]]:
        """Send a CALL; the future is the whole frame that answers it, or LineLost."""
        self._last_id += 1
        unique_id = unique_id or f"m{self._last_id}"
        answer = self._answers[unique_id] = asyncio.get_running_loop().create_future()
        self.wire.send(messages.call(unique_id, action, payload))
        return answer

    async def call(self, action: str, payload: dict[str, Any] | None = None, unique_id: str = "") -> dict[str, Any]:
        """Send a CALL; the payload of its CALLRESULT. A CALLERROR is an AssertionError."""
        async with asyncio.timeout(ANSWER_S):
            frame = await self.begin(action, payload or {}, unique_id)
        assert frame[0] == 3, frame
        answer: dict[str, Any] = frame[2]
        return answer

    def answer(self, unique_id: str, payload: dict[str, Any]) -> None:
        self.send([3, unique_id, payload])

    def send(self, frame: list[Any]) -> None:
        """Anything at all, unless the socket is gone."""
        if self.is_open:
            self.wire.send(json.dumps(frame).encode())

    def cut(self) -> None:
        """The line is cut: no close frame, no goodbye."""
        self.wire.transport.abort()

    def go_silent(self) -> None:
        """As behind a dead radio link: TCP stays, but nothing is read, not even pings."""
        self.wire.transport.pause_reading()

    def _on_text(self, text: bytes) -> None:
        frame = json.loads(text)
        if frame[0] == 2:
            order = Order(*frame[1:4], line=self, at=time.monotonic())
            self.station.orders.append(order)
            task = asyncio.ensure_future(self._obey(order))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif (answer := self._answers.pop(str(frame[1]), None)) is not None and not answer.done():
            answer.set_result(frame)

    async def _obey(self, order: Order) -> None:
        answer = self.station.obey(order)
        if inspect.isawaitable(answer):
            answer = await answer
        if answer is not None:
            self.answer(order.unique_id, answer)

    def _on_end(self, _line: wire.Line) -> None:
        self.ended.set()
        for task in self._tasks:
            task.cancel()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(LineLost())
                answer.exception()  # whoever has begun a CALL may have lost interest in it
        self._answers.clear()


class Station:
    """A charge point; `obey` answers the central system's CALLs, all of which are in `orders`."""

    def __init__(self, identity: str, obey: Obey = accept) -> None:
        self.identity, self.obey = identity, obey
        self.orders: list[Order] = []
        self.lines: list[Line] = []

    async def connect(self, url: str) -> Line:
        """A new socket; an older one is left open, as by a station that has lost it without noticing."""
        line = Line(self)
        await line.open(url)
        self.lines.append(line)
        return line

    async def switch_on(self, url: str) -> Line:
        """The first socket: the station boots, so that nobody asks it to."""
        line = await self.connect(url)
        await line.call("BootNotification", messages.BOOT)
        return line

    async def orders_reach(self, count: int, within_s: float = ANSWER_S) -> None:
        deadline = time.monotonic() + within_s
        while len(self.orders) < count:
            assert time.monotonic() < deadline, f"{self.identity}: {len(self.orders)} of {count} orders"
            await asyncio.sleep(0.005)

    def leave(self) -> None:
        for line in self.lines:
            if line.is_open:
                line.cut()


class Pulse:
    """A station whose Heartbeats show how long the server makes the others wait."""

    def __init__(self, line: Line) -> None:
        self.line, self.took_s = line, [0.0]

    async def beat(self) -> None:
        while True:
            begun = time.monotonic()
            await self.line.call("Heartbeat")
            self.took_s.append(time.monotonic() - begun)
            await asyncio.sleep(0.05)

    def p99_s(self) -> float:
        """Of the Heartbeats since this was asked before."""
        taken, self.took_s = sorted(self.took_s), [0.0]
        return taken[int(len(taken) * 0.99)]
