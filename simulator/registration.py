"""BootNotification until Accepted, and the heartbeats after it (OCPP 1.6 §4.2, §4.6)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from .configuration import Configuration
from .errors import CallFailed, CallTimedOut, Offline, SimulatorError
from .link import Link
from .pace import Pace, happens
from .rpc import Payload

#: Real seconds a station waits before the next BootNotification when the answer does not say how long (interval 0).
OWN_BOOT_INTERVAL_S = 30.0


class Registration:
    """`status` is that of the last BootNotification.conf, or "" since the station started."""

    def __init__(
        self,
        link: Link,
        call: Callable[[str, Payload], Awaitable[Payload]],
        boot_payload: Payload,
        configuration: Configuration,
        pace: Pace,
        on_accepted: Callable[[], Awaitable[None]],
        say: Callable[[str], None],
    ) -> None:
        self.status = ""
        self.accepted = asyncio.Event()
        self.interval_changed = asyncio.Event()
        self._link = link
        self._call = call
        self.boot_payload = boot_payload
        self._configuration = configuration
        self._pace = pace
        self._on_accepted = on_accepted
        self._say = say
        self._next_boot = 0.0

    async def boot_once(self) -> Payload:
        """One BootNotification and its consequences; returns the answer, raises as Link.call does."""
        answer = await self._call("BootNotification", self.boot_payload)
        self._pace.set_clock(answer.get("currentTime"))
        self.status = str(answer.get("status"))
        self._say(f"registration {self.status}")
        interval_s = answer.get("interval") or 0
        if self.status == "Accepted":
            await self._accept(interval_s)
        else:
            self._next_boot = time.monotonic() + (interval_s or OWN_BOOT_INTERVAL_S)
        return answer

    async def boot(self) -> None:
        """Repeat until Accepted, at the pace the central system asks for; an Accepted after a trigger counts too."""
        while not await self._accepted_while_waiting():
            try:
                await self.boot_once()
            except Offline:
                self._next_boot = time.monotonic()
            except (CallFailed, CallTimedOut) as error:
                self._say(f"BootNotification failed ({error})")
                self._next_boot = time.monotonic() + OWN_BOOT_INTERVAL_S

    def forget(self) -> None:
        """The station starts anew: it is nobody until it has booted."""
        self.status = ""
        self._next_boot = 0.0
        self.accepted.clear()

    async def heartbeats(self) -> None:
        """One every HeartbeatInterval real seconds while online and accepted; 0 is off; runs until cancelled."""
        while True:
            await self.accepted.wait()
            interval_s = self._configuration.number("HeartbeatInterval") or 86_400
            self.interval_changed.clear()
            if await happens(self.interval_changed, interval_s) or not self._link.online.is_set():
                continue
            try:
                await self.heartbeat()
            except SimulatorError as error:
                self._say(f"Heartbeat failed ({error})")

    async def heartbeat(self) -> None:
        answer = await self._call("Heartbeat", {})
        self._pace.set_clock(answer.get("currentTime"))

    async def _accept(self, interval_s: int) -> None:
        if interval_s > 0:
            self._configuration.set("HeartbeatInterval", str(interval_s))
            self.interval_changed.set()
        await self._on_accepted()  # statuses first, then what waited in the backlog
        self.accepted.set()

    async def _accepted_while_waiting(self) -> bool:
        """Wait for the turn of the next BootNotification and for a connection to send it on."""
        while not self.accepted.is_set() and (wait_s := self._next_boot - time.monotonic()) > 0:
            await happens(self.accepted, wait_s)
        await self._link.online.wait()
        return self.accepted.is_set()
