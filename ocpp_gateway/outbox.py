"""One CALL of ours in flight per station (OCPP-J 1.6 §4.1.1); theirs may cross it. No I/O."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Generic, TypeVar

C = TypeVar("C")
A = TypeVar("A")


class ConnectionLost(Exception):
    """The socket ended while a CALL of ours waited for its answer."""


@dataclass(slots=True)
class InFlight(Generic[C, A]):
    unique_id: str
    about: C
    answer: asyncio.Future[A]


class Outbox(Generic[C, A]):
    """The place for the one CALL that waits for its answer; `about` is what the caller needs to know of it then."""

    def __init__(self) -> None:
        self._in_flight: InFlight[C, A] | None = None

    def begin(self, unique_id: str, about: C) -> asyncio.Future[A]:
        """Occupy the place; the future is done when the station answered. Raises RuntimeError if it is taken."""
        if self._in_flight is not None:
            raise RuntimeError(f"{self._in_flight.about} has not been answered yet")
        future: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._in_flight = InFlight(unique_id, about, future)
        return future

    def waiting_for(self, unique_id: object) -> InFlight[C, A] | None:
        """The CALL that `unique_id` answers, if it is the one in flight."""
        if self._in_flight is not None and self._in_flight.unique_id == unique_id:
            return self._in_flight
        return None

    def finish(self) -> None:
        self._in_flight = None

    def lose(self) -> None:
        """The socket is gone: whoever waits is told."""
        if self._in_flight is not None and not self._in_flight.answer.done():
            self._in_flight.answer.set_exception(ConnectionLost())
