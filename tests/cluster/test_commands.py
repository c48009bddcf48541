"""Commands raised in two processes at once, for stations that wander between them, while Redis comes and goes."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from typing import Any

import pytest

from bench.rig import Redis

from ..server import Server, free_port
from .charge_point import connected
from .conftest import Installation
from .stations import Station

pytestmark = pytest.mark.server

STATIONS = 200
#: Each of two processes raises so many for each station: 2,000 in all.
ROUNDS = 5
WANDERERS, MOVES = 8, 40
SLOW_COMMANDS = 500
#: Three seconds for an answer, three hundred times faster.
SLOW_ANSWER_S = 0.01
ENTER = """
from django.utils import timezone
from stations.models import ChargePoint
now = timezone.now()
ChargePoint.objects.bulk_create(
    ChargePoint(identity=identity, registration_status="Accepted", accepted_at=now, booted_at=now)
    for identity in {identities}
)
"""
RAISE = """
from django.db import connection
from stations.commands import queue_command
from stations.models import ChargePoint
stations = list(ChargePoint.objects.filter(identity__in={identities}).order_by("identity"))
for number in range({rounds}):
    for station in stations:
        queue_command(station, "DataTransfer", {{"vendorId": "{who}", "data": str(number)}})
connection.close()
"""
OPEN = "SELECT COUNT(*) FROM stations_command WHERE status IN ('queued', 'sent')"
ROWS = """
SELECT c.id::text, s.identity, c.status, c.error_description, EXTRACT(EPOCH FROM c.sent_at)::float
FROM stations_command c JOIN stations_chargepoint s ON s.id = c.charge_point_id
"""
CONNECTION_LOST = "the connection was lost before the charger answered"


async def wander(stations: list[Station], servers: list[Server], done: asyncio.Event) -> int:
    """Let one station after the other move: cut first, or connect again while the old line seems to live."""
    moves = 0
    dice = random.Random(stations[0].identity)
    while not done.is_set() and moves < MOVES:
        station = dice.choice(stations)
        if dice.random() < 0.5:
            station.drop()
        await station.connect(dice.choice(servers).charger_address)
        moves += 1
    return moves


def check_order(station: Station) -> None:
    """What one process raised for a station arrived in the order in which it was raised."""
    for who in {order.payload["vendorId"] for order in station.orders}:
        numbers = [int(order.payload["data"]) for order in station.orders if order.payload["vendorId"] == who]
        assert numbers == sorted(numbers), f"{station.identity}: {numbers} of {who}"


async def test_two_thousand_commands_and_wandering_stations(cluster: Installation) -> None:
    servers = cluster.start_for_programs(free_port(), free_port())
    stations = [Station(f"CP{number:03}") for number in range(STATIONS)]
    identities = [station.identity for station in stations]
    await cluster.run_in(servers[0], ENTER.format(identities=identities))
    try:
        for number, station in enumerate(stations):
            await station.connect(servers[number % 2].charger_address)
        done = asyncio.Event()
        wandering = [
            asyncio.create_task(wander(stations[number::WANDERERS], servers, done)) for number in range(WANDERERS)
        ]
        await asyncio.gather(
            *(
                cluster.run_in(server, RAISE.format(identities=identities, rounds=ROUNDS, who=who))
                for who, server in zip("AB", servers, strict=True)
            )
        )
        await cluster.until(OPEN, 0, within_s=90)
        done.set()
        assert sum(await asyncio.gather(*wandering)) > WANDERERS
    finally:
        await asyncio.gather(*(station.leave() for station in stations))
    rows = {pk: row for pk, *row in cluster.query(ROWS)}
    assert len(rows) == STATIONS * ROUNDS * 2
    received = [(station, order) for station in stations for order in station.orders]
    assert len({order.unique_id for _, order in received}) == len(received), "sent twice"
    for station, order in received:
        identity, status, problem, sent_at = rows[order.unique_id]
        assert identity == station.identity
        assert (status, problem) in {("accepted", ""), ("failed", CONNECTION_LOST)}
        if order.socket + 1 < len(station.opened_at):  # not claimed for a socket that had been replaced
            assert sent_at < station.opened_at[order.socket + 1] + 1
    statuses = Counter(status for _, status, _, _ in rows.values())
    assert set(statuses) <= {"accepted", "failed", "undelivered"}
    assert statuses["accepted"] > 0.8 * len(rows), statuses
    accepted = {pk for pk, (_, status, _, _) in rows.items() if status == "accepted"}
    assert accepted <= {order.unique_id for _, order in received}
    for station in stations:
        check_order(station)
    for server in servers:
        assert "Traceback" not in server.log


async def answered(station: Station, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(station.orders) < count:
        assert time.monotonic() < deadline, f"{len(station.orders)} of {count}"
        await asyncio.sleep(0.02)


async def test_five_hundred_commands_for_one_slow_station_while_redis_comes_and_goes(
    cluster_with_own_redis: Installation, own_redis: Redis
) -> None:
    cluster = cluster_with_own_redis
    own_redis.start()
    first, second = cluster.start_for_programs(free_port(), free_port())
    await cluster.run_in(first, ENTER.format(identities=["SLOW", "CP1"]))
    await asyncio.to_thread(cluster.run, "create_id_tag", "CAFE")
    slow = Station(
        "SLOW", SLOW_ANSWER_S, lambda payload: {"status": ["Accepted", "Rejected"][int(payload["data"]) % 2]}
    )
    await slow.connect(first.charger_address)
    try:
        async with connected(second.charger_address) as charging:
            transaction_id = await charging.begin("CAFE")
            raising = asyncio.create_task(
                cluster.run_in(second, RAISE.format(identities=["SLOW"], rounds=SLOW_COMMANDS, who="B"))
            )
            await answered(slow, 50)
            own_redis.flush()
            await charging.report(transaction_id, 1, 2)
            await answered(slow, 100)
            own_redis.kill()
            await charging.report(transaction_id, 3, 4)
            await answered(slow, 150)
            own_redis.start()
            await charging.report(transaction_id, 5)
            await raising
            await cluster.until(OPEN, 0, within_s=90)
            await charging.end(transaction_id, 6)
            assert charging.is_connected
        assert [order.payload["data"] for order in slow.orders] == [str(number) for number in range(SLOW_COMMANDS)]
        assert cluster.query("SELECT status, COUNT(*) FROM stations_command GROUP BY status ORDER BY status") == [
            ("accepted", SLOW_COMMANDS // 2),
            ("rejected", SLOW_COMMANDS // 2),
        ]
        assert cluster.query("SELECT energy_wh, ended_by FROM transactions_transaction") == [(673, "station")]
        await kill_with_one_in_flight(cluster, slow, first, second)
    finally:
        await slow.leave()


async def kill_with_one_in_flight(cluster: Installation, station: Station, first: Server, second: Server) -> None:
    """The process that sent a command dies: the command is over, and is not sent again, when the station returns."""
    sent = len(station.orders)
    station.answer = lambda _payload: None
    remote_start = """
from stations.commands import queue_command
from stations.models import ChargePoint
queue_command(ChargePoint.objects.get(identity="SLOW"), "RemoteStartTransaction", {"idTag": "CAFE"})
"""
    await cluster.run_in(second, remote_start)
    await answered(station, sent + 1)
    first.kill()
    await station.connect(second.charger_address)
    row = cluster.query(
        "SELECT status, error_description FROM stations_command WHERE action = 'RemoteStartTransaction'"
    )
    assert row == [("failed", CONNECTION_LOST)]
    station.answer = lambda _payload: {"status": "Accepted"}
    await cluster.run_in(second, RAISE.format(identities=["SLOW"], rounds=1, who="B"))
    await cluster.until(OPEN, 0)
    assert len(station.orders) == sent + 2


async def test_sent_from_the_command_line(cluster: Installation) -> None:
    [server] = cluster.start_for_programs(free_port())
    await cluster.run_in(server, ENTER.format(identities=["CP1"]))
    station = Station("CP1")
    await station.connect(server.charger_address)
    try:
        arguments = ("send_command", "CP1", "Reset", "--payload", '{"type": "Soft"}', "--wait", "--json")
        shown: dict[str, Any] = json.loads(await asyncio.to_thread(cluster.run, *arguments))
    finally:
        await station.leave()
    assert (shown["status"], shown["answer"]) == ("accepted", {"status": "Accepted"})
    assert [order.payload for order in station.orders] == [{"type": "Soft"}]
