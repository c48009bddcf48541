"""Two server processes on one PostgreSQL and one Redis, and a charge point that lands on the one or the other."""

from __future__ import annotations

import asyncio
from statistics import median

import pytest

from bench.rig import Redis

from ..server import free_port
from .charge_point import connected
from .conftest import Installation

pytestmark = pytest.mark.server

HOLDER = "SELECT gateway_id FROM stations_chargepoint WHERE identity = 'CP1'"
CONNECTION = "SELECT connection <> '' FROM stations_chargepoint WHERE identity = 'CP1'"
TRANSACTIONS = (
    "SELECT id, meter_start_wh, meter_stop_wh, energy_wh, ended_by, flags::text FROM transactions_transaction"
)
READINGS = "SELECT transaction_id, energy_wh FROM transactions_metervalue ORDER BY timestamp"
#: By the bell a command leaves at once; by the sweep alone each of them would take five seconds.
BELL_S = 2.0


def accepted(cluster: Installation) -> None:
    cluster.run("create_charge_point", "CP1", "--accept")
    cluster.run("create_id_tag", "CAFE")


async def test_a_session_that_moves_to_the_other_process(cluster: Installation) -> None:
    first, second = cluster.start(free_port(), free_port())
    cluster.run("create_id_tag", "CAFE")
    async with connected(first.charger_address) as cp:
        assert await cp.boot() == "Pending"
        await asyncio.to_thread(cluster.run, "create_charge_point", "CP1", "--accept", "--update")
        await asyncio.wait_for(cp.triggered.wait(), BELL_S)
        assert cp.asked == ["BootNotification"]
        assert await cp.boot() == "Accepted"
        assert await cp.authorize("CAFE") == "Accepted"
        transaction_id = await cp.begin("CAFE")
        await cp.report(transaction_id, 1, 2, 3, 4)
        [(was_held_by,)] = cluster.query(HOLDER)
        cp.drop()
    async with connected(second.charger_address) as cp:  # no boot: acceptance belongs to the station
        await cp.report(transaction_id, 5, 6, 7, 8, 9, 10)
        await cp.end(transaction_id, 10)
        [(is_held_by,)] = cluster.query(HOLDER)
        assert is_held_by not in (None, was_held_by)
        assert cluster.query(TRANSACTIONS) == [(transaction_id, 1000, 2117, 1117, "station", "[]")]
        assert cluster.query(READINGS) == [(transaction_id, 1000 + 111 * minute) for minute in range(1, 11)]
        assert cluster.query("SELECT SUM(energy_wh) FROM transactions_dailyenergy") == [(1117,)]
        assert cluster.query("SELECT COUNT(*) FROM transactions_orphanedstop") == [(0,)]
        assert await asyncio.to_thread(cluster.online) == ["CP1"]
    for server in (first, second):
        assert "Traceback" not in server.log


@pytest.mark.parametrize("number", [0, 1])
async def test_a_command_reaches_the_process_that_holds_the_socket(cluster: Installation, number: int) -> None:
    servers = cluster.start(free_port(), free_port())
    accepted(cluster)
    async with connected(servers[number].charger_address) as cp:
        assert await cp.boot() == "Accepted"
        done = await asyncio.to_thread(cluster.send_commands)
        assert cp.asked == ["Heartbeat"] * 3
    assert [status for status, _ in done] == ["accepted"] * 3
    assert median(sent_after_s or 99 for _, sent_after_s in done) < BELL_S


async def test_the_newest_socket_wins(cluster: Installation) -> None:
    first, second = cluster.start(free_port(), free_port())
    accepted(cluster)
    async with connected(first.charger_address) as oldest:
        assert await oldest.boot() == "Accepted"
        async with connected(second.charger_address) as newer:
            assert await oldest.closed(within_s=BELL_S) == 1000
            await newer.beat()
            async with connected(first.charger_address) as newest:
                assert await newer.closed(within_s=BELL_S) == 1000
                await newest.beat()
                # the ends of the old ones have been dealt with, and have changed nothing
                assert (await asyncio.to_thread(cluster.send_commands, 1))[0][0] == "accepted"
                assert newest.asked == ["Heartbeat"]
                assert await asyncio.to_thread(cluster.online) == ["CP1"]


async def test_the_newest_socket_wins_without_redis(
    database_url: str, own_redis: Redis, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The bell is lost; the sweep of the process that holds the old socket finds out."""
    cluster = Installation(tmp_path_factory.mktemp("installation"), database_url, own_redis.url)
    try:
        first, second = cluster.start(free_port(), free_port())
        accepted(cluster)
        async with connected(first.charger_address) as old:
            assert await old.boot() == "Accepted"
            async with connected(second.charger_address) as new:
                assert await old.closed(within_s=10) == 1000
                await new.beat()
                assert await asyncio.to_thread(cluster.online) == ["CP1"]
    finally:
        cluster.stop()


async def test_a_killed_process_leaves_its_stations_offline(cluster: Installation) -> None:
    first, second = cluster.start(free_port(), free_port())
    accepted(cluster)
    async with connected(first.charger_address) as cp:
        assert await cp.boot() == "Accepted"
        transaction_id = await cp.begin("CAFE")
        await cp.report(transaction_id, 1)
        [(dead,)] = cluster.query(HOLDER)
        first.kill()
    assert await asyncio.to_thread(cluster.online) == ["CP1"]  # nobody can know yet
    cluster.age(dead, seconds=31)  # two beats are missing
    assert await asyncio.to_thread(cluster.online) == []
    await cluster.until(CONNECTION, False)  # the other process tidies up
    async with connected(second.charger_address) as cp:
        await cp.report(transaction_id, 2)
        await cp.end(transaction_id, 2)
    assert cluster.query(TRANSACTIONS) == [(transaction_id, 1000, 1229, 229, "station", "[]")]


async def test_a_killed_process_is_started_again_at_once(cluster: Installation) -> None:
    first, second = cluster.start(free_port(), free_port())
    accepted(cluster)
    async with connected(first.charger_address) as cp, connected(second.charger_address, "CP2") as other:
        assert await cp.boot() == "Accepted"
        transaction_id = await cp.begin("CAFE")
        await cp.report(transaction_id, 1)
        first.kill()
        [again] = cluster.start(first.port)
        assert cluster.query(CONNECTION) == [(False,)]  # what its predecessor held is offline
        assert other.is_connected
        assert await other.boot() == "Pending"
    async with connected(again.charger_address) as cp:
        await cp.end(transaction_id, 2)
        assert await asyncio.to_thread(cluster.online) == ["CP1"]
    assert cluster.query(TRANSACTIONS) == [(transaction_id, 1000, 1229, 229, "station", "[]")]


async def test_a_stopped_process_hands_its_stations_over(cluster: Installation) -> None:
    first, second = cluster.start(free_port(), free_port())
    accepted(cluster)
    async with connected(first.charger_address) as cp:
        assert await cp.boot() == "Accepted"
        transaction_id = await cp.begin("CAFE")
        stopping = asyncio.create_task(asyncio.to_thread(first.stop))
        assert await cp.closed(within_s=10) == 1012
    async with connected(second.charger_address) as cp:
        await cp.end(transaction_id, 1)
        assert await stopping == 0
        assert await asyncio.to_thread(cluster.online) == ["CP1"]
    assert cluster.query("SELECT COUNT(*) FROM stations_gatewayprocess") == [(1,)]
