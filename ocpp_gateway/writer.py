"""Group commit: the CALLs of many stations share one database transaction; each is answered after COMMIT.

One thread per process does all the writing. It commits when 32 jobs wait or 5 ms after the first, whichever is sooner:
at 500–2000 messages/s that is half the CPU of committing at once, and nothing is lost at saturation, when a batch is
simply what came in while the last one committed. If a batch fails its jobs run again one by one, so that only the
guilty one gets an error; if what services remember from the batches before is out of date, the batch runs again without
it. While the database is away every job fails with DatabaseAway: a CALLERROR would make stations drop what they have
queued (OCPP-J errata 3.2), a closed socket makes them keep it.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction

from stations import changes
from stations.write_batch import Names, Stale, write_batch

log = structlog.get_logger(__name__)
T = TypeVar("T")

ENOUGH = 32
MAX_BATCH = 256
MAX_WAIT_S = 0.005
#: More waiting jobs than this and whoever submits waits too: back-pressure down to the stations' sockets.
MAX_QUEUED = 4096
#: Jobs that outlast an outage in memory; of more, the oldest are lost.
MAX_KEPT = 1000
PROBE_INTERVAL_S = 1.0
#: A deadlock or a busy SQLite file is tried again before the database counts as away.
ATTEMPTS = 3


class DatabaseAway(Exception):
    """The database cannot be reached or cannot store; nothing was stored, nobody may be told that it was."""


@dataclass(slots=True)
class Job(Generic[T]):
    """One piece of work inside a shared transaction.

    `run` reads and writes through Django and returns the result; it may run twice (a failed batch is rolled back and
    repeated), so it changes nothing outside the database. `failed` turns an exception of its own into a result, in a
    transaction of its own. `names` lets services fetch for the whole batch at once. `outlasts` keeps a job that nobody
    waits for while the database is away: it runs before any other when that is back.
    """

    run: Callable[[], T]
    failed: Callable[[Exception], T] | None = None
    names: Names | None = None
    outlasts: bool = False
    future: asyncio.Future[T] | None = None
    queued_at: float = field(default_factory=time.monotonic)


class Writer:
    """The process's one writing thread. `on_away` and `on_back` are called on the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_away: Callable[[], None], on_back: Callable[[], None]):
        self._loop = loop
        self._on_away = on_away
        self._on_back = on_back
        self._queue: queue.SimpleQueue[Job[Any] | None] = queue.SimpleQueue()
        self._room = asyncio.Event()
        self._room.set()
        self._unfinished = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._thread = threading.Thread(target=self._work, name="ocpp-writer", daemon=True)
        self._is_stopped = False
        self._in_hand: list[Job[Any]] = []
        self._memory: dict[str, Any] = {}
        self._kept: deque[Job[Any]] = deque(maxlen=MAX_KEPT)
        self.away = False

    def start(self) -> None:
        self._thread.start()

    async def submit(self, job: Job[T]) -> T:
        """Run `job` in the next batch and return its result after COMMIT; raises DatabaseAway."""
        await self._room.wait()
        job.future = self._loop.create_future()
        self.post(job)
        return await job.future

    def post(self, job: Job[Any]) -> None:
        """Queue a job nobody waits for: it is dropped silently while the database is away, and after `stop`.

        One that `outlasts` is dropped by `stop` only.
        """
        if self.away or self._is_stopped:
            if job.future is not None:
                job.future.set_exception(DatabaseAway())
            elif job.outlasts:
                self._keep(job)
            return
        self._put(job)

    def _keep(self, job: Job[Any]) -> None:
        """Once: a job may be what the database breaks off at."""
        job.outlasts = False
        self._kept.append(job)

    def _put(self, job: Job[Any]) -> None:
        self._unfinished += 1
        self._idle.clear()
        if self._unfinished >= MAX_QUEUED:
            self._room.clear()
        self._queue.put(job)

    async def drain(self) -> None:
        """Wait until everything queued so far is committed and answered."""
        await self._idle.wait()

    async def stop(self, patience_s: float) -> None:
        """End the thread once everything is committed.

        If the database hangs for longer than `patience_s`, whoever still waits gets DatabaseAway and the thread is left
        behind: nothing can be done about a statement that does not return.
        """
        try:
            async with asyncio.timeout(patience_s):
                await self.drain()
        except TimeoutError:
            self._is_stopped = True
            self._give_up()
        else:
            self._is_stopped = True
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)

    def _give_up(self) -> None:
        abandoned = list(self._in_hand)
        with contextlib.suppress(queue.Empty):
            while (job := self._queue.get_nowait()) is not None:
                abandoned.append(job)
        self._queue.put(None)
        self._room.set()
        for job in abandoned:
            if job.future is not None and not job.future.done():
                job.future.set_exception(DatabaseAway())

    # From here on: the writer's thread.

    def _work(self) -> None:
        while (batch := self._collect()) is not None:
            self._in_hand = batch
            if self.away:
                outcomes: list[_Outcome] = [(job, None, DatabaseAway()) for job in batch]
            else:
                outcomes = self._commit(batch)
            self._call_loop(self._deliver, outcomes)
            if self.away:
                self._probe()
        connection.close()

    def _collect(self) -> list[Job[Any]] | None:
        first = self._queue.get()
        if first is None:
            return None
        batch = [first]
        deadline = first.queued_at + MAX_WAIT_S
        while len(batch) < MAX_BATCH:
            wait = deadline - time.monotonic() if len(batch) < ENOUGH else 0
            try:
                job = self._queue.get(timeout=wait) if wait > 0 else self._queue.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._queue.put(None)
                break
            batch.append(job)
        return batch

    def _commit(self, batch: list[Job[Any]]) -> list[_Outcome]:
        try:
            return _run_together(batch, self._memory)
        except Exception as error:  # whatever went wrong, each job gets its own chance
            if len(batch) > 1:
                log.info("batch repeated one by one", jobs=len(batch), error=type(error).__name__)
        outcomes: list[_Outcome] = []
        for job in batch:
            outcomes.append((job, None, DatabaseAway()) if self.away else self._commit_alone(job))
        return outcomes

    def _commit_alone(self, job: Job[Any]) -> _Outcome:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return _run_together([job], self._memory)[0]
            except (OperationalError, InterfaceError) as error:
                connection.close()
                if attempt == ATTEMPTS or not _is_reachable():
                    return self._declare_away(job, error)
            except Exception as error:
                return _fail(job, error)
        raise AssertionError("unreachable")

    def _declare_away(self, job: Job[Any], error: Exception) -> _Outcome:
        self.away = True
        log.error("database away: closing stations' sockets", error=str(error).strip())
        self._call_loop(self._on_away)
        return job, None, DatabaseAway()

    def _probe(self) -> None:
        """Wait until the database answers again; jobs that slip in meanwhile fail at once."""
        while not _is_reachable():
            deadline = time.monotonic() + PROBE_INTERVAL_S
            while (wait := deadline - time.monotonic()) > 0:
                try:
                    job = self._queue.get(timeout=wait)
                except queue.Empty:
                    break
                if job is None:
                    self._queue.put(None)
                    return
                self._call_loop(self._deliver, [(job, None, DatabaseAway())])
        # first: whoever finds the database back comes behind what was kept
        self._call_loop(self._put_kept)
        self.away = False
        log.info("database back")
        self._call_loop(self._on_back)

    def _call_loop(self, function: Callable[..., None], *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop is closed: nobody is left to be told
            log.debug("event loop closed before the writer")

    # On the event loop again.

    def _put_kept(self) -> None:
        while self._kept and not self._is_stopped:
            self._put(self._kept.popleft())

    def _deliver(self, outcomes: list[_Outcome]) -> None:
        self._unfinished -= len(outcomes)
        if self._unfinished < MAX_QUEUED:
            self._room.set()
        for job, result, error in outcomes:
            if job.outlasts and isinstance(error, DatabaseAway):
                self._keep(job)
            if job.future is None or job.future.done():
                continue
            if error is None:
                job.future.set_result(result)
            else:
                job.future.set_exception(error)
        if self._unfinished == 0:
            self._idle.set()


_Outcome = tuple[Job[Any], Any, Exception | None]


def _run_together(batch: list[Job[Any]], memory: dict[str, Any]) -> list[_Outcome]:
    try:
        return _run(batch, memory)
    except Stale as error:  # somebody else changed what was remembered
        log.info("batch repeated with fresh rows", jobs=len(batch), error=str(error))
        memory.clear()
        return _run(batch, memory)


def _run(batch: list[Job[Any]], memory: dict[str, Any]) -> list[_Outcome]:
    names = [job.names for job in batch if job.names is not None]
    with transaction.atomic(durable=True), write_batch(names, memory):
        outcomes: list[_Outcome] = [(job, job.run(), None) for job in batch]
    changes.note_committed(changes.station(name.station) for name in names if name.station)
    return outcomes


def _fail(job: Job[Any], error: Exception) -> _Outcome:
    """Let the job say what its failure means; a job that cannot is logged and passes the error on."""
    if job.failed is None:
        log.error("job failed", exc_info=error)
        return job, None, error
    try:
        with transaction.atomic(durable=True), write_batch():
            return job, job.failed(error), None
    except Exception as second:
        log.error("job failed, and so did saying so", exc_info=second)
        return job, None, DatabaseAway()


def _is_reachable() -> bool:
    try:
        connection.close()
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (OperationalError, InterfaceError):
        return False
    return True
