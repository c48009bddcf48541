"""Reservations a simulated station holds (OCPP 1.6 §3.6, §5.13): who may start where, and until when."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from .connector import Connector

if TYPE_CHECKING:
    from .charge_point import SimulatedChargePoint


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """`connector_id` 0 keeps any one connector free."""

    reservation_id: int
    connector_id: int
    id_tag: str
    parent_id_tag: str | None
    expires_at: datetime

    def admits(self, id_tag: str, parent_id_tag: str | None) -> bool:
        if id_tag.lower() == self.id_tag.lower():
            return True
        parent = (self.parent_id_tag or "").lower()
        return bool(parent) and (parent_id_tag or "").lower() == parent


class Reservations:
    """Expiry is real time, as everything the central system dictates."""

    def __init__(self, station: SimulatedChargePoint) -> None:
        self._station = station
        self._held: dict[int, Reservation] = {}

    def verdict(self, wished: Reservation) -> str:
        """The status of ReserveNow.conf."""
        if wished.connector_id not in self._station.connectors or wished.expires_at <= self._station.pace.now():
            return "Rejected"
        if wished.connector_id:
            return self._state_of(self._station.connectors[wished.connector_id], wished.reservation_id)
        if not self._station.configuration.flag("ReserveConnectorZeroSupported"):
            return "Rejected"
        states = [self._state_of(connector, wished.reservation_id) for connector in self._outlets()]
        if states.count("Accepted") > self._kept_free(but=wished.reservation_id):
            return "Accepted"
        refusals = ("Occupied" if state == "Accepted" else state for state in states)
        return min(refusals, key=("Occupied", "Unavailable", "Faulted").index)

    def hold(self, reservation: Reservation) -> Callable[[], Awaitable[None]]:
        """Take it on, in the place of one with its id; what is to be done about it comes after the answer."""
        former = self._held.get(reservation.reservation_id)
        self._held[reservation.reservation_id] = reservation
        self._station.tasks.spawn(self._expire(reservation))
        return lambda: self._show(former, reservation)

    def take(self, reservation_id: int) -> Reservation | None:
        """Forget it: cancelled, used or expired."""
        return self._held.pop(reservation_id, None)

    def on(self, connector_id: int) -> Reservation | None:
        """The reservation of this very connector."""
        return next((held for held in self._held.values() if held.connector_id == connector_id), None)

    def end_on(self, connector_id: int) -> None:
        """The connector is broken or out of service: its reservation is gone, without a word (§5.13)."""
        reservation = self.on(connector_id)
        if reservation is not None:
            self.take(reservation.reservation_id)

    def used_by(self, connector: Connector, id_tag: str) -> Reservation | None:
        """The reservation a start with this tag would use up: of the connector, else of any (connector 0)."""
        parent = self._station.authorization.parent_of(id_tag)
        of_connector = self.on(connector.connector_id)
        eligible = [of_connector] if of_connector else [held for held in self._held.values() if held.connector_id == 0]
        return next((held for held in eligible if held.admits(id_tag, parent)), None)

    def admit(self, connector: Connector, id_tag: str) -> bool:
        """Whether nobody else has a right to the connector."""
        if self.used_by(connector, id_tag) is not None:
            return True
        if self.on(connector.connector_id) is not None:
            return False
        free = [outlet for outlet in self._outlets() if outlet.is_free and self.on(outlet.connector_id) is None]
        return connector not in free or len(free) > self._kept_free()

    async def show_free(self, connector_id: int) -> None:
        """Reserved no longer."""
        connector = self._station.connectors[connector_id]
        if connector.status == "Reserved":
            await self._station.set_status(connector_id, connector.resting_status)

    def _outlets(self) -> list[Connector]:
        return [connector for connector in self._station.connectors.values() if connector.connector_id]

    def _kept_free(self, but: int | None = None) -> int:
        return sum(1 for held in self._held.values() if held.connector_id == 0 and held.reservation_id != but)

    def _state_of(self, connector: Connector, reservation_id: int) -> str:
        held = self.on(connector.connector_id)
        if connector.status == "Faulted":
            return "Faulted"
        if not connector.operative or connector.status == "Unavailable":
            return "Unavailable"
        if held is not None and held.reservation_id == reservation_id:
            return "Accepted"
        return "Accepted" if held is None and connector.status == "Available" else "Occupied"

    async def _show(self, former: Reservation | None, reservation: Reservation) -> None:
        if former is not None and former.connector_id != reservation.connector_id:
            await self.show_free(former.connector_id)
        connector = self._station.connectors[reservation.connector_id]
        if connector.connector_id and connector.status == "Available":
            await self._station.set_status(connector.connector_id, "Reserved")

    async def _expire(self, reservation: Reservation) -> None:
        await asyncio.sleep((reservation.expires_at - self._station.pace.now()).total_seconds())
        if self._held.get(reservation.reservation_id) is reservation:
            self.take(reservation.reservation_id)
            self._station.say(f"reservation {reservation.reservation_id} expired")
            await self.show_free(reservation.connector_id)
