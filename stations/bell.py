"""Rings the gateway process that holds a station. The row is the truth; this is only the bell and may be lost.

A gateway in this very process is called directly; any other is reached over the channel layer. Ringing never raises
and never keeps a database writer waiting: a gateway's event loop does the talking where there is one.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

log = structlog.get_logger(__name__)
LAYER_TIMEOUT_S = 2.0

_lock = threading.Lock()
_attached: tuple[str, asyncio.AbstractEventLoop, Callable[[dict[str, Any]], None]] | None = None


def attach(channel: str, loop: asyncio.AbstractEventLoop, handler: Callable[[dict[str, Any]], None]) -> None:
    """Make `handler`, run on `loop`, this process's gateway; `channel` is its name in the database."""
    global _attached
    with _lock:
        _attached = (channel, loop, handler)


def detach(channel: str) -> None:
    global _attached
    with _lock:
        if _attached is not None and _attached[0] == channel:
            _attached = None


def own_channel() -> str:
    """The name of this process's gateway; nothing where there is none."""
    with _lock:
        return "" if _attached is None else _attached[0]


def ring(channel: str, message: dict[str, Any]) -> None:
    """Ring the process listening on `channel` once the current database transaction is committed."""
    transaction.on_commit(lambda: ring_now(channel, message))


def ring_now(channel: str, message: dict[str, Any]) -> None:
    with _lock:
        attached = _attached
    if attached is None:
        async_to_sync(_send)(channel, message)
        return
    own_channel, loop, handler = attached
    try:
        if channel == own_channel:
            loop.call_soon_threadsafe(handler, message)
        else:
            asyncio.run_coroutine_threadsafe(_send(channel, message), loop)
    except RuntimeError:  # the loop has just closed: the process is ending, its sweep's successor will see the row
        log.info("bell not heard: gateway is stopping", channel=channel)


async def _send(channel: str, message: dict[str, Any]) -> None:
    try:
        async with asyncio.timeout(LAYER_TIMEOUT_S):
            await get_channel_layer().send(channel, message)
    except Exception as error:  # the layer's errors are its backend's; whatever it is, the sweep rings again
        log.warning("bell not heard: channel layer away", channel=channel, error=str(error) or type(error).__name__)
