"""Logs that cannot be written (F39), backups taken under load and restored (F36)."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from bench import messages
from bench.audit import audit
from bench.rig import Plugcontrol
from bench.store import PLUGCONTROL, Store

from .campaign import Campaign, identity, short_or_long
from .conftest import NewCampaign
from .stations import Station

pytestmark = pytest.mark.faults

UP_S = 60


@pytest.mark.parametrize("database", ["postgresql", "sqlite"])
async def test_f39_log_storage_full(campaign: NewCampaign, database: str) -> None:
    """Not one line of the log can be written: charging goes on as if nothing was."""
    async with campaign("F39 log storage full", database=database, start=False, LOG_LEVEL="DEBUG") as run:
        run.server.prints_to = Path("/dev/full")
        await run.start()
        await run.drive()
        await run.load(*short_or_long((4, 5), (60, 90)))
        run.promise("the server process survives", "alive", run.server.is_alive)


@pytest.mark.parametrize("database", ["postgresql", "sqlite"])
async def test_f36_backup_and_restore(campaign: NewCampaign, database: str) -> None:
    """A backup taken under load holds everything acknowledged before it began, and a server starts on it."""
    async with campaign("F36 backup and restore", database=database) as run:
        await run.drive(short_or_long(30, 150))
        await run.load(*short_or_long((3, 4), (30, 40)))
        run.stations.ledger.flush()
        known = run.folder.path / "known.jsonl"
        shutil.copyfile(run.ledger, known)
        begun = time.monotonic()
        url = await asyncio.to_thread(_back_up_and_restore, run)
        copied_s = time.monotonic() - begun
        await run.load(1)
        restored = Store(url.removeprefix("sqlite:///"), PLUGCONTROL)
        for check in audit(known, restored):
            if "acknowledged but not stored" in check.promise:
                run.promise(f"in the backup: {check.promise}", check.found, check.kept)
        server = run.new_server(DATABASE_URL=url)
        server.arguments = Plugcontrol.arguments
        begun = time.monotonic()
        await asyncio.to_thread(server.start)
        up_s = time.monotonic() - begun
        run.servers.append(server)
        run.promise(f"a server is up on the backup ≤ {UP_S} s", f"{up_s:.1f} s", up_s <= UP_S)
        highest = max(row[3] for row in await asyncio.to_thread(restored.ask, "transactions"))
        number = await _begin(server)
        run.promise("a session can begin on it", f"{number}, after {highest}", number > highest)
        lines = len(known.read_text().splitlines())
        run.tell(f"{lines:,} acknowledgements before the backup; copied in {copied_s:.1f} s, up after {up_s:.1f} s")


#: Half a minute later: nobody takes the process of then for a living one, of which there is one at most without Redis.
_LATER = "UPDATE stations_gatewayprocess SET beat_at = '2026-01-01 00:00:00'"


def _back_up_and_restore(run: Campaign) -> str:
    """As docs/operations.md says: pg_dump, or SQLite's own backup; the URL of the restored database."""
    if run.kind == "postgresql":
        url = run.postgres.restore(run.postgres.dump(run.database_url), "restored")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_LATER)
        return url
    copy = run.folder.path / "restored.sqlite3"
    with closing(sqlite3.connect(run.store.url)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        target.execute(_LATER)
        target.commit()
    return f"sqlite:///{copy}"


async def _begin(server: Plugcontrol) -> int:
    """The id of a session on a station that has none."""
    station = Station(identity(999))
    line = await station.switch_on(server.url)
    answer = await line.call("StartTransaction", messages.start(1, "CAFE", 0, messages.Clock().tick()))
    station.leave()
    assert answer["idTagInfo"]["status"] == "Accepted", answer
    return int(answer["transactionId"])
