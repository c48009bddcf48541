"""Drivers who come, hold a card to the station, charge and leave; and what can go wrong meanwhile."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from .charge_point import SimulatedChargePoint
from .connector import Connector, Transaction
from .errors import SimulatorError
from .meter import Car

FAULT_CODES = ("GroundFailure", "OverCurrentFailure", "HighTemperature", "ConnectorLockFailure", "PowerSwitchFailure")
MISFORTUNES = ("lost connection", "fault", "power loss")


@dataclass(frozen=True, kw_only=True)
class Habits:
    """How a station is used. Minutes are simulated averages: each visit differs by up to a third.

    `sessions` is the number of visits to the whole station (None: endless); `faults` the share of visits, 0 to 1, in
    which the connection is lost, the connector breaks, the power fails, or an unknown card is tried first.
    """

    id_tags: tuple[str, ...] = ("SIM-TAG",)
    sessions: int | None = None
    session_minutes: float = 60.0
    idle_minutes: float = 30.0
    faults: float = 0.0


@dataclass
class Tally:
    """What came of it: transactions that ended, their energy in Wh, cards that were turned away."""

    begun: int = 0
    sessions: int = 0
    energy_wh: int = 0
    cards_refused: int = 0


@dataclass
class Life:
    """The visitors of one station; every connector is used on its own."""

    station: SimulatedChargePoint
    habits: Habits
    tally: Tally = field(default_factory=Tally)

    async def drive(self, connector: Connector) -> None:
        """One visit after the other until `sessions` of them have begun at this station."""
        while self.habits.sessions is None or self.tally.begun < self.habits.sessions:
            self.tally.begun += 1
            try:
                await self._visit(connector)
            except SimulatorError as error:  # a command came in between: this visit is over, the next one is not
                self.station.say(f"connector {connector.connector_id}: {error}")

    async def _visit(self, connector: Connector) -> None:
        transaction = await self._wait_for_car(connector) or await self._arrive(connector)
        if transaction is not None:
            await self._charge(connector, transaction)
            self.tally.sessions += 1
            self.tally.energy_wh += transaction.energy_wh
        await self._some_seconds(20, 60)
        await self.station.unplug(connector.connector_id)

    async def _wait_for_car(self, connector: Connector) -> Transaction | None:
        """Idle until the next driver comes; a remote start meanwhile brings its transaction along."""
        while True:
            idle_s = self._idle_s(connector)
            if await self.station.pace.happens(connector.in_use, idle_s):
                return connector.transaction
            if any(self.station.may_start(connector, tag) for tag in self.habits.id_tags):
                return None
            await self._some_seconds(20, 60)  # out of service or broken: drivers look again later

    def _idle_s(self, connector: Connector) -> float:
        """The very first driver comes soon, so that whoever started the simulation sees something happen."""
        idle_s = self._about(self.habits.idle_minutes * 60)
        is_first = self.tally.begun == 1 and connector.connector_id == 1
        return min(idle_s, self.station.chance.uniform(5, 30)) if is_first else idle_s

    async def _arrive(self, connector: Connector) -> Transaction | None:
        """Plug, tap, start; None when the card was refused or the connector is not to be had any more."""
        await self.station.plug(connector.connector_id)
        if self._bad_luck():
            await self._tap("UNKNOWN-" + str(self.station.chance.randrange(1000)))
        welcome = [tag for tag in self.habits.id_tags if self.station.may_start(connector, tag)]
        id_tag = self.station.chance.choice(welcome or self.habits.id_tags)
        accepted = await self._tap(id_tag) == "Accepted"
        if accepted and self.station.may_start(connector, id_tag):
            return await self.station.start(connector.connector_id, id_tag, car=self._car())
        return connector.transaction

    async def _tap(self, id_tag: str) -> str:
        await self._some_seconds(3, 15)
        verdict = await self.station.authorize(id_tag)
        if verdict != "Accepted":
            self.tally.cards_refused += 1
            self.station.say(f"card {id_tag} refused: {verdict}")
        return verdict

    async def _charge(self, connector: Connector, transaction: Transaction) -> None:
        """Until the driver comes back, or the transaction ends by other means."""
        duration_s = self._about(self.habits.session_minutes * 60)
        pace = self.station.pace
        if self._bad_luck():
            await pace.happens(transaction.ended, duration_s / 2)
            await self._misfortune(connector, transaction)
        if not await pace.happens(transaction.ended, duration_s):
            await self.station.stop(connector.connector_id, id_tag=transaction.id_tag)

    async def _misfortune(self, connector: Connector, transaction: Transaction) -> None:
        if transaction.ended.is_set():
            return
        kind = self.station.chance.choice(MISFORTUNES)
        self.station.say(f"misfortune: {kind}")
        if kind == "lost connection":
            self.station.link.drop(pause_s=self._about(120) / self.station.pace.speed)
        elif kind == "power loss":
            await self.station.lose_power()
        else:
            await self.station.fault(connector.connector_id, self.station.chance.choice(FAULT_CODES))
            await self._some_seconds(60, 180)

    def _car(self) -> Car:
        """A different car each time."""
        chance = self.station.chance
        battery_wh = chance.choice((42_000, 58_000, 77_000, 93_000))
        return Car(battery_wh=battery_wh, charge=chance.uniform(0.12, 0.55))

    def _bad_luck(self) -> bool:
        """Twice a visit something may go wrong, so each time with half the rate."""
        return self.station.chance.random() < self.habits.faults / 2

    def _about(self, value: float) -> float:
        return value * self.station.chance.uniform(2 / 3, 4 / 3)

    async def _some_seconds(self, least_s: float, most_s: float) -> None:
        await self.station.pace.sleep(self.station.chance.uniform(least_s, most_s))


async def live(station: SimulatedChargePoint, habits: Habits, tally: Tally | None = None) -> Tally:
    """Boot and be used; with `sessions` it returns when all messages about the last one are delivered."""
    life = Life(station, habits, tally or Tally())
    await station.boot()
    async with asyncio.TaskGroup() as drivers:
        for connector in station.connectors.values():
            if connector.connector_id:
                drivers.create_task(life.drive(connector))
    await station.delivered()
    return life.tally
