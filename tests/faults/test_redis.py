"""Redis is killed or emptied under load: charging goes on, and commands find their stations (F09)."""

from __future__ import annotations

import asyncio
import random
import time

import pytest

from .campaign import Campaign, short_or_long
from .conftest import NewCampaign

pytestmark = pytest.mark.faults

TIMES, AWAY_S, REACHED_S = short_or_long(2, 10), short_or_long(2.0, 10.0), 10


async def test_f09_redis_killed_and_flushed(campaign: NewCampaign) -> None:
    """No socket ends, no message fails, and a command raised meanwhile arrives soon after Redis is back."""
    async with campaign("F09 Redis killed and flushed", servers=2) as run:
        assert run.redis is not None
        await run.drive()
        sockets, slowest_s = run.stations.counts["sockets"], 0.0
        for number in range(1, TIMES + 1):
            await run.load(*short_or_long((1, 2), (3, 6)))
            if number % 2:
                run.redis.kill()
            else:
                run.redis.flush()
            await asyncio.sleep(AWAY_S / 2)
            raised = await _raise(run, 10)
            await asyncio.sleep(AWAY_S / 2)
            if number % 2:
                await asyncio.to_thread(run.redis.start)
            slowest_s = max(slowest_s, await _reached(run, raised, f"fault {number}"))
        await run.load()
        run.zero("sockets lost", run.stations.counts["sockets"] - sockets + run.stations.counts["lost sockets"])
        run.tell(f"{TIMES} times; commands raised meanwhile reached their stations ≤ {slowest_s:.1f} s after")


async def _raise(run: Campaign, count: int) -> list[str]:
    """Commands through either server: half of them through the one that does not hold the station's socket."""
    rows = [
        await run.operator.command(charger.identity, "DataTransfer", {"vendorId": "accept"}, server=run.servers[n % 2])
        for n, charger in enumerate(random.sample(run.stations.chargers, count))
    ]
    return [str(row["id"]) for row in rows]


async def _reached(run: Campaign, raised: list[str], what: str) -> float:
    begun = time.monotonic()
    await run.until(lambda: all(key in run.stations.orders for key in raised), REACHED_S * 2)
    took_s = time.monotonic() - begun
    there = sum(key in run.stations.orders for key in raised)
    run.promise(
        f"{what}: commands at their stations ≤ {REACHED_S} s after",
        f"{there} of {len(raised)} in {took_s:.1f} s",
        there == len(raised) and took_s <= REACHED_S,
    )
    return took_s
