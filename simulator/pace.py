"""Time as a station lives it: faster if asked, but stamped with the time on the wall.

The rule. People and cars are sped up: at speed 60 a session of an hour, its samples and the idle time after it take a
minute, while power and energy stay what they were (11 kW for a simulated hour are 11 kWh). What the central system
dictates stays real: heartbeats, the wait before the next BootNotification, retries, reconnects. Timestamps are the
wall clock, so nothing is ever dated in the future; a sped-up session is simply shorter than its kWh suggest.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

#: The station follows the central system's clock only when it is further off than this: `currentTime` has whole
#: seconds, and following each of them would make timestamps run backwards.
CLOCK_TOLERANCE = timedelta(seconds=2)


class Pace:
    """The clock of one station; `speed` simulated seconds pass in a real one."""

    def __init__(self, speed: float = 1.0) -> None:
        if speed <= 0:
            raise ValueError("speed must be greater than 0")
        self.speed = speed
        self._offset = timedelta()

    def elapsed_s(self) -> float:
        """Simulated seconds on a clock that only runs forward."""
        return time.monotonic() * self.speed

    def now(self) -> datetime:
        """The time on the wall, as far as the station knows."""
        return datetime.now(UTC) + self._offset

    def timestamp(self) -> str:
        """Now in UTC with milliseconds: sped-up samples lie less than a second apart and stay distinct."""
        return self.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def set_clock(self, current_time: object) -> None:
        """Take over `currentTime` of a boot or heartbeat answer (§4.2); an unreadable one changes nothing."""
        try:
            theirs = moment(current_time)
        except ValueError:
            return
        if abs(theirs - datetime.now(UTC) - self._offset) > CLOCK_TOLERANCE:
            self._offset = theirs - datetime.now(UTC)

    async def sleep(self, simulated_s: float) -> None:
        await asyncio.sleep(simulated_s / self.speed)

    async def happens(self, event: asyncio.Event, within_s: float) -> bool:
        """Whether the event comes within so many simulated seconds."""
        return await happens(event, within_s / self.speed)


def moment(text: object) -> datetime:
    """A dateTime of the central system, UTC where it names no zone; ValueError for anything else."""
    read = datetime.fromisoformat(str(text))
    return read if read.tzinfo else read.replace(tzinfo=UTC)


async def happens(event: asyncio.Event, within_s: float) -> bool:
    """Whether the event comes within so many real seconds."""
    try:
        async with asyncio.timeout(within_s):
            return await event.wait()
    except TimeoutError:
        return False


async def either(*events: asyncio.Event) -> None:
    """Return as soon as one of the events is set."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
