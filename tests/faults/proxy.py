"""A TCP proxy in user space: a slow, lossy line between stations and a server, or one that breaks at a given answer.

TCP hides lost segments behind waiting, so that is what stations get to feel: what is lost arrives a round trip later
and everything behind it waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

CHUNK = 65_536
#: Chunks under way in one direction; then the sender has to wait, as behind a full window.
WINDOW = 256


@dataclass(frozen=True)
class Weather:
    """`delay_s` each way; of the segments the share `loss` is sent again; of all lines `cut_per_s` breaks."""

    delay_s: float = 0.0
    loss: float = 0.0
    cut_per_s: float = 0.0


class Proxy:
    """Listens on a free loopback port in front of a server's; `cut_before` sees what the server sends to stations.

    Where `cut_before` says True both sides of that line are cut, and these bytes and all later ones never arrive.
    """

    def __init__(
        self,
        target_port: int,
        weather: Weather = Weather(),
        cut_before: Callable[[bytes], bool] = lambda _chunk: False,
        seed: int = 1,
    ) -> None:
        self.target_port, self.weather, self.cut_before = target_port, weather, cut_before
        self.lines = self.cuts = self.resent = 0
        self._random = random.Random(seed)
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0, backlog=1024)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/ocpp"

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        writers = [writer]
        try:
            with contextlib.suppress(OSError, TimeoutError):
                back_reader, back_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
                writers.append(back_writer)
                self.lines += 1
                async with asyncio.timeout(self._lifetime_s()):
                    await self._both_ways((reader, back_writer), (back_reader, writer))
        except asyncio.CancelledError:
            pass  # the proxy ends; asyncio.start_server of Python 3.11 logs a cancelled callback as an exception
        finally:
            for each in writers:
                each.transport.abort()

    def _lifetime_s(self) -> float | None:
        return self._random.expovariate(self.weather.cut_per_s) if self.weather.cut_per_s else None

    async def _both_ways(self, *directions: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        """Until one side ends or the line is cut."""
        (up_reader, up_writer), (down_reader, down_writer) = directions
        ways = [
            asyncio.ensure_future(self._one_way(up_reader, up_writer, lambda _chunk: False)),
            asyncio.ensure_future(self._one_way(down_reader, down_writer, self.cut_before)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _one_way(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut_before: Callable[[bytes], bool]
    ) -> None:
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(WINDOW)
        reading = asyncio.ensure_future(self._read(reader, under_way, cut_before))
        loop = asyncio.get_running_loop()
        try:
            while True:
                due_at, chunk = await under_way.get()
                if (wait_s := due_at - loop.time()) > 0:
                    await asyncio.sleep(wait_s)
                if not chunk:
                    return
                writer.write(chunk)
                await writer.drain()
        finally:
            reading.cancel()

    async def _read(
        self,
        reader: asyncio.StreamReader,
        under_way: asyncio.Queue[tuple[float, bytes]],
        cut_before: Callable[[bytes], bool],
    ) -> None:
        """Stamp each chunk with its time of arrival, never before the one ahead of it; b"" is the end."""
        loop, arrives_at = asyncio.get_running_loop(), 0.0
        chunk = b"open"
        while chunk:
            try:
                chunk = await reader.read(CHUNK)
            except OSError:
                chunk = b""
            if chunk and cut_before(chunk):
                self.cuts += 1
                chunk = b""
            lost = 0
            while self._random.random() < self.weather.loss:
                lost += 1
            self.resent += lost
            arrives_at = max(arrives_at, loop.time() + self.weather.delay_s * (1 + 2 * lost))
            await under_way.put((arrives_at, chunk))
