"""Waiting for a command's end: woken by the bell where it is heard, else by looking at the row again and again."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid

from asgiref.sync import sync_to_async

from . import bell
from .database_places import places
from .models import Command

#: How often the row is looked at: the bell may be lost, and a process without a gateway hears none. A server has many
#: who wait, and every look is a new connection: it hears the bell, but for a command that was raised elsewhere.
POLL_S = 0.1
POLL_IN_SERVER_S = 1.0
POLL_BESIDE_BELL_S = 5.0
#: Most stations answer within this time: a new connection to PostgreSQL would take a good part of it.
QUICK_S = 0.25

_lock = threading.Lock()
_waiters: dict[str, set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {}


async def wait_for(pk: uuid.UUID, seconds: float) -> Command:
    """The row as soon as it is final, or as it is when the time is over. Raises Command.DoesNotExist."""
    deadline = time.monotonic() + seconds
    waiter = asyncio.get_running_loop(), asyncio.Event()
    patience_s = QUICK_S
    _add(str(pk), waiter)
    try:
        while True:
            waiter[1].clear()
            row = await sync_to_async(_look)(pk, is_quick=patience_s == QUICK_S)
            left = deadline - time.monotonic()
            if row.is_final or left <= 0:
                return row
            if await _heard(waiter[1], min(left, patience_s)):
                continue
            patience_s = _patience_s(row)
    finally:
        _remove(str(pk), waiter)


def _look(pk: uuid.UUID, *, is_quick: bool) -> Command:
    """The row now. Whoever waits for long, or while others wait, keeps neither a connection nor a request's place."""
    places.come_back()
    row = Command.objects.select_related("charge_point").get(pk=pk)
    if not row.is_final and (places.waiting or not is_quick):
        places.step_aside()
    return row


def _patience_s(row: Command) -> float:
    here = bell.own_channel()
    if not here:
        return POLL_S
    return POLL_BESIDE_BELL_S if row.raised_in == here else POLL_IN_SERVER_S


async def _heard(event: asyncio.Event, seconds: float) -> bool:
    try:
        return await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False


def wake(pk: str) -> None:
    """A command ended: whoever waits for it in this process looks at its row."""
    with _lock:
        waiters = list(_waiters.get(pk, ()))
    for loop, event in waiters:
        loop.call_soon_threadsafe(event.set)


def _add(pk: str, waiter: tuple[asyncio.AbstractEventLoop, asyncio.Event]) -> None:
    with _lock:
        _waiters.setdefault(pk, set()).add(waiter)


def _remove(pk: str, waiter: tuple[asyncio.AbstractEventLoop, asyncio.Event]) -> None:
    with _lock:
        _waiters[pk].discard(waiter)
        if not _waiters[pk]:
            del _waiters[pk]
