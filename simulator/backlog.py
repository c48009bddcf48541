"""Transaction messages: kept in order until the central system acknowledges them (OCPP 1.6 §3.7.1, errata 3.7.2)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from .configuration import Configuration
from .errors import CallFailed, CallTimedOut, Offline
from .rpc import Payload


@dataclass(kw_only=True)
class Entry:
    """`payload` is asked for at every attempt, because a transaction id may have arrived since; `done` gets the
    answer, or None when the message was given up."""

    action: str
    payload: Callable[[], Payload]
    done: Callable[[Payload | None], None]
    failures: int = 0


class Backlog:
    """First in, first out; a later message never overtakes an earlier one that is still being retried."""

    def __init__(
        self,
        call: Callable[[str, Payload], Awaitable[Payload]],
        ready: Callable[[], Awaitable[None]],
        configuration: Configuration,
        say: Callable[[str], None],
    ) -> None:
        self._call = call
        self._ready = ready
        self._configuration = configuration
        self._say = say
        self._entries: deque[Entry] = deque()
        self._filled = asyncio.Event()
        self.empty = asyncio.Event()
        self.empty.set()

    def __len__(self) -> int:
        return len(self._entries)

    def push(self, entry: Entry) -> None:
        self._entries.append(entry)
        self._filled.set()
        self.empty.clear()

    async def run(self) -> None:
        """Deliver whenever the station is online and accepted; runs until cancelled."""
        while True:
            await self._filled.wait()
            await self._ready()
            await self._attempt(self._entries[0])

    async def _attempt(self, entry: Entry) -> None:
        try:
            answer = await self._call(entry.action, entry.payload())
        except Offline:
            return  # a lost connection is no failed attempt: the same message goes out again after the next one
        except (CallFailed, CallTimedOut) as error:
            await self._failed(entry, error)
        else:
            self._finish(entry, answer)

    async def _failed(self, entry: Entry, error: Exception) -> None:
        """Wait longer after each failure, then drop the message (TransactionMessageAttempts, …RetryInterval)."""
        entry.failures += 1
        self._say(f"{entry.action} failed ({error})")
        if entry.failures >= self._configuration.number("TransactionMessageAttempts"):
            self._say(f"{entry.action} given up after {entry.failures} attempts")
            self._finish(entry, None)
        else:
            await asyncio.sleep(self._configuration.number("TransactionMessageRetryInterval") * entry.failures)

    def _finish(self, entry: Entry, answer: Payload | None) -> None:
        self._entries.popleft()
        if not self._entries:
            self._filled.clear()
            self.empty.set()
        entry.done(answer)
