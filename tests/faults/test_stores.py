"""Harm to the database: killed, away for long, locked, out of connections, out of disk (F04 to F08)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from bench import rig
from bench.rig import Folder, Postgres

from .campaign import Campaign, identity, short_or_long
from .conftest import NewCampaign
from .stations import Pulse, Station

pytestmark = pytest.mark.faults

FIRST_ANSWER_S, BACK_S = 5, 30
LOCK_S = short_or_long(5, 55)  # the stations themselves give up waiting for an answer after 60 s
FULL_S = short_or_long(4, 60)
#: PostgreSQL that has not died recovers within this time.
RECOVERY_S = 10


async def answered_again(run: Campaign, what: str, limit_s: float = FIRST_ANSWER_S) -> float:
    """Promise that some station's message is acknowledged soon after now; returns the seconds."""
    begun = time.monotonic()
    waited_s = await run.until(lambda: run.stations.last_answer_at > begun, BACK_S)
    run.promise(
        f"{what}: first answer ≤ {limit_s} s after the database is back",
        "never" if waited_s is None else f"{waited_s:.1f} s",
        waited_s is not None and waited_s <= limit_s,
    )
    return waited_s or BACK_S


async def test_f04_database_killed(campaign: NewCampaign) -> None:
    """PostgreSQL away under load: sockets close, nothing is answered with an error, everybody comes back."""
    kills, away_s = short_or_long(2, 10), short_or_long(4, 15)
    async with campaign("F04 database killed") as run:
        await run.drive(short_or_long(30, 150))
        pid, first_s, back_s = run.server.pid, 0.0, 0.0
        for number in range(1, kills + 1):
            await run.load(*short_or_long((1, 2), (4, 8)))
            await asyncio.to_thread(run.postgres.stop, "immediate" if number % 2 else "fast")
            gone_at = time.monotonic()
            await run.until(lambda: not run.stations.online(), away_s)
            run.zero(f"kill {number}: sockets open after {away_s} s without the database", run.stations.online())
            await asyncio.sleep(max(0.0, gone_at + away_s - time.monotonic()))
            await asyncio.to_thread(run.postgres.start)
            first_s = max(first_s, await answered_again(run, f"kill {number}"))
            back_s = max(back_s, await run.everybody_back(f"kill {number}", BACK_S))
        await run.load()
        run.promise("the server process survives", run.server.pid, run.server.is_alive and run.server.pid == pid)
        run.tell(f"{kills} kills, {away_s} s each; first answer ≤ {first_s:.1f} s, all back ≤ {back_s:.1f} s")


async def test_f05_database_away_for_long(campaign: NewCampaign) -> None:
    """Stations that throw a message away after three tries lose none: nobody answers them with an error meanwhile."""
    away_s = short_or_long(10, 600)
    async with campaign("F05 database away") as run:
        run.patience_s = short_or_long(60, 300)
        await run.drive(short_or_long(30, 100), interval_s=short_or_long(1.0, 5.0), hasty=True)
        await run.load(*short_or_long((1, 2), (5, 10)))
        await asyncio.to_thread(run.postgres.stop, "immediate")
        gone_at = int(time.time() * 1000)
        await asyncio.sleep(away_s)
        back_at = int(time.time() * 1000)
        await asyncio.to_thread(run.postgres.start)
        waited_s = await answered_again(run, "outage")
        back_s = await run.everybody_back("outage", BACK_S)
        sessions = await run.query(
            "SELECT count(*) FROM transactions_transaction WHERE start_reported_at BETWEEN "
            "to_timestamp(%s / 1000.0) AND to_timestamp(%s / 1000.0)",
            *(gone_at, back_at),
        )
        run.promise("sessions began during the outage", sessions[0][0], sessions[0][0] > 0)
        run.tell(
            f"{away_s} s away, {sessions[0][0]:,} sessions began meanwhile; first answer {waited_s:.1f} s, "
            f"all back {back_s:.1f} s after the database"
        )


@contextlib.asynccontextmanager
async def pulses(run: Campaign, stations: int = 10) -> AsyncIterator[list[Pulse]]:
    """Stations beside the swarm that show how long a Heartbeat takes."""
    beside = [Station(identity(900 + number)) for number in range(stations)]
    found = [Pulse(await station.switch_on(run.server.url)) for station in beside]
    tasks = [asyncio.create_task(pulse.beat()) for pulse in found]
    try:
        yield found
        assert not [task for task in tasks if task.done()], "a station that only beats lost its socket"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for station in beside:
            station.leave()


async def test_f06_table_locked(campaign: NewCampaign) -> None:
    """Somebody locks the meter values: who does not need them is served, and nothing piles up."""
    async with campaign("F06 table locked") as run:
        await run.drive(short_or_long(30, 150))
        async with pulses(run) as beating:
            await run.load(1)
            before = rig.rss_bytes(run.server.pid)
            for pulse in beating:
                pulse.p99_s()  # what was before does not count
            with psycopg.connect(run.database_url) as other:
                other.execute("LOCK TABLE transactions_metervalue IN ACCESS EXCLUSIVE MODE")
                await asyncio.sleep(LOCK_S)
                grown = rig.rss_bytes(run.server.pid) - before
                beats = sum(len(pulse.took_s) for pulse in beating)
                late_s = max(pulse.p99_s() for pulse in beating)
                waiting = [(charger, charger.out) for charger in run.stations.chargers if charger.out]
            after_s = await run.until(lambda: not any(charger.out is out for charger, out in waiting), BACK_S)
        run.promise("Heartbeat p99 ≤ 2 s during the lock", f"{late_s:.2f} s of {beats}", late_s <= 2)
        run.promise("Heartbeats are answered all the while", beats, beats > LOCK_S * len(beating) / 2)
        run.promise("memory grows by ≤ 50 MB", f"{grown / 1e6:.0f} MB", grown <= 50e6)
        run.promise("everybody who waited is answered ≤ 10 s after", after_s, after_s is not None and after_s <= 10)
        run.tell(
            f"{LOCK_S} s locked; Heartbeat p99 {late_s * 1000:.0f} ms, {len(waiting)} waiting stations answered "
            f"{after_s or 0:.1f} s after, {grown / 1e6:+.0f} MB"
        )


async def test_f07_connections_used_up(campaign: NewCampaign) -> None:
    """PostgreSQL allows twenty connections: stations, pages and commands get along with fewer."""
    limit, seconds = 20, short_or_long(6, 600)
    async with campaign("F07 connections used up", database_user="modest", RUN_JOBS=0) as run:
        await run.query(f"ALTER ROLE modest CONNECTION LIMIT {limit}")
        await run.drive(short_or_long(100, 500), interval_s=short_or_long(1.0, 10.0))
        seen, answers, end = 0, [], time.monotonic() + seconds

        async def visit() -> None:
            while time.monotonic() < end:
                status, _ = await run.operator.get("/api/v1/charge-points/?page_size=5")
                answers.append(status)

        visitors = [asyncio.create_task(visit()) for _ in range(30)]
        while time.monotonic() < end:
            rows = await run.query("SELECT count(*) FROM pg_stat_activity WHERE usename = 'modest'")
            seen = max(seen, rows[0][0])
            await asyncio.sleep(0.05)
        await asyncio.gather(*visitors)
        refused = run.server.log.read_text(errors="replace").count("too many connections")
        run.zero("refusals of PostgreSQL in the log", refused)
        run.zero("answers other than 200 to thirty visitors at once", sum(status != 200 for status in answers))
        run.promise("connections ≤ 10", seen, 0 < seen <= 10)
        run.tell(f"{seconds} s, {len(answers):,} pages by 30 visitors at once; at most {seen} connections")


@pytest.fixture
def small_disk() -> Iterator[Folder]:
    """A folder on a disk of 300 MB, which only root can make."""
    if os.geteuid():
        pytest.skip("only root can mount a small disk")
    folder = Folder()
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=300m,mode=755", "tmpfs", str(folder.path)],
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        folder.remove()
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["/bin/umount", "--lazy", str(folder.path)], check=True)
        folder.remove()


def fill(path: Path) -> None:
    """Write until nothing more fits."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1 << 20, 4096):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))


async def test_f08_disk_full(campaign: NewCampaign, small_disk: Folder) -> None:
    """PostgreSQL's disk fills up and is cleared again: no acknowledgement without storage, and no restart of ours."""
    postgres = Postgres(small_disk)
    postgres.start()
    try:
        async with campaign("F08 disk full", postgres=postgres) as run:
            await run.drive()
            await run.load(1)
            pid, stuffing = run.server.pid, small_disk.path / "stuffing"
            await asyncio.to_thread(fill, stuffing)
            stopped = await run.until(lambda: run.stations.last_answer_at < time.monotonic() - 1, BACK_S)
            for _ in range(FULL_S):  # whatever the database has freed meanwhile fills up again
                await asyncio.sleep(1)
                await asyncio.to_thread(fill, small_disk.path / "more")
            stuffing.unlink()
            (small_disk.path / "more").unlink()
            # it may be in the midst of its own crash recovery; that may have found no room before
            died = await run.until(lambda: postgres.is_running, RECOVERY_S) is None
            if died:
                await asyncio.to_thread(postgres.start)
            waited_s = await answered_again(run, "full disk", BACK_S)
            back_s = await run.everybody_back("full disk", BACK_S)
            await run.load()
            run.promise("nothing is acknowledged while the disk is full", stopped, stopped is not None)
            run.promise("no restart needed", run.server.pid, run.server.is_alive and run.server.pid == pid)
            run.tell(
                f"{FULL_S} s full; first answer {waited_s:.1f} s, all back {back_s:.1f} s after it was cleared"
                + ("; PostgreSQL itself had to be started again" if died else "")
            )
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            postgres.stop("immediate")
