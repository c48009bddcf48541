"""The process's hub: hears what changed, reads it once for all its browsers, and tells each what it may see.

One task, one thread with a database connection of its own; rows are read at most once a second. Started by the first
browser. It outlives the last one by LINGER_S without reading anything, because whoever goes from page to page asks what
happened in between.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from stations import changes

from .browser import Browser
from .neighbours import Neighbours
from .patches import Patches
from .picture import Delta, Picture, read_stations
from .viewer import Viewer, viewer_of

log = structlog.get_logger(__name__)
T = TypeVar("T")

READ_EVERY_S = 1.0
#: After a failure, and while other processes cannot tell us anything.
READ_AGAIN_S = 5.0
#: What nobody tells: readings grow old, the day ends, a bell was lost.
LOOK_ROUND_S = 30.0
CHECK_RIGHTS_S = 60.0
#: For so long after the bell a person's rights are checked again and again: who logs out is told of before it is done.
DOUBT_S = 3.0
LINGER_S = 120.0
#: A page is this much older than its own word for when it was made: it read its rows before.
PAGE_TAKES_S = 2.0
LOGGED_OUT = 4401


class Hub:
    """One per process and event loop. `clock` is monotonic seconds."""

    _running: Hub | None = None

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.browsers: set[Browser] = set()
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="live")
        self._picture = Picture()
        self._patches = Patches(self._picture)
        self._heard: set[str] = set()
        self._told_at: dict[str, float] = {}
        self._doubted_until: dict[str, float] = {}
        self._began_at = time.time()
        self._read_at = self._left_at = clock()
        self._look_round_at, self._check_at = clock() + LOOK_ROUND_S, clock() + CHECK_RIGHTS_S
        self._wake = asyncio.Event()
        self._neighbours = Neighbours(self.hear, self.look_round) if settings.REDIS_URL else None
        self._task: asyncio.Task[None] | None = None

    @classmethod
    def current(cls) -> Hub:
        """The running loop's hub, started if there is none."""
        if cls._running is None or cls._running._loop is not asyncio.get_running_loop():
            cls._running = cls()
            cls._running.start()
        return cls._running

    def start(self) -> None:
        changes.attach(self._overhear)
        if self._neighbours is not None:
            self._neighbours.start()
        self._task = self._loop.create_task(self._run())

    async def stop(self) -> None:
        """End everything of ours; browsers that are still there are not told."""
        changes.detach(self._overhear)
        if Hub._running is self:
            Hub._running = None
        if self._neighbours is not None:
            await self._neighbours.stop()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(RuntimeError):  # stopped twice
            await self._loop.run_in_executor(self._thread, lambda: connection.close())
        self._thread.shutdown(wait=False)

    # What browsers want

    async def viewer(self, session_key: str) -> Viewer | None:
        self._left_at = self._clock()  # whoever is about to enter is not left alone
        return await self._ask(viewer_of, session_key)

    def enter(self, browser: Browser) -> None:
        self.browsers.add(browser)

    def leave(self, browser: Browser) -> None:
        self.browsers.discard(browser)
        self._left_at = self._clock()
        self._trim()

    async def subscribe(self, browser: Browser, topics: Collection[str], since: float | None) -> None:
        """Let a browser watch `topics` and nothing else, and show it how they stand.

        `since` (Unix time) is when its page was made: it is told which topics changed after that, and all of them where
        we do not know. Without it, it needs no such word.
        """
        async with browser.lock:
            browser.allow(browser.viewer, topics, await self._ask(browser.viewer.grant, topics))
            self._trim()
            await self._read_missing(browser)
            changed = self._changed_since(since, browser.grant.topics) if since is not None else ()
            browser.snapshot(self._patches, self._picture, changed, self._clock())
        self._wake.set()

    def _changed_since(self, since: float, topics: Iterable[str]) -> list[str]:
        since -= PAGE_TAKES_S
        if since < self._began_at:
            return list(topics)
        changed = {topic for topic, at in self._told_at.items() if at >= since}
        if any(topic.startswith("station:") for topic in changed):
            changed |= {"overview", "mine"}
        return [topic for topic in topics if topic in changed]

    # What happens

    def _overhear(self, topics: frozenset[str]) -> None:
        """In the thread that tells changes."""
        self._loop.call_soon_threadsafe(self.hear, topics)

    def hear(self, topics: Iterable[str]) -> None:
        """Something changed under these topics, here or in another process; nothing in them is trusted."""
        now = time.time()
        for topic in topics:
            self._told_at[topic] = now
        if self.browsers:
            self._heard.update(topics)
            self._wake.set()

    def look_round(self) -> None:
        """Read everything that is watched: something may have been missed."""
        self._look_round_at = float("-inf")
        self._wake.set()

    # The task

    async def _run(self) -> None:
        while self.browsers or self._clock() < self._left_at + LINGER_S:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, self._due_at() - self._clock())):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self.step()
            except Exception:  # a fault of ours must not end everybody's line
                log.exception("pages not kept up to date")
                await asyncio.sleep(READ_AGAIN_S)
        await self.stop()

    def _due_at(self) -> float:
        now = self._clock()
        if not self.browsers:
            return self._left_at + LINGER_S
        due = [browser.due_at(now) for browser in self.browsers]
        if self._heard or self._doubted_until:
            due.append(self._read_at)
        return min(*due, max(self._look_round_at, self._read_at), max(self._check_at, self._read_at))

    async def step(self) -> None:
        """Do what is due by the clock; calling it too often does nothing."""
        now = self._clock()
        if not self.browsers:
            return
        is_due = bool(self._heard or self._doubted_until) or now >= min(self._look_round_at, self._check_at)
        if is_due and now >= self._read_at:
            try:
                await self._read_what_is_due(now)
                self._read_at = now + READ_EVERY_S
            except (OperationalError, InterfaceError) as error:
                self._read_at = now + READ_AGAIN_S
                log.warning("pages not kept up to date: database away", error=str(error).strip())
        for browser in list(self.browsers):
            browser.flush(self._patches, self._clock())

    async def _read_what_is_due(self, now: float) -> None:
        if now >= self._check_at:
            await self._check_rights(self.browsers)
            self._check_at = now + CHECK_RIGHTS_S
        heard, self._heard = self._heard, set()
        try:
            await self._check_doubted(now, heard)
            delta = await self._read(now, heard)
        except (OperationalError, InterfaceError):
            self._heard |= heard
            raise
        for browser in self.browsers:
            browser.note(heard, delta, self._picture)

    async def _read(self, now: float, heard: set[str]) -> Delta:
        """Read the stations that were rung for, or all that are watched if it is time to look round."""
        watched = self._watched()
        if now >= self._look_round_at:
            delta = await self._put(watched)
            self._look_round_at = now + LOOK_ROUND_S
            self._forget(time.time() - LINGER_S)
            return delta
        rung = {int(pk) for topic in heard if (pk := topic.removeprefix("station:")).isdecimal() and pk != topic}
        return await self._put(rung if watched is None else rung & watched)

    def _watched(self) -> set[int] | None:
        """Stations that somebody watches; None if it is all of them."""
        if any(browser.grant.watches_all for browser in self.browsers):
            return None
        return {pk for browser in self.browsers for pk in browser.grant.watched}

    async def _put(self, stations: Collection[int] | None) -> Delta:
        if stations is not None and not stations:
            return Delta()
        delta = self._picture.put(stations, await self._ask(read_stations, stations))
        self._patches.forget(delta)
        return delta

    async def _read_missing(self, browser: Browser) -> None:
        """Read what a new subscription shows and nobody has watched before."""
        missing: set[int] | None
        if browser.grant.watches_all:
            missing = set() if self._picture.is_complete else None
        else:
            missing = browser.grant.watched - self._picture.stations.keys()
        delta = await self._put(missing)
        for other in self.browsers - {browser}:  # what was read for one may be news for another
            other.note((), delta, self._picture)

    def _trim(self) -> None:
        """Forget stations that nobody watches: nobody reads them again, so they grow old."""
        watched = self._watched()
        if watched is not None:
            self._picture.keep(watched)

    def _forget(self, before: float) -> None:
        self._told_at = {topic: at for topic, at in self._told_at.items() if at >= before}

    # Rights

    async def _check_doubted(self, now: float, heard: set[str]) -> None:
        self._doubted_until |= dict.fromkeys((topic for topic in heard if topic.startswith("person:")), now + DOUBT_S)
        await self._check_rights([b for b in self.browsers if f"person:{b.viewer.user_pk}" in self._doubted_until])
        self._doubted_until = {topic: until for topic, until in self._doubted_until.items() if until > now}

    async def _check_rights(self, browsers: Collection[Browser]) -> None:
        """Ask again who is behind each session and what they may watch."""
        for browser in list(browsers):
            async with browser.lock:
                await self._check_rights_of(browser)

    async def _check_rights_of(self, browser: Browser) -> None:
        viewer = await self._ask(viewer_of, browser.session_key)
        if viewer is None:
            self.leave(browser)
            browser.close(LOGGED_OUT, "logged out")
            return
        grant = await self._ask(viewer.grant, browser.asked)
        is_new = grant != browser.grant or viewer.sight != browser.viewer.sight
        browser.allow(viewer, browser.asked, grant)
        if is_new:
            await self._read_missing(browser)
            browser.snapshot(self._patches, self._picture, grant.topics, self._clock())

    async def _ask(self, question: Callable[..., T], *arguments: object) -> T:
        return await self._loop.run_in_executor(self._thread, _answered, question, *arguments)


def _answered(question: Callable[..., T], *arguments: object) -> T:
    try:
        return question(*arguments)
    except (OperationalError, InterfaceError):
        connection.close()  # the next question opens a new one
        raise
