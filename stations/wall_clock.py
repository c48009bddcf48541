"""The wall clock may be set while we run, by NTP after a power cut or by hand: ages are not judged by it at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

#: A clock that is more ahead than this of what has passed since the last look was set, not slewed.
STEP_S = 5.0
#: By then every process that lives has beaten by the new clock (BEAT_INTERVAL_S, three times over).
PATIENCE_S = 30.0


class WallClock:
    """The wall clock beside the monotonic one, so that a step is seen."""

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._lock = threading.Lock()
        self._seen = (monotonic(), wall())
        self._ahead_s, self._patient_until = 0.0, 0.0

    def patient_now(self) -> datetime:
        """Now; for PATIENCE_S after a step forward what the time would be without it. A step back counts at once:
        what was noted before it lies in the future, and is young by any clock.
        """
        with self._lock:
            monotonic, wall = self._monotonic(), self._wall()
            step_s = (wall - self._seen[1]) - (monotonic - self._seen[0])
            self._seen = monotonic, wall
            if monotonic >= self._patient_until:
                self._ahead_s = 0.0
            if step_s > STEP_S:
                self._ahead_s, self._patient_until = self._ahead_s + step_s, monotonic + PATIENCE_S
            elif step_s < -STEP_S:
                self._ahead_s = 0.0
            return datetime.fromtimestamp(wall - self._ahead_s, UTC)


#: Of this process; what is older than its patient now allows is old.
patient_now = WallClock().patient_now
