"""What changes in other processes, over the channel layer; and whether we would hear it at all.

A message of our own comes back to us every few seconds. When it does not, the layer is away: then everything that is
watched is read again at the same pace, so that nothing on a page stays wrong for longer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from channels.layers import get_channel_layer

from stations.changes import GROUP, LAYER_TIMEOUT_S, ORIGIN

log = structlog.get_logger(__name__)

ECHO_EVERY_S = 5.0
#: In front of the names of our channels.
PREFIX = "live."


class Neighbours:
    """`hear` gets topics that changed elsewhere; `look_round` is called while, and once after, nothing can be heard."""

    def __init__(self, hear: Callable[[Iterable[str]], None], look_round: Callable[[], None]) -> None:
        self._hear, self._look_round = hear, look_round
        self._heard_at = float("-inf")
        self._is_deaf = False
        self._listening: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def stop(self) -> None:
        for task in (self._watching, self._listening):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _watch(self) -> None:
        """Listen, and listen anew when nothing comes back."""
        while True:
            if self._listening is None or self._listening.done() or self._is_deaf:
                await self._listen_anew()
            sent_at = time.monotonic()
            await self._call()
            await asyncio.sleep(ECHO_EVERY_S)
            self._judge(is_deaf=self._heard_at < sent_at)

    def _judge(self, *, is_deaf: bool) -> None:
        if is_deaf and not self._is_deaf:
            log.warning("other processes not heard: what pages show is read every few seconds")
        elif self._is_deaf and not is_deaf:
            log.info("other processes heard again")
        if is_deaf or self._is_deaf:
            self._look_round()
        self._is_deaf = is_deaf

    async def _listen_anew(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        layer = get_channel_layer()
        for name in [name for name in getattr(layer, "channels", ()) if PREFIX in name]:
            layer.channels.pop(name)  # one that it could not subscribe to
        try:
            async with asyncio.timeout(LAYER_TIMEOUT_S):
                channel = await layer.new_channel(PREFIX)
                await layer.group_add(GROUP, channel)
        except Exception as error:  # the layer's errors are its backend's, whatever they are
            log.debug("channel layer away", error=str(error) or type(error).__name__)
        else:
            self._listening = asyncio.get_running_loop().create_task(self._listen(layer, channel))

    async def _call(self) -> None:
        try:
            async with asyncio.timeout(LAYER_TIMEOUT_S):
                await get_channel_layer().group_send(GROUP, {"type": "live.echo", "origin": ORIGIN})
        except Exception as error:
            log.debug("channel layer away", error=str(error) or type(error).__name__)

    async def _listen(self, layer: Any, channel: str) -> None:
        while True:
            message = await layer.receive(channel)
            if not isinstance(message, dict):
                continue  # whoever can write into Redis says what he likes
            if message.get("origin") == ORIGIN:
                if message.get("type") == "live.echo":
                    self._heard_at = time.monotonic()
                continue
            topics = message.get("topics")
            if isinstance(topics, list):
                self._hear([topic for topic in topics if isinstance(topic, str)])
