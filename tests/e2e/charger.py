"""A simulated charger beside a browser: it lives in a thread of its own and does what the test says."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from simulator import SimulatedChargePoint

PATIENCE_S = 30
T = TypeVar("T")


class Charger:
    """`charger.do(lambda station: station.plug())` returns when the station has done it."""

    def __init__(self, station: SimulatedChargePoint) -> None:
        self.station = station
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def do(self, deed: Callable[[SimulatedChargePoint], Awaitable[T]]) -> T:
        return asyncio.run_coroutine_threadsafe(self._await(deed), self._loop).result(PATIENCE_S)

    def begin(self, deed: Callable[[SimulatedChargePoint], Awaitable[object]]) -> None:
        """Start something whose end somebody else decides, such as booting until approved."""
        asyncio.run_coroutine_threadsafe(self._await(deed), self._loop)

    async def _await(self, deed: Callable[[SimulatedChargePoint], Awaitable[T]]) -> T:
        return await deed(self.station)

    def close(self) -> None:
        self.do(lambda station: station.power_off())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()


@contextmanager
def charger(address: str, identity: str, *, speed: float = 60.0) -> Iterator[Charger]:
    """Connected, and a minute of charging takes a second."""
    configuration = {"MeterValueSampleInterval": "60"}
    found = Charger(SimulatedChargePoint(f"{address}/", identity, speed=speed, configuration=configuration, seed=1))
    try:
        found.do(lambda station: station.power_on())
        yield found
    finally:
        found.close()
