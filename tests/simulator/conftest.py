from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from simulator import SimulatedChargePoint
from simulator.link import Patience

from .central_system import CentralSystem

IMPATIENT = Patience(first_s=0.02, longest_s=0.1, call_timeout_s=5.0)


@pytest.fixture
async def central() -> AsyncIterator[CentralSystem]:
    """Listens on a free port; at the end nothing it heard may have broken a schema, unless the test says so."""
    system = CentralSystem()
    await system.open()
    yield system
    await system.close()
    assert system.refusals == []


@pytest.fixture
def station(central: CentralSystem) -> Callable[..., AbstractAsyncContextManager[SimulatedChargePoint]]:
    """`async with station() as cp:` a station that lives a thousand times as fast."""

    def build(**options: Any) -> SimulatedChargePoint:
        configuration = {"TransactionMessageRetryInterval": "0"} | options.pop("configuration", {})
        defaults = {"identity": "SIM-1", "speed": 1000.0, "patience": IMPATIENT, "seed": 1, "transfers_files": False}
        return SimulatedChargePoint(central.url, configuration=configuration, **(defaults | options))

    return build


@pytest.fixture
async def cp(central: CentralSystem, station: Callable[..., AbstractAsyncContextManager[SimulatedChargePoint]]) -> Any:
    """A station that has booted."""
    async with station() as charge_point:
        await charge_point.boot()
        yield charge_point
