"""Many stations in one process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from .charge_point import SimulatedChargePoint
from .errors import Refused, SimulatorError
from .life import Habits, Tally, live

#: Real connects per second at the start: a storm is a test of its own, and not what a simulation begins with.
CONNECTS_PER_S = 100
#: Real seconds for the last stops to be acknowledged.
FAREWELL_S = 10.0


@dataclass
class Outcome:
    """Sums over the fleet; `refusals` names each station that gave up connecting, with the reason."""

    sessions: int = 0
    energy_wh: int = 0
    cards_refused: int = 0
    refusals: list[str] = field(default_factory=list)

    def add(self, tally: Tally) -> None:
        self.sessions += tally.sessions
        self.energy_wh += tally.energy_wh
        self.cards_refused += tally.cards_refused


async def run_fleet(
    members: Iterable[tuple[SimulatedChargePoint, Habits]],
    leave: asyncio.Event,
    *,
    attempts: int | None = None,
    stop_on_exit: bool = False,
) -> Outcome:
    """Run until every member has had its sessions, or `leave` is set.

    A member tries to connect `attempts` times at first (None: for ever) and later for ever. On leaving, stations
    vanish as they do in life, unless `stop_on_exit` ends their transactions first.
    """
    outcome = Outcome()
    lives = [
        asyncio.create_task(_live(station, habits, number / CONNECTS_PER_S, attempts, stop_on_exit, outcome))
        for number, (station, habits) in enumerate(members)
    ]
    leaving = asyncio.create_task(leave.wait())
    everything = asyncio.create_task(_all(lives))
    await asyncio.wait({everything, leaving}, return_when=asyncio.FIRST_COMPLETED)
    leaving.cancel()
    everything.cancel()
    for life in lives:
        life.cancel()
    for result in await asyncio.gather(*lives, return_exceptions=True):
        if isinstance(result, Exception):
            raise result
    return outcome


async def _all(lives: list[asyncio.Task[None]]) -> bool:
    await asyncio.wait(lives)
    return True


async def _live(
    station: SimulatedChargePoint,
    habits: Habits,
    delay_s: float,
    attempts: int | None,
    stop_on_exit: bool,
    outcome: Outcome,
) -> None:
    tally = Tally()
    try:
        await asyncio.sleep(delay_s)
        await station.power_on(attempts)
        await live(station, habits, tally)
    except Refused as refusal:
        station.say(str(refusal))
        outcome.refusals.append(str(refusal))
    finally:
        if stop_on_exit:
            await _farewell(station)
        await station.power_off()
        outcome.add(tally)


async def _farewell(station: SimulatedChargePoint) -> None:
    """Stop what still runs, and wait a moment for the acknowledgements."""
    try:
        async with asyncio.timeout(FAREWELL_S):
            for connector in station.connectors.values():
                if connector.transaction is not None:
                    await station.stop(connector.connector_id)
            await station.delivered()
    except (TimeoutError, SimulatorError):
        station.say("left before everything was delivered")
