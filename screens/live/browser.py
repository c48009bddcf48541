"""One open page: what it watches, what it has been told, and what it is to be told next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import msgspec

from .patches import Key, Patches
from .picture import Delta, Picture
from .viewer import Grant, Viewer

#: At most one message in this time, but for the snapshot that answers a subscription.
SEND_EVERY_S = 1.0
#: A page hears something at least this often, so that it knows its line lives.
SILENCE_S = 25.0
#: Who has not read a message for so long is gone.
STUCK_AFTER_S = 20.0


class Browser:
    """`send` delivers a text; `close` ends the line with a code and a reason."""

    def __init__(
        self,
        session_key: str,
        viewer: Viewer,
        send: Callable[[str], Awaitable[None]],
        close: Callable[[int, str], None],
    ) -> None:
        self.session_key, self.viewer, self.close = session_key, viewer, close
        #: Held while what this page may watch is looked up: a check of rights and a subscription may meet.
        self.lock = asyncio.Lock()
        self.asked: frozenset[str] = frozenset()
        self.grant = Grant()
        self._send = send
        self._sending: asyncio.Task[None] | None = None
        self._sent_at = float("-inf")
        self._seq = 0
        self._told: dict[Key, str] = {}
        self._keys: set[Key] = set()
        self._changed: set[str] = set()
        self._has_news = False

    def allow(self, viewer: Viewer, asked: Iterable[str], grant: Grant) -> None:
        """What this person asked for and may watch from now on."""
        self.viewer, self.asked, self.grant = viewer, frozenset(asked), grant

    def note(self, heard: Iterable[str], delta: Delta, picture: Picture) -> None:
        """Something happened: remember what of it this page shows."""
        self._changed |= self.grant.topics.intersection(heard)
        if "overview" in self.grant.topics and self.viewer.sight.reaches(delta.restructured):
            self._changed.add("overview")
        if "mine" in self.grant.topics and (self.viewer.user_pk in delta.holders or delta.concerns_holders):
            self._changed.add("mine")
        self._keys |= self._shown(picture) & {
            *(("connector", pk) for pk in delta.connectors),
            *(("station", pk) for pk in delta.stations),
        }
        if self._keys or self._changed or (delta.stations and "overview" in self.grant.topics):
            self._has_news = True

    def _shown(self, picture: Picture) -> set[Key]:
        keys: set[Key] = {("connector", pk) for pk in self.grant.connectors}
        for pk in self.grant.stations:
            keys.add(("station", pk))
            station = picture.stations.get(pk)
            keys |= {("connector", outlet.pk) for outlet in (station.outlets if station is not None else ())}
        return keys

    def due_at(self, now: float) -> float:
        """When `flush` is to be called next."""
        if not self._seq:
            return float("inf")
        if self._is_sending:
            return now + SEND_EVERY_S
        return self._sent_at + (SEND_EVERY_S if self._has_news else SILENCE_S)

    def snapshot(self, patches: Patches, picture: Picture, changed: Iterable[str], now: float) -> None:
        """Tell everything that this page shows, and what of its parts changed since it was made."""
        self._told.clear()
        self._keys = self._shown(picture)
        self._changed |= self.grant.topics.intersection(changed)
        refused = sorted(self.asked - self.grant.topics)
        self._deliver(self._patches(patches), now, {"snapshot": True, "refused": refused})

    def flush(self, patches: Patches, now: float) -> None:
        """Tell what is new, if there is something, it is time, and the page has read what it was told before.

        A page that has not said yet what it shows is told nothing.
        """
        if self._is_sending and now > self._sent_at + STUCK_AFTER_S:
            self.close(4408, "does not read")
        if not self._seq or self._is_sending or now < self._sent_at + SEND_EVERY_S:
            return
        news = self._patches(patches)
        if news or self._changed or now >= self._sent_at + SILENCE_S:
            self._deliver(news, now, {})

    @property
    def _is_sending(self) -> bool:
        return self._sending is not None and not self._sending.done()

    def _patches(self, patches: Patches) -> dict[Key, str]:
        """Those that say something else than this page was told; remembers that it was."""
        wanted = dict(patches.of(sorted(self._keys), self.viewer.sight))
        if "overview" in self.grant.topics:
            wanted |= patches.overview(self.viewer.sight)
        news = {key: text for key, text in wanted.items() if self._told.get(key) != text}
        self._told |= news
        self._keys.clear()
        self._has_news = False
        return news

    def _deliver(self, news: dict[Key, str], now: float, more: dict[str, object]) -> None:
        self._seq += 1
        rest = msgspec.json.encode({"changed": sorted(self._changed), **more}).decode()
        self._changed.clear()
        self._sent_at = now
        text = f'{{"v":1,"seq":{self._seq},"patches":[{",".join(news.values())}],{rest[1:]}'
        self._sending = asyncio.get_running_loop().create_task(self._say(text, self._sending))

    async def _say(self, text: str, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await before
        await self._send(text)
