"""This process as a gateway: its sockets by station, its one channel, its beat and its sweep."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Coroutine, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Protocol

import structlog
from channels.layers import get_channel_layer
from django.utils import timezone

from stations import bell, commands, presence, waiting
from stations.models.gateway_process import BEAT_INTERVAL_S

from .handshake import Doorkeeper
from .writer import DatabaseAway, Job, Writer

log = structlog.get_logger(__name__)

SWEEP_INTERVAL_S = 5.0
LAYER_RETRY_S = 2.0
#: Stations whose rows one job of the writer compares or touches: more would hold up everybody's answers.
STATIONS_AT_ONCE = 200
#: Both together stay below the ten seconds that `docker stop` waits.
DRAIN_TIMEOUT_S = 6.0
LEAVE_TIMEOUT_S = 1.0


class StationSocket(Protocol):
    """What the registry needs of a consumer."""

    connection: str

    @property
    def is_stuck(self) -> bool: ...
    @property
    def unanswered(self) -> int: ...

    def ring(self) -> None: ...
    def refresh(self, row: dict[str, Any]) -> None: ...
    def drop(self, reason: str) -> None: ...
    async def finish(self, reason: str) -> None: ...


class Gateway:
    """One per process and event loop; started by `serve`, or by the first station under any other ASGI server."""

    _running: Gateway | None = None

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.channel = f"gateway.{uuid.uuid4().hex}"
        self.doorkeeper = Doorkeeper()
        self.writer = Writer(self.loop, on_away=self._lose_database, on_back=self._regain_database)
        self.sockets: dict[int, StationSocket] = {}
        self.process_id: int | None = None
        self.is_draining = False
        self._is_stopped = False
        self._seen: dict[int, datetime] = {}
        self._newcomers: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._registering = asyncio.Lock()

    @classmethod
    def current(cls) -> Gateway:
        """The running loop's gateway, started if there is none."""
        loop = asyncio.get_running_loop()
        if cls._running is None or cls._running.loop is not loop:
            cls._running = cls()
            cls._running._start()
        return cls._running

    def _start(self) -> None:
        self.writer.start()
        bell.attach(self.channel, self.loop, self.hear)
        for work in (self._beat(), self._sweep(), self._listen()):
            self.spawn(work)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` beside everything else; its failure is logged, never lost."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._reap)
        return task

    def _reap(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, DatabaseAway):
            log.error("background work failed", exc_info=error)

    @property
    def is_closed_to_stations(self) -> bool:
        return self.is_draining or self._is_stopped or self.writer.away

    async def registered(self) -> int:
        """Primary key of this process's row, made on first need; raises DatabaseAway."""
        async with self._registering:
            if self.process_id is None:
                process = await self.writer.submit(Job(lambda: presence.start_process(self.channel)))
                self.process_id = process.pk
        return self.process_id

    def adopt(self, station_id: int, new: StationSocket) -> None:
        """The newest socket wins; an older one of the same station in this process is closed."""
        old = self.sockets.get(station_id)
        self.sockets[station_id] = new
        if old is not None and old is not new:
            old.drop("replaced by a newer connection")

    def welcome(self, station_id: int) -> None:
        """A station is on the line: what waits for it goes out; asked once for all that come at the same time."""
        self._newcomers.add(station_id)
        if len(self._newcomers) == 1:
            self.spawn(self._ring_newcomers())

    async def _ring_newcomers(self) -> None:
        newcomers, self._newcomers = self._newcomers, set()
        process_id = await self.registered()
        self._ring(await self.writer.submit(Job(lambda: commands.stations_with_queued(process_id, newcomers))))

    def leave(self, station_id: int, socket: StationSocket) -> None:
        """A socket ended; the end of a replaced one changes nothing."""
        if self.sockets.get(station_id) is socket:
            del self.sockets[station_id]

    def saw(self, station_id: int, at: datetime) -> None:
        self._seen[station_id] = at

    def hear(self, message: dict[str, Any]) -> None:
        """A bell: from this process or over the channel layer, so nothing in it is trusted but to look at rows."""
        station_id, kind = message.get("station"), message.get("type")
        socket = self.sockets.get(station_id) if isinstance(station_id, int) else None
        if kind == "command.closed":
            waiting.wake(str(message.get("command")))
        if socket is None:
            return
        if kind == "command.queued":
            socket.ring()
        elif kind == "station.changed":
            self.spawn(self._reconcile([message["station"]]))
        elif kind == "socket.replaced" and message.get("connection") == socket.connection:
            socket.drop("replaced by a newer connection")
        elif kind == "socket.revoked" and message.get("connection") == socket.connection:
            socket.drop("its certificate was revoked")

    async def _listen(self) -> None:
        """Hear the channel layer; while it is away stations charge on and the sweep finds what waits."""
        layer = get_channel_layer()
        while layer is not None:
            try:
                message = await layer.receive(self.channel)
                if isinstance(message, dict):
                    self.hear(message)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # the backend's own errors, whatever they are
                log.warning("channel layer away", error=str(error) or type(error).__name__)
                # the layer remembers the channel though it could not subscribe to it: let it try again
                getattr(layer, "channels", {}).pop(self.channel, None)
                await asyncio.sleep(LAYER_RETRY_S)

    async def _beat(self) -> None:
        while True:
            with contextlib.suppress(DatabaseAway):
                await self.beat()
            await asyncio.sleep(BEAT_INTERVAL_S)

    async def beat(self) -> None:
        """Show that this process lives and when its stations were last heard; raises DatabaseAway."""
        process_id = await self.registered()
        seen, self._seen = sorted(self._seen.items()), {}
        for start in range(0, len(seen), STATIONS_AT_ONCE):
            await self.writer.submit(Job(partial(presence.touch, seen[start : start + STATIONS_AT_ONCE])))
        if not await self.writer.submit(Job(lambda: presence.beat(process_id))):
            self.process_id = None  # taken for dead while the database was away: register again
            await self._reconcile()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_S)
            for socket in [socket for socket in self.sockets.values() if socket.is_stuck]:
                socket.drop("does not read")
            with contextlib.suppress(DatabaseAway):
                await self._reconcile()
                await self._ring_again()

    async def _ring_again(self) -> None:
        process_id = await self.registered()
        self._ring(await self.writer.submit(Job(lambda: commands.stations_with_queued(process_id))))

    def _ring(self, stations: Iterable[int]) -> None:
        for station_id in stations:
            if station_id in self.sockets:
                self.sockets[station_id].ring()

    async def _reconcile(self, stations: Sequence[int] | None = None) -> None:
        """Make rows and sockets agree: what an outage, a lost bell or another process's sweep left apart.

        All stations if none is named, some at a time: those that wait for an answer do not wait for all the others.
        """
        process_id = await self.registered()
        if stations is None:
            held = {station_id: socket.connection for station_id, socket in self.sockets.items()}
            await self.writer.submit(Job(lambda: presence.release_strays(process_id, held, at=timezone.now())))
            stations = list(self.sockets)
        for start in range(0, len(stations), STATIONS_AT_ONCE):
            await self._compare(process_id, stations[start : start + STATIONS_AT_ONCE])

    async def _compare(self, process_id: int, stations: Sequence[int]) -> None:
        # as it is now: what ended since has its row released by a job before ours
        held = {pk: socket.connection for pk in stations if (socket := self.sockets.get(pk)) is not None}
        for row in await self.writer.submit(Job(lambda: presence.reconcile(process_id, held))):
            found = self.sockets.get(row["pk"])
            if found is None or found.connection != held.get(row["pk"]):
                continue
            if row["connection"] != found.connection:
                found.drop("replaced by a newer connection")
            else:
                found.refresh(row)

    def _lose_database(self) -> None:
        for socket in list(self.sockets.values()):
            socket.drop("database away")

    def _regain_database(self) -> None:
        self.spawn(self._reconcile())

    async def drain(self) -> None:
        """Answer every CALL that was read, close every socket, take leave; ends in seconds, whatever hangs."""
        self.is_draining = True
        try:
            async with asyncio.timeout(DRAIN_TIMEOUT_S):
                await asyncio.gather(*(socket.finish("server restarts") for socket in list(self.sockets.values())))
                await self.writer.drain()
        except TimeoutError:
            if unanswered := sum(socket.unanswered for socket in self.sockets.values()):
                log.error("messages could not be stored in time, so they were not acknowledged", messages=unanswered)
        await self.stop(LEAVE_TIMEOUT_S)

    async def stop(self, patience_s: float = DRAIN_TIMEOUT_S) -> None:
        """End the gateway's own work; what it held is offline. Stopping again changes nothing."""
        if self._is_stopped:
            return
        self._is_stopped = True
        bell.detach(self.channel)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.process_id is not None:
            process_id = self.process_id
            self.writer.post(Job(lambda: presence.stop_process(process_id)))
        await self.writer.stop(patience_s)
