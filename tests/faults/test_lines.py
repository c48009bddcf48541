"""Lines that die, flap, are not read, or lose a good part of what they carry (F13, F14, F15, F17, F18, F19)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest

from bench import messages, rig, wire
from bench.rig import Plugcontrol

from .campaign import Campaign, identity, short_or_long
from .conftest import NewCampaign
from .proxy import Proxy, Weather
from .stations import Pulse, Station

pytestmark = pytest.mark.faults

OFFLINE_S = 60
ONLINE = "SELECT identity FROM stations_chargepoint WHERE connection <> ''"


def open_files(server: Plugcontrol) -> int:
    return len(os.listdir(f"/proc/{server.pid}/fd"))


async def online(run: Campaign) -> set[str]:
    return {row[0] for row in await run.query(ONLINE)}


@contextlib.contextmanager
def simulated(run: Campaign, prefix: str, count: int) -> Iterator[subprocess.Popen[bytes]]:
    """Stations in a process of their own, which may be stopped with SIGSTOP."""
    command = ["manage.py", "simulate", "--url", run.server.url, "--prefix", prefix, "--count", str(count), "--quiet"]
    command += ["--idle-minutes", "600"]  # no session that would never end
    environment = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "DATA_DIR": str(run.folder.path)}
    process = subprocess.Popen(
        [sys.executable, *command], cwd=rig.ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class Deaf:
    """A socket on which nothing is ever read; `flood` sends CALLs whose answers nobody wants."""

    def __init__(self, server: Plugcontrol, name: str) -> None:
        self.identity = name
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.connect(("127.0.0.1", server.port))
        request = (
            f"GET /ocpp/{name} HTTP/1.1\r\nHost: faults\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
        )
        self._socket.sendall(request.encode())
        assert b" 101 " in self._socket.recv(1024)
        self._socket.setblocking(False)

    async def flood(self, calls: int) -> None:
        """Each CALL is refused with as many words as we can get out of the server."""
        rest = wire.frame(messages.call("x" * 36, "Unknown" * 6, {})) * calls
        end = time.monotonic() + 20
        while rest and time.monotonic() < end:
            try:
                rest = rest[self._socket.send(rest[:65_536]) :]
                await asyncio.sleep(0.01)
            except BlockingIOError:  # the server does not read either
                await asyncio.sleep(0.05)

    def close(self) -> None:
        self._socket.close()


async def test_f13_f18_lines_that_fall_silent_and_lines_that_are_not_read(campaign: NewCampaign) -> None:
    """Stations frozen by SIGSTOP, and sockets nobody reads: offline within a minute, gone from the server, and nobody
    else feels it.
    """
    frozen, mute, loud, others = short_or_long((20, 8, 2, 40), (100, 45, 5, 400))
    commands = short_or_long(20, 500)
    async with campaign("F13 F18 silent lines and unread ones", UNKNOWN_CHARGE_POINTS="accept") as run:
        await run.drive(others, interval_s=short_or_long(1, 2), commands_per_s=1)
        pulse = Pulse(await Station("PULSE").switch_on(run.server.url))
        async with asyncio.TaskGroup() as group:
            beating = group.create_task(pulse.beat())
            with simulated(run, "FROZEN-", frozen) as process:
                await run.until(lambda: _held(run, "FROZEN-", frozen), 60)
                await run.load(3)
                files_before, before_s = open_files(run.server), pulse.p99_s()
                memory_before = rig.rss_bytes(run.server.pid)
                deaf = [Deaf(run.server, f"DEAF-{number}") for number in range(mute + loud)]
                await asyncio.gather(*(each.flood(5_000) for each in deaf[mute:]))
                process.send_signal(signal.SIGSTOP)
                begun = time.monotonic()
                commanding = group.create_task(_command_in_turn(run, deaf, commands))
                wrong, silent_s, unread_s = await _watch(run, others, begun)
                await commanding
                during_s = pulse.p99_s()
                memory = rig.rss_bytes(run.server.pid) - memory_before
                left = open_files(run.server) - files_before
                for each in deaf:
                    each.close()
            beating.cancel()
        run.promise(f"frozen stations are offline ≤ {OFFLINE_S} s", f"the last after {silent_s:.0f} s", silent_s > 0)
        run.promise(f"unread lines are closed ≤ {OFFLINE_S} s", f"the last after {unread_s:.0f} s", unread_s > 0)
        run.zero("other stations shown offline meanwhile", wrong, others)
        run.promise("the server has closed their sockets", f"{left:+} files ({frozen} frozen)", left <= 5 - frozen)
        megabytes = memory / (mute + loud) / 1e6
        # ten more for whatever a server under load takes for itself meanwhile
        run.promise("≤ 1 MB for each unread socket", f"{megabytes:.2f} MB", memory <= 10e6 + 1e6 * (mute + loud))
        run.promise("others' p99 ≤ 1 s", f"{during_s:.3f} s", during_s <= 1)
        run.tell(f"{frozen} of {frozen + others} frozen: offline ≤ {silent_s:.0f} s")
        run.tell(f"{mute + loud} unread sockets closed ≤ {unread_s:.0f} s, {megabytes:.2f} MB each")
        run.tell(f"others' Heartbeat p99 {before_s * 1000:.0f} ms before, {during_s * 1000:.0f} ms meanwhile")


async def _command_in_turn(run: Campaign, deaf: Sequence[Deaf], commands: int) -> None:
    for number in range(commands):
        await run.operator.command(deaf[number % len(deaf)].identity, "ClearCache")


async def _held(run: Campaign, prefix: str, count: int) -> bool:
    return sum(name.startswith(prefix) for name in await online(run)) == count


async def _watch(run: Campaign, others: int, begun: float) -> tuple[int, float, float]:
    """Until both kinds are offline: (most others shown offline, seconds of the frozen, of the unread), 0 for never."""
    expected = {identity(number) for number in range(1, others + 1)}
    wrong, gone_s = 0, {"FROZEN-": 0.0, "DEAF-": 0.0}
    while time.monotonic() - begun < OFFLINE_S and not all(gone_s.values()):
        shown = await online(run)
        wrong = max(wrong, len(expected - shown))
        for prefix, seconds in gone_s.items():
            if not seconds and not any(name.startswith(prefix) for name in shown):
                gone_s[prefix] = time.monotonic() - begun
        await asyncio.sleep(0.5)
    return wrong, gone_s["FROZEN-"], gone_s["DEAF-"]


async def test_f14_back_while_the_old_line_seems_to_live(campaign: NewCampaign) -> None:
    """Each station's line dies silently and it calls again, here or at the other gateway: in at once, never offline."""
    count = short_or_long(40, 200)
    async with campaign("F14 back before the old line is dead", servers=2) as run:
        stations = [Station(identity(number)) for number in range(1, count + 1)]
        for number, station in enumerate(stations):
            await station.switch_on(run.servers[number % 2].url)
        files = [open_files(server) for server in run.servers]
        for station in stations:
            station.lines[0].go_silent()
        async with _never_offline(run, count) as offline:
            slowest_s = max(
                await asyncio.gather(
                    *(_call_again(station, run.servers[number // 2 % 2]) for number, station in enumerate(stations))
                )
            )
            gone_s = await run.until(lambda: sum(map(open_files, run.servers)) <= sum(files) + 4, 20)
            answers = [await run.operator.command(station.identity, "ClearCache", wait_s=10) for station in stations]
        right = sum(
            answer["status"] == "accepted" and [order.line for order in station.orders] == [station.lines[1]]
            for answer, station in zip(answers, stations, strict=True)
        )
        run.promise("accepted ≤ 1 s", f"the slowest in {slowest_s:.2f} s", slowest_s <= short_or_long(2, 1))
        run.promise("old sockets are closed ≤ 5 s", f"after {gone_s} s", gone_s is not None and gone_s <= 5)
        run.zero("stations shown offline meanwhile", len(offline), count)
        run.promise("the next command comes on the new socket", f"{right} of {count}", right == count)
        run.tell(f"{count} stations in ≤ {slowest_s:.2f} s, old sockets closed ≤ {gone_s or 99:.1f} s")
        for station in stations:
            station.leave()


async def _call_again(station: Station, server: Plugcontrol) -> float:
    begun = time.monotonic()
    await station.connect(server.url)
    return time.monotonic() - begun


@contextlib.asynccontextmanager
async def _never_offline(run: Campaign, count: int) -> AsyncIterator[set[str]]:
    """While the block runs: which of the first `count` stations were seen offline, by their rows."""
    expected = {identity(number) for number in range(1, count + 1)}
    seen: set[str] = set()

    async def look() -> None:
        while True:
            seen.update(expected - await online(run))
            await asyncio.sleep(0.02)

    looking = asyncio.create_task(look())
    try:
        yield seen
    finally:
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking


async def test_f15_the_old_line_ends_after_the_new_one_began(campaign: NewCampaign) -> None:
    """Stations change their socket, between two gateways and within one; the old one ends whenever it likes."""
    count, swaps = short_or_long((20, 4), (25, 20))
    async with campaign("F15 sockets swapped", servers=2) as run:
        stations = [Station(identity(number)) for number in range(1, count + 1)]
        for number, station in enumerate(stations):
            await station.switch_on(run.servers[number % 2].url)
        async with _never_offline(run, count) as offline:
            wrong = sum(await asyncio.gather(*(_swap(run, station, swaps) for station in stations)))
        disconnected = await run.query("SELECT count(*) FROM stations_chargepoint WHERE disconnected_at IS NOT NULL")
        run.zero("commands on another socket than the newest", wrong, count * swaps)
        run.zero("stations shown offline meanwhile", len(offline), count)
        run.zero("rows that the end of an old socket has changed", disconnected[0][0], count)
        run.tell(f"{count * swaps} swaps across two processes, {count * swaps} commands")
        for station in stations:
            station.leave()


async def _swap(run: Campaign, station: Station, swaps: int) -> int:
    """Swap, end the old socket 0 to 500 ms later, and send a command right away: how many came on a wrong socket."""
    dice, wrong = random.Random(station.identity), 0
    for number in range(1, swaps + 1):
        old = station.lines[-1]
        new = await station.connect(dice.choice(run.servers).url)
        ending = asyncio.get_running_loop().call_later(dice.uniform(0, 0.5), old.cut)
        row = await run.operator.command(station.identity, "ClearCache", wait_s=20, server=dice.choice(run.servers))
        wrong += row["status"] != "accepted" or [order.line for order in station.orders[number - 1 :]] != [new]
        ending.cancel()
        old.cut()
    return wrong


@pytest.mark.parametrize("database", ["postgresql", "sqlite"])
async def test_f17_flapping(campaign: NewCampaign, database: str) -> None:
    """Stations that come and go all the time leave nothing behind: no memory, no file, no task, no row."""
    count = short_or_long(1_000, 10_000)
    async with campaign("F17 flapping stations", database=database) as run:
        await _flap(run, 500)  # whatever is made once
        await _calm(run)
        before, rows_before = await _state(run), await _rows(run)
        begun = time.monotonic()
        await _flap(run, count)
        took_s = time.monotonic() - begun
        await _calm(run)
        after, rows_after = await _state(run), await _rows(run)
        grown = {table: rows_after[table] - n for table, n in rows_before.items() if rows_after[table] != n}
        memory = (after[0] - before[0]) / 1e6
        run.promise("≤ 20 MB more", f"{memory:+.1f} MB", memory <= 20)
        run.promise("open files back ± 5", f"{before[1]} → {after[1]}", abs(after[1] - before[1]) <= 5)
        run.promise("threads back", f"{before[2]} → {after[2]}", after[2] <= before[2] + 2)
        run.promise("no row for coming and going", f"{grown}", not grown)
        run.tell(f"{count:,} connects and closes in {took_s:.0f} s: {memory:+.1f} MB, files {after[1] - before[1]:+}")


async def _flap(run: Campaign, count: int) -> None:
    """Ten stations at a time; some say goodbye, some vanish, some are gone before they are in."""

    async def one(number: int) -> None:
        station = Station(identity(number % 50 + 1))
        if number % 10 == 9:
            _reader, writer = await asyncio.open_connection("127.0.0.1", run.server.port)
            writer.write(f"GET /ocpp/{station.identity} HTTP/1.1\r\nHost: faults\r\nUpgrade: websocket\r\n".encode())
            writer.close()
            return
        line = await station.connect(run.server.url)
        if number % 3:
            line.wire.close()
        else:
            line.cut()

    for first in range(0, count, 10):
        await asyncio.gather(*(one(number) for number in range(first, first + 10)))


async def _calm(run: Campaign) -> None:
    """Until the server has seen the last one leave."""
    assert await run.until(lambda: _nobody(run), 20) is not None
    await asyncio.sleep(5)  # close frames that nobody answered


async def _nobody(run: Campaign) -> bool:
    return not await online(run)


async def _state(run: Campaign) -> tuple[int, int, int]:
    """Bytes, open files and threads of the server."""
    pid = run.server.pid
    return rig.rss_bytes(pid), open_files(run.server), len(os.listdir(f"/proc/{pid}/task"))


async def _rows(run: Campaign) -> dict[str, int]:
    """Rows of every table that a station's coming or going could touch."""
    tables = ("message", "statusrecord", "connectionattempt", "securityevent", "command", "chargepoint", "connector")
    found = {}
    for table in tables:
        [(found[table],)] = await run.query(f"SELECT count(*) FROM stations_{table}")  # noqa: S608 - our names
    return found


async def test_f19_a_slow_line_that_loses_a_good_part(campaign: NewCampaign) -> None:
    """Three seconds for a round trip and every twentieth segment sent again: slower, but right, and never offline."""
    seconds = short_or_long(15, 1800)
    weather = Weather(delay_s=1.5, loss=0.05)
    async with campaign("F19 slow, lossy line") as run, Proxy(run.server.port, weather) as line:
        stations = await run.drive(short_or_long(20, 100), interval_s=short_or_long(8, 10), urls=[line.url])
        names = {charger.identity for charger in stations.chargers}
        end, wrong = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            wrong = max(wrong, len(names - await online(run)))
            await asyncio.sleep(0.5)
        run.zero("stations shown offline meanwhile", wrong, len(names))
        run.zero("lines lost meanwhile", stations.counts["lost sockets"])
        line.weather = Weather()  # three seconds a message are less than they have to say: let them catch up
        await stations.settle(short_or_long(60, 600))  # as long as there is a line
        run.tell(f"{seconds} s at 3 s a round trip, {line.resent:,} segments sent again")
