"""What a running job says about itself, and where it hears that it shall stop."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import TypeVar

T = TypeVar("T")

#: Beside a gateway a job works so long, then rests so long: Python runs one thread at a time, and chargers come first.
WORK_S = 0.01
REST_S = 0.01


class StopReason(Enum):
    CANCELLED = "its owner does not want it any more"
    HANDED_BACK = "the process ends; another one begins anew"
    LOST = "somebody else has it: this process was taken for dead"


class Stopped(Exception):
    """Ends a job from within. It passes through the work, which may clean up but must not swallow it."""

    def __init__(self, reason: StopReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Progress:
    """Counts steps; cheap enough for every row of a table. The database hears of it from the runner's own thread.

    Every method but `stop` is for the thread that works and raises Stopped once somebody has said `stop`.
    """

    def __init__(self, *, yields: bool = False) -> None:
        self.done = 0
        self.total = 0
        self._yields = yields
        self._works_since = time.monotonic()
        self._stop: StopReason | None = None

    def expect(self, total: int) -> None:
        """There are `total` steps to do, as far as one knows."""
        self.total = total
        self.step(0)

    def step(self, count: int = 1) -> None:
        """`count` more steps are done."""
        self.done += count
        if self._stop is not None:
            raise Stopped(self._stop)
        if self._yields and time.monotonic() - self._works_since > WORK_S:
            time.sleep(REST_S)
            self._works_since = time.monotonic()

    def over(self, items: Iterable[T]) -> Iterator[T]:
        """The items as they are taken, each a step."""
        for item in items:
            yield item
            self.step()

    def stop(self, reason: StopReason) -> None:
        """Have the work end at its next step; the first reason counts. Any thread may say it."""
        self._stop = self._stop or reason
