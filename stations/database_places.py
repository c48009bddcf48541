"""Places at the database: so many requests of this process use it at a time, the others wait their turn.

A request has a thread of its own, and with it a connection of its own: without a bound thirty visitors at one moment
use up a PostgreSQL that allows twenty. What lives as long as the process (the writer, the clockwork, live pages, jobs)
keeps its connection, takes no place and never waits for one. Whoever gives a place back closes the connection first.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection

#: More would only wait for each other in Python; with fewer, some slow reports would keep everybody waiting.
PLACES = 6
#: So long somebody waits before they are told to come again.
PATIENCE_S = 30.0


class Crowded(OperationalError):
    """No place became free in time: the database is there, but too many want it."""


class _Thread(threading.local):
    """How a thread stands; inside without a place it has stepped aside."""

    is_inside = False
    has_place = False


class Places:
    """`count` places, first come, first served; a thread has one at most."""

    def __init__(self, count: int, patience_s: float = PATIENCE_S) -> None:
        self.free = count
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._turns: deque[threading.Event] = deque()
        self._thread = _Thread()

    @property
    def waiting(self) -> int:
        """How many want a place and have none."""
        return len(self._turns)

    @contextmanager
    def taken(self, *, patiently: bool = False) -> Iterator[None]:
        """What this thread does meanwhile may use the database. Raises Crowded, unless it waits `patiently`."""
        if self._thread.is_inside:
            self.come_back()
            yield
            return
        self._take(None if patiently else self._patience_s)
        self._thread.is_inside = True
        try:
            yield
        finally:
            self._thread.is_inside = False
            if self._thread.has_place:
                self._give_back()

    def step_aside(self) -> None:
        """Keep neither place nor connection while this thread waits for something else."""
        if self._thread.has_place:
            self._give_back()
        else:
            _close()

    def come_back(self) -> None:
        """Have a place again after `step_aside`, however long that takes; nothing for a thread that needs none."""
        if self._thread.is_inside and not self._thread.has_place:
            self._take(None)

    def _take(self, patience_s: float | None) -> None:
        turn = None
        with self._lock:
            if self.free:
                self.free -= 1
            else:
                turn = threading.Event()
                self._turns.append(turn)
        if turn is not None and not turn.wait(patience_s):
            self._leave_queue(turn, patience_s)
        self._thread.has_place = True

    def _leave_queue(self, turn: threading.Event, waited_s: float | None) -> None:
        with self._lock:
            if turn.is_set():  # at the last moment
                return
            self._turns.remove(turn)
        raise Crowded(f"no place at the database within {waited_s} s")

    def _give_back(self) -> None:
        self._thread.has_place = False
        try:
            _close()
        finally:
            with self._lock:
                if self._turns:
                    self._turns.popleft().set()
                else:
                    self.free += 1


def _close() -> None:
    if not connection.in_atomic_block:  # in one, as in tests, it is somebody else's
        connection.close()


places = Places(PLACES)
