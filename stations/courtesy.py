"""Python's lock between the stations of a process and its other work.

A thread that calculates keeps the lock for five milliseconds at a time, and a message of a station needs it several
times: beside an export a station waited 1.8 s for its answer (99 %). With shorter turns it waits a quarter of a second;
they cost a fifth of the most messages a second, so they are for the time of such work only.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: Longest turn of a thread while pages or jobs are made.
TURN_S = 0.0005

_lock = threading.Lock()
_usual_s = sys.getswitchinterval()
_at_work = 0


@contextmanager
def beside_stations() -> Iterator[None]:
    """Work in a thread of this process that may take a while."""
    _count(1)
    try:
        yield
    finally:
        _count(-1)


def _count(more: int) -> None:
    global _at_work
    with _lock:
        _at_work += more
        sys.setswitchinterval(TURN_S if _at_work else _usual_s)
