"""What changed, for whoever watches. The row is the truth; this is only the bell and may be lost.

`note("station:17")` says, after commit, that something under that topic changed. Topics are collected in this process
and told at once, then at most every INTERVAL_S: to this process's listener (the hub of its browsers) and, where Redis
joins several processes, to theirs. One thread does the telling, so it is the same in a server, a worker and a command;
it lives while there is something to tell. Who hears a topic reads the rows.
"""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from functools import partial

import structlog
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import transaction

log = structlog.get_logger(__name__)

INTERVAL_S = 0.25
LAYER_TIMEOUT_S = 2.0
#: While the layer is away nobody tries more often than this: the other processes look for themselves.
LAYER_RETRY_S = 5.0
#: The channel layer's group of all hubs, and the name under which this process tells it.
GROUP = "live"
ORIGIN = uuid.uuid4().hex

Listener = Callable[[frozenset[str]], None]

_lock = threading.Lock()
_pending: set[str] = set()
_listener: Listener | None = None
_is_telling = False
_told_at = 0.0
_layer_away_until = 0.0


def station(charge_point_id: int) -> str:
    """The topic of everything that happens at a charger."""
    return f"station:{charge_point_id}"


def note(*topics: str) -> None:
    """Something under `topics` changed; told once the current database transaction is committed."""
    if _is_heard():
        transaction.on_commit(partial(note_committed, topics))


def note_committed(topics: Iterable[str]) -> None:
    """As `note`, of what is committed already. Any thread may call it; it never waits and never raises."""
    global _is_telling
    if not _is_heard():
        return
    with _lock:
        _pending.update(topics)
        if _is_telling or not _pending:
            return
        _is_telling = True
    try:
        threading.Thread(target=_run, name="changes").start()
    except RuntimeError as error:  # the interpreter is ending, or there are too many threads
        _give_up(error)


def attach(listener: Listener) -> None:
    """Make `listener` hear what changes in this process; it is called in a thread of ours and must return at once."""
    global _listener
    _listener = listener


def detach(listener: Listener) -> None:
    global _listener
    if _listener == listener:
        _listener = None


def _is_heard() -> bool:
    return _listener is not None or bool(settings.REDIS_URL)


def _give_up(error: Exception) -> None:
    """What is not told now is told with what comes next."""
    global _is_telling
    with _lock:
        _is_telling = False
    log.debug("changes not told", error=str(error) or type(error).__name__)


# From here on: the telling thread.


def _run() -> None:
    try:
        asyncio.run(_tell())
    except Exception as error:  # no file is left for an event loop, say: the bell must ring again later
        _give_up(error)


async def _tell() -> None:
    global _told_at
    unsent: set[str] = set()
    sending: asyncio.Task[None] | None = None
    while topics := await _take():
        _told_at = time.monotonic()
        _tell_listener(topics)
        unsent |= topics
        if sending is None or sending.done():  # a layer that hangs must not keep our own browsers waiting
            sending = asyncio.create_task(_send(unsent))
            unsent = set()
    if sending is not None:
        await sending
    await _send(unsent)


async def _take() -> frozenset[str]:
    """What is to be told now; ends the telling if nothing is."""
    global _is_telling
    with _lock:
        if not _pending:
            _is_telling = False
            return frozenset()
    await asyncio.sleep(max(0.0, _told_at + INTERVAL_S - time.monotonic()))
    with _lock:
        topics = frozenset(_pending)
        _pending.clear()
    return topics


def _tell_listener(topics: frozenset[str]) -> None:
    if (listener := _listener) is None:
        return
    try:
        listener(topics)
    except RuntimeError:  # its event loop has just closed
        detach(listener)


async def _send(topics: set[str]) -> None:
    global _layer_away_until
    if not topics or not settings.REDIS_URL or time.monotonic() < _layer_away_until:
        return
    try:
        async with asyncio.timeout(LAYER_TIMEOUT_S):
            message = {"type": "live.changed", "origin": ORIGIN, "topics": sorted(topics)}
            await get_channel_layer().group_send(GROUP, message)
    except Exception as error:  # the layer's errors are its backend's, whatever they are
        if not _layer_away_until:
            log.warning("changes told in this process only", error=str(error) or type(error).__name__)
        _layer_away_until = time.monotonic() + LAYER_RETRY_S
    else:
        _layer_away_until = 0.0
