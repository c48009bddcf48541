"""What somebody may say who can write into Redis: S30 (docs/threat-model.md)."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgpack
import pytest
import redis
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings

from screens.live.hub import Hub
from stations.commands import queue_command, wait_for
from stations.models import Command

FORGED: list[dict[str, Any]] = [
    {},
    {"type": "command.queued"},
    {"type": "command.queued", "station": 999_999},
    {"type": "command.queued", "station": "1"},
    {"type": "command.queued", "station": [1]},
    {"type": "command.queued", "station": {"pk": 1}},
    {"type": "command.queued", "action": "Reset", "payload": {"type": "Hard"}},
    {"type": "command.closed", "command": ["x"]},
    {"type": "station.changed", "station": None},
    {"type": "socket.replaced", "connection": "not its connection"},
    {"type": "socket.revoked", "connection": None},
    {"type": ["command.queued"]},
    {"type": "__class__"},
]


async def test_forged_bells_start_nothing(cp, station, gateway, stored):
    """A bell only says where to look: at rows, and there is nothing."""
    for message in FORGED:
        gateway.hear(message)
        gateway.hear({"station": station.pk, **message})
    assert await cp.call("Heartbeat")
    assert await stored(Command.objects.count) == 0


async def test_forged_bells_leave_the_listener_alive(cp, station, gateway, stored):
    layer = get_channel_layer()
    for message in FORGED:
        await layer.send(gateway.channel, message)
    if settings.REDIS_URL:
        with redis.Redis.from_url(settings.REDIS_URL) as server:
            for data in (b"", b"\xff\0garbage", msgpack.packb([1]), msgpack.packb("x"), msgpack.packb({"type": {}})):
                server.publish(gateway.channel, data)
    command = await sync_to_async(queue_command)(station, "ClearCache", {})
    call = await cp.expects("ClearCache")
    await call.replies(status="Accepted")
    assert (await wait_for(command.pk, 10)).status == "accepted"


@pytest.mark.parametrize(
    "topics", [None, "station:1", [1, None, ["x"], "station:999999", "station:'; DROP TABLE x", "x" * 9999]]
)
async def test_forged_changes_show_nobody_anything(transactional_db, topics):
    """Topics are names: who watches none of them is told of none."""
    hub = Hub()
    heard = [topic for topic in topics if isinstance(topic, str)] if isinstance(topics, list) else []
    hub.hear(heard)
    began = time.monotonic()
    await asyncio.wait_for(hub.step(), 5)
    assert time.monotonic() - began < 5
    assert hub.browsers == set()
