"""What becomes of commands: slow stations, odd answers, dead gateways, impatient operators (F10–F12, F25, F26, F33)."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from typing import Any

import pytest
import redis

from .campaign import Campaign, identity, short_or_long
from .conftest import NewCampaign
from .stations import Answer, Order, Station

pytestmark = pytest.mark.faults

FINAL_S = 60
CONNECTION_LOST = "the connection was lost before the charger answered"
#: Given by somebody at a shell, all of them before the first is over.
RAISE = """
from stations.commands import queue_command
from stations.models import ChargePoint
stations = {{station.identity: station for station in ChargePoint.objects.filter(identity__in={identities!r})}}
for identity, action, payload in {orders!r}:
    queue_command(stations[identity], action, payload, timeout_s={timeout_s})
"""
OPEN = "SELECT count(*) FROM stations_command WHERE status IN ('queued', 'sent')"
ENDS = """
SELECT s.identity, c.action, c.payload, c.status, c.error_code, c.error_description, c.answer, c.late_answer
FROM stations_command c JOIN stations_chargepoint s ON s.id = c.charge_point_id ORDER BY c.created_at
"""


async def give(run: Campaign, *orders: tuple[str, str, dict[str, Any]], timeout_s: int | None = None) -> None:
    identities = sorted({order[0] for order in orders})
    await asyncio.to_thread(
        run.manage, "shell", "-c", RAISE.format(identities=identities, orders=orders, timeout_s=timeout_s)
    )


async def none_open(run: Campaign, within_s: float = FINAL_S) -> float | None:
    async def is_so() -> bool:
        return await run.query(OPEN) == [(0,)]

    return await run.until(is_so, within_s)


async def test_f10_many_commands_for_a_slow_station(campaign: NewCampaign) -> None:
    """Hundreds at once, given partly while Redis is away: each ends as the station said, in order."""
    count, slow_s = short_or_long((150, 0.01), (500, 3))
    verdicts = ("Accepted", "Rejected", None)

    async def slowly(order: Order) -> Answer:
        await asyncio.sleep(slow_s)
        number = int(order.payload["data"])
        status = verdicts[0 if number % 100 else 2] if number % 3 else verdicts[1]
        return None if status is None else {"status": status}

    def order(number: int) -> tuple[str, str, dict[str, Any]]:
        return identity(1), "DataTransfer", {"vendorId": "faults", "data": str(number)}

    async with campaign("F10 many commands for a slow station", servers=2) as run:
        station = Station(identity(1), slowly)
        await station.switch_on(run.server.url)
        assert run.redis is not None
        await give(run, *map(order, range(count // 2)), timeout_s=short_or_long(5, 10))
        run.redis.kill()
        await give(run, *map(order, range(count // 2, count)), timeout_s=short_or_long(5, 10))
        run.redis.start()
        took_s = await none_open(run, count * (slow_s + 0.3))
        ends = Counter(row[3] for row in await run.query(ENDS))
        numbers = [int(each.payload["data"]) for each in station.orders]
        silent = sum(number % 100 == 0 and number % 3 != 0 for number in range(count))
        rejected = sum(number % 3 == 0 for number in range(count))
        expected = {"accepted": count - rejected - silent, "rejected": rejected, "timed_out": silent}
        run.promise("every command ends as its station said", f"{dict(ends)}", ends == expected)
        run.promise("each once, in order", f"{len(numbers)} heard", numbers == list(range(count)))
        run.tell(f"{count} commands at {slow_s} s each, all over after {took_s or -1:.0f} s")
        station.leave()


async def test_f11_a_line_that_is_old(campaign: NewCampaign) -> None:
    """Nothing has been said to a station for long: Redis has closed what was idle and forgotten what it knew, the
    station's socket is older than a day. Commands arrive all the same, by the bell and not by the sweep.
    """
    count, idle_s = short_or_long((20, 5), (100, 120))
    async with campaign("F11 a line older than a day", servers=2) as run:
        assert run.redis is not None
        with redis.Redis(port=run.redis.port) as client:
            client.config_set("timeout", 1)
            stations = [Station(identity(number)) for number in range(1, 11)]
            for number, station in enumerate(stations):
                await station.switch_on(run.servers[number % 2].url)
            await run.query("UPDATE stations_chargepoint SET connected_at = connected_at - interval '40 hours'")
            client.flushall()
            await asyncio.sleep(idle_s)
            client.client_kill_filter(_type="normal", skipme=True)
            waited = [await _delivered(run, stations[number % 10], run.servers[0]) for number in range(count)]
            client.client_kill_filter(_type="pubsub", skipme=True)
            waited += [await _delivered(run, stations[number], run.servers[1]) for number in range(10)]
        typical_s = sorted(waited[:count])[count // 2]
        run.promise("half of them at once", f"median {typical_s * 1000:.0f} ms", typical_s < 2)
        run.promise("none later than the sweep", f"{max(waited):.1f} s", max(waited) <= 10)
        run.tell(
            f"{len(waited)} of {len(waited)} delivered, median {typical_s * 1000:.0f} ms, {max(waited):.1f} s at most"
        )
        for station in stations:
            station.leave()


async def _delivered(run: Campaign, station: Station, server: Any) -> float:
    """Seconds until a command that is given at `server` has reached the station and was answered."""
    begun, before = time.monotonic(), len(station.orders)
    row = await run.operator.command(station.identity, "ClearCache", server=server, wait_s=20)
    assert (row["status"], len(station.orders)) == ("accepted", before + 1)
    return station.orders[-1].at - begun


async def test_f12_gateway_killed_while_a_command_is_out(campaign: NewCampaign) -> None:
    """kill -9 within a second after a RemoteStart left: it is over within a minute and is never sent again."""
    kills = short_or_long(1, 20)
    start = {"idTag": "CAFE", "connectorId": 1}
    async with campaign("F12 gateway killed while a command is out") as run:
        slowest_s, sent = 0.0, 0
        for _ in range(kills):
            # one comes back, one stays away; both have heard the command and not answered it
            returning, staying = (Station(identity(number), lambda _order: None) for number in (1, 2))
            for station in (returning, staying):
                await station.switch_on(run.server.url)
                await run.operator.command(station.identity, "RemoteStartTransaction", start)
            for station in (returning, staying):
                await station.orders_reach(1)
            await run.operator.command(returning.identity, "ClearCache")  # waits behind it
            await asyncio.sleep(random.uniform(0, 1))
            run.server.kill()
            await run.start(run.server)
            begun = time.monotonic()
            await returning.connect(run.server.url)
            is_over = await none_open(run, FINAL_S) is not None
            slowest_s = max(slowest_s, time.monotonic() - begun)
            await asyncio.sleep(short_or_long(1, 7))  # a sweep that would send something again
            heard = Counter(order.action for order in (*returning.orders, *staying.orders))
            sent += heard["RemoteStartTransaction"]
            run.promise("it is over ≤ 60 s", f"{slowest_s:.0f} s", is_over)
            returning.leave()
        ends = Counter((row[1], row[3]) for row in await run.query(ENDS))
        starts = {end: n for (action, end), n in ends.items() if action == "RemoteStartTransaction"}
        run.promise("shown as not answered", f"{starts}", set(starts) <= {"failed", "timed_out"})
        run.promise("no RemoteStart twice", f"{sent} CALLs of {kills * 2}", sent == kills * 2)
        run.tell(f"{kills} kills, {kills * 2} RemoteStarts out: all over ≤ {slowest_s:.0f} s after the start")


async def test_f25_calls_that_cross(campaign: NewCampaign) -> None:
    """The station answers our CALL only after ten of its own: both sides get their answers."""
    rounds, own = short_or_long(20, 200), 10
    slowest_s = 0.0

    async def busy(order: Order) -> Answer:
        nonlocal slowest_s
        begun = time.monotonic()
        calls = [order.line.begin("Heartbeat", {}, f"{order.unique_id[:8]}-{number}") for number in range(own)]
        answers = [await call for call in calls]
        assert [answer[0] for answer in answers] == [3] * own
        slowest_s = max(slowest_s, time.monotonic() - begun)
        return {"configurationKey": [], "unknownKey": []}

    async with campaign("F25 crossing CALLs") as run:
        station = Station(identity(1), busy)
        await station.switch_on(run.server.url)
        for _ in range(rounds):
            row = await run.operator.command(station.identity, "GetConfiguration", wait_s=20)
            assert row["status"] == "accepted", row
        limit_s = short_or_long(5, 2)
        run.promise(f"{own} answers ≤ {limit_s} s", f"the slowest in {slowest_s:.2f} s", slowest_s <= limit_s)
        run.tell(f"{rounds} rounds of {own} crossing CALLs, {own} answers in ≤ {slowest_s:.2f} s")
        station.leave()


class Odd:
    """Answers the way its name says, but does what `ClearCache` asks."""

    def __init__(self, kind: str) -> None:
        self.kind, self.late = kind, asyncio.Event()
        self.timeouts: list[asyncio.Task[None]] = []

    def __call__(self, order: Order) -> Answer:
        if order.action == "ClearCache":
            return {"status": "Accepted"}
        line = order.line
        match self.kind:
            case "CALLERROR":
                line.send([4, order.unique_id, "InternalError", "out of order", {}])
            case "bad payload":
                line.send([3, order.unique_id, {"status": ["Accepted"], "what": 1}])
            case "wrong id":
                line.send([3, order.unique_id[:-4] + "0000", {"status": "Accepted"}])
            case "too late":
                self.timeouts.append(asyncio.ensure_future(self._say_late(order)))
        return None

    async def _say_late(self, order: Order) -> None:
        """As soon as the next CALL shows that this one is over."""
        heard = len(order.line.station.orders)
        await order.line.station.orders_reach(heard + 1)
        order.line.answer(order.unique_id, {"status": "Accepted", "data": order.payload["data"]})


async def test_f26_odd_answers(campaign: NewCampaign) -> None:
    """Silence, CALLERROR, nonsense, another id, an answer after the time-out: each command ends, the next one goes."""
    each = short_or_long(3, 50)
    expected = {
        "silence": ("timed_out", ""),
        "CALLERROR": ("failed", "InternalError"),
        "bad payload": ("failed", ""),
        "wrong id": ("timed_out", ""),
        "too late": ("timed_out", ""),
    }
    async with campaign("F26 odd answers") as run:
        stations = {kind: Station(identity(number), Odd(kind)) for number, kind in enumerate(expected, start=1)}
        orders = []
        for station in stations.values():
            await station.switch_on(run.server.url)
            for number in range(each):
                orders.append((station.identity, "DataTransfer", {"vendorId": station.identity, "data": f"{number}"}))
            orders.append((station.identity, "ClearCache", {}))
        await give(run, *orders, timeout_s=3)
        took_s = await none_open(run, each * 4 + FINAL_S)
        late_kept = await run.until(lambda: _late_are(run, each), 10)
        found: dict[str, Counter[tuple[str, str]]] = {kind: Counter() for kind in expected}
        moved, wrong_late = 0, 0
        for who, action, payload, status, code, _words, _answer, late in await run.query(ENDS):
            kind = next(kind for kind, station in stations.items() if station.identity == who)
            if action == "ClearCache":
                moved += status == "accepted"
                continue
            found[kind][status, code] += 1
            if late is not None:
                wrong_late += kind != "too late" or late.get("data") != payload["data"]
        for kind, end in expected.items():
            run.promise(f"{kind}: {' '.join(end)}", f"{dict(found[kind])}", found[kind] == {end: each})
        run.promise("the next command goes", f"{moved} of {len(expected)}", moved == len(expected))
        run.promise(
            "late answers are kept as late", "all" if late_kept is not None else "not all", late_kept is not None
        )
        run.zero("late answers at another command", wrong_late)
        run.tell(f"5 kinds × {each}, all over after {took_s or -1:.0f} s; {each} late answers kept")
        for station in stations.values():
            station.leave()


async def _late_are(run: Campaign, count: int) -> bool:
    return await run.query("SELECT count(*) FROM stations_command WHERE late_at IS NOT NULL") == [(count,)]


@pytest.mark.parametrize("database", ["postgresql", "sqlite"])
async def test_f33_two_press_start_together(campaign: NewCampaign, database: str) -> None:
    """Two requests within 50 ms: one start where they carry the same key, else two commands with an outcome each."""
    pairs = short_or_long(10, 100)
    start = {"idTag": "CAFE", "connectorId": 1}
    servers = 2 if database == "postgresql" else 1
    async with campaign("F33 two press Start together", database=database, servers=servers, redis=False) as run:
        station = Station(identity(1), _start_once)
        await station.switch_on(run.server.url)

        async def press(key: str) -> str:
            await asyncio.sleep(random.uniform(0, 0.05))
            more = {"idempotency_key": key} if key else {}
            row = await run.operator.command(
                station.identity, "RemoteStartTransaction", start, server=random.choice(run.servers), wait_s=20, **more
            )
            return f"{row['id']} {row['status']}"

        same = 0
        for number in range(pairs):
            before = len(station.orders)
            first, second = await asyncio.gather(press(f"pair {number}"), press(f"pair {number}"))
            same += first == second and len(station.orders) == before + 1
        run.promise("the same key: one CALL, one row", f"{same} of {pairs}", same == pairs)
        two = 0
        for _ in range(pairs):
            before = len(station.orders)
            pressed = await asyncio.gather(press(""), press(""))
            two += len({each.split()[0] for each in pressed}) == 2 and len(station.orders) == before + 2
        run.promise("without: two commands", f"{two} of {pairs}", two == pairs)
        ends = Counter(row[3] for row in await run.query(ENDS))
        run.promise("each has an outcome", f"{dict(ends)}", ends.total() == pairs * 3 and set(ends) <= _OUTCOMES)
        run.tell(f"{pairs} pairs with one key, {pairs} without")
        station.leave()


_OUTCOMES = {"accepted", "rejected"}


def _start_once(order: Order) -> Answer:
    """Every other one finds the connector taken."""
    return {"status": "Accepted" if len(order.line.station.orders) % 2 else "Rejected"}
