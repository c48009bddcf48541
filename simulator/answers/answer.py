"""What an answerer returns, and what all of them need."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..connector import Connector
from ..rpc import Payload

if TYPE_CHECKING:
    from ..charge_point import SimulatedChargePoint


@dataclass(frozen=True)
class Answer:
    payload: Payload
    then: Callable[[], Awaitable[object]] | None = None


Answerer = Callable[["SimulatedChargePoint", Payload], Answer]


def status(value: str, then: Callable[[], Awaitable[object]] | None = None) -> Answer:
    return Answer({"status": value}, then)


def connector_of(station: SimulatedChargePoint, payload: Payload) -> Connector | None:
    """The connector a request names; None for 0 and for unknown ones."""
    connector_id = payload["connectorId"]
    return station.connectors.get(connector_id) if connector_id else None
