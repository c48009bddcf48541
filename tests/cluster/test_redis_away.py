"""Redis is only the bell: without it stations connect and charge, and commands still reach them by the sweep."""

from __future__ import annotations

import asyncio
import json
from statistics import median

import pytest

from bench.rig import Redis

from ..server import free_port
from .charge_point import ChargePoint, connected
from .conftest import Installation

pytestmark = pytest.mark.server

#: A command that nobody rings for: the sweep comes round every five seconds.
SWEEP_S = 10.0
BELL_S = 2.0
TRANSACTION = "SELECT meter_start_wh, meter_stop_wh, energy_wh, ended_by FROM transactions_transaction"


async def commands_go_out(installation: Installation, cp: ChargePoint, count: int = 1) -> float:
    """Send commands from another process; median of the seconds until they were sent."""
    cp.asked.clear()
    done = await asyncio.to_thread(installation.send_commands, count)
    assert [status for status, _ in done] == ["accepted"] * count
    assert cp.asked == ["Heartbeat"] * count
    waits = [sent_after_s or 0.0 for _, sent_after_s in done]
    assert max(waits) < SWEEP_S
    return median(waits)


async def test_a_server_that_starts_without_redis(installation: Installation, own_redis: Redis) -> None:
    installation.run("create_id_tag", "CAFE")
    [server] = installation.start(free_port())
    assert server.get("/healthz")[0] == 200
    status, text = server.get("/readyz")
    assert (status, json.loads(text)["reasons"]) == (503, ["Redis cannot be reached"])
    async with connected(server.charger_address) as cp:
        assert await cp.boot() == "Pending"
        await asyncio.to_thread(installation.run, "create_charge_point", "CP1", "--accept", "--update")
        await asyncio.wait_for(cp.triggered.wait(), SWEEP_S)
        assert await cp.boot() == "Accepted"
        assert await cp.authorize("CAFE") == "Accepted"
        transaction_id = await cp.begin("CAFE")
        await cp.report(transaction_id, *range(1, 11))
        await cp.end(transaction_id, 10)
        assert installation.query(TRANSACTION) == [(1000, 2117, 1117, "station")]
        await commands_go_out(installation, cp)

        own_redis.start()

        await commands_go_out(installation, cp)
        assert await commands_go_out(installation, cp, count=3) < BELL_S  # the bell is heard again
        assert server.get("/readyz")[0] == 200
    assert "Traceback" not in server.log


async def test_redis_is_killed_and_comes_back(installation: Installation, own_redis: Redis) -> None:
    own_redis.start()
    installation.run("create_id_tag", "CAFE")
    installation.run("create_charge_point", "CP1", "--accept")
    [server] = installation.start(free_port())
    async with connected(server.charger_address) as cp:
        assert await cp.boot() == "Accepted"
        transaction_id = await cp.begin("CAFE")
        await cp.report(transaction_id, 1, 2)
        assert await commands_go_out(installation, cp, count=3) < BELL_S

        own_redis.kill()

        await cp.report(transaction_id, 3, 4)
        await commands_go_out(installation, cp)
        async with connected(server.charger_address, "CP2") as stranger:
            assert await stranger.boot() == "Pending"
        await cp.report(transaction_id, 5)

        own_redis.start()

        await commands_go_out(installation, cp)
        assert await commands_go_out(installation, cp, count=3) < BELL_S
        await cp.end(transaction_id, 6)
        assert cp.is_connected  # the very socket of the beginning
    assert installation.query(TRANSACTION) == [(1000, 1673, 673, "station")]
    # the layer's own library complains loudly
    assert [line for line in server.log.splitlines() if "[error" in line and "[channels_redis" not in line] == []
