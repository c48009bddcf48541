"""Pages hear of what happens in another process; while Redis is away they look for themselves."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import websockets
from ocpp.v16 import call
from websockets.asyncio.client import ClientConnection

from bench.rig import Redis

from ..server import Server, free_port
from .charge_point import connected
from .conftest import Installation

pytestmark = pytest.mark.server

#: From the charger's frame to the page.
SOON_S = 1.0
#: Rows are read and messages sent once a second: what happens after so long a silence waits for nothing that happened
#: before, not even for what shows on no page.
CALM_S = 2.5
#: While Redis is away: found out within two rounds, then read in every one.
DEAF_S = 20.0
LOG_IN = """
import json
from django.contrib.auth.models import User
from django.test import Client
client = Client()
client.force_login(User.objects.create_superuser("admin"), backend="django.contrib.auth.backends.ModelBackend")
print("SESSION", json.dumps(client.cookies["sessionid"].value))
"""


class Page:
    """An open page at one of the servers."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def subscribe(self, *topics: str) -> None:
        await self._socket.send(json.dumps({"subscribe": topics}))
        assert json.loads(await self._socket.recv())["snapshot"]

    async def hears(self, *, within_s: float, **expected: Any) -> float:
        """Seconds until a patch says what is expected."""
        began = time.monotonic()
        async with asyncio.timeout(within_s):
            while True:
                message = json.loads(await self._socket.recv())
                if any(patch.items() >= expected.items() for patch in message["patches"]):
                    return time.monotonic() - began

    async def hears_change(self, topic: str, *, within_s: float) -> None:
        async with asyncio.timeout(within_s):
            while topic not in json.loads(await self._socket.recv())["changed"]:
                pass

    async def calms_down(self) -> None:
        """Until everything that has happened is told, and the next is not kept waiting for it."""
        with contextlib.suppress(TimeoutError):
            while True:
                async with asyncio.timeout(CALM_S):
                    await self._socket.recv()


@contextlib.asynccontextmanager
async def open_page(server: Server, session: str) -> AsyncIterator[Page]:
    headers = {"Cookie": f"sessionid={session}"}
    address = f"ws://127.0.0.1:{server.port}/ws/ui/"
    async with websockets.connect(address, additional_headers=headers, origin=server.page) as socket:  # type: ignore[arg-type]
        yield Page(socket)


async def report(cp: Any, status: str) -> None:
    await cp.call(call.StatusNotification(connector_id=1, error_code="NoError", status=status), suppress=False)


async def test_a_state_reaches_the_pages_of_the_other_process_within_a_second(cluster: Installation) -> None:
    first, second = cluster.start(free_port(), free_port())
    cluster.run("create_charge_point", "CP1", "--accept")
    session = cluster._shell("SESSION", LOG_IN)
    async with open_page(first, session) as here, open_page(second, session) as there:
        await here.subscribe("overview")
        await there.subscribe("overview", "attempts")
        await there.calms_down()
        async with connected(first.charger_address) as cp:
            await there.hears(t="figures", online=1, within_s=SOON_S)
            assert await cp.boot() == "Accepted"
            for status in ("Preparing", "Charging", "Available"):
                await asyncio.gather(here.calms_down(), there.calms_down())
                await report(cp, status)
                await asyncio.gather(
                    here.hears(t="counts", within_s=SOON_S, **{status: 1}),
                    there.hears(t="counts", within_s=SOON_S, **{status: 1}),
                )
        # what happens in neither of them: a command of manage.py
        await asyncio.to_thread(cluster.run, "create_charge_point", "CP2", "--accept")
        await there.calms_down()
        with contextlib.suppress(websockets.InvalidStatus):
            await websockets.connect(f"{first.charger_address}", subprotocols=["ocpp1.6"])  # type: ignore[list-item]
        await there.hears_change("attempts", within_s=SOON_S)
    for server in (first, second):
        assert "Traceback" not in server.log


async def test_pages_stay_right_without_redis(cluster_with_own_redis: Installation, own_redis: Redis) -> None:
    cluster = cluster_with_own_redis
    own_redis.start()
    first, second = cluster.start(free_port(), free_port())
    cluster.run("create_charge_point", "CP1", "--accept")
    session = cluster._shell("SESSION", LOG_IN)
    async with (
        open_page(first, session) as here,
        open_page(second, session) as there,
        connected(first.charger_address) as cp,
    ):
        await here.subscribe("overview")
        await there.subscribe("overview")
        assert await cp.boot() == "Accepted"
        await report(cp, "Preparing")
        await there.hears(t="counts", Preparing=1, within_s=2 * SOON_S)
        await here.calms_down()

        own_redis.kill()

        await report(cp, "Charging")
        await here.hears(t="counts", Charging=1, within_s=2 * SOON_S)  # its own process needs no Redis
        await there.hears(t="counts", Charging=1, within_s=DEAF_S)
        await report(cp, "SuspendedEV")
        await there.hears(t="counts", SuspendedEV=1, within_s=DEAF_S / 2)

        own_redis.start()

        for _ in range(10):  # heard again: at once, as before
            await asyncio.sleep(DEAF_S / 10)
            await report(cp, "Charging")
            await there.hears(t="counts", Charging=1, within_s=DEAF_S)
            await asyncio.sleep(1.1)
            await report(cp, "Available")
            if await there.hears(t="counts", Available=1, within_s=DEAF_S) < SOON_S:
                break
        else:
            pytest.fail("the bell is not heard again")
        await cp.beat()
    said = [line for line in first.log.splitlines() if "changes told in this process only" in line]
    assert len(said) == 1
    for server in (first, second):
        assert "Traceback" not in "\n".join(line for line in server.log.splitlines() if "channels_redis" not in line)
