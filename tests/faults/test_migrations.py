"""Migrations of a database that is full and in use (F37)."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import Any

import psycopg
import pytest

from bench.rig import Folder, Plugcontrol

from .campaign import LONG, World, short_or_long

pytestmark = pytest.mark.faults

ROWS = short_or_long(20_000, 1_000_000)
#: A message may wait so long behind a migration: its lock_timeout, and as much for what it does.
WAIT_S = 4.0
#: Somebody reads in the same table for so long after a migration has begun to wait for it.
READS_S = 6.0
FULL = ("stations_statusrecord", "stations_message", "transactions_transaction", "transactions_metervalue")
IN_USE = ("stations_chargepoint", "stations_connector", *FULL)
VALUES = {
    "bigint": "n", "integer": "n", "smallint": "0", "numeric": "0", "boolean": "false", "jsonb": "'[]'",
    "character varying": "''", "text": "''", "timestamp with time zone": "now() - n * interval '1 second'",
    "uuid": "gen_random_uuid()",
}  # fmt: skip
#: The schema to begin with: everything but what the named migrations and later ones do. Without what follows
#: `migrate`, for the roles want the tables of today.
EARLIER_SCHEMA = """
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
executor = MigrationExecutor(connection)
until = {until!r}
leaves = [leaf for leaf in executor.loader.graph.leaf_nodes() if leaf[0] not in dict(until)]
executor.migrate(until if {alone} else [*until, *leaves])
"""
LANDED = [("stations", "0005_certificates"), ("transactions", "0008_monthly_sums")]
FIRST = [("stations", "0001_initial"), ("transactions", "0001_initial")]
PATIENCE_S = 120
WAITING = "SELECT 1 FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"
COLUMNS = """
SELECT column_name, data_type FROM information_schema.columns
 WHERE table_name = %s AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO'
"""


def fill(connection: psycopg.Connection[Any], table: str, rows: int) -> None:
    """Rows with a value for every column that wants one, all of one connector of one station."""
    columns = connection.execute(COLUMNS, [table]).fetchall()
    values = ", ".join("1" if name in ("charge_point_id", "connector_id") else VALUES[kind] for name, kind in columns)
    names = ", ".join(name for name, _ in columns)
    statement = f"INSERT INTO {table} ({names}) SELECT {values} FROM generate_series(1, {rows}) n"  # noqa: S608
    connection.execute(statement.encode())
    connection.execute(f"ANALYZE {table}".encode())


class Traffic(threading.Thread):
    """Changes a row of each table again and again, as messages do, and knows how long it had to wait."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url, self._ended = url, threading.Event()
        self.longest: dict[str, float] = dict.fromkeys(IN_USE, 0.0)
        self.failure: Exception | None = None

    def run(self) -> None:
        with closing(psycopg.connect(self._url, autocommit=True)) as connection:
            while not self._ended.wait(0.01):
                for table in IN_USE:
                    begun = time.monotonic()
                    try:
                        connection.execute(f"UPDATE {table} SET id = id WHERE id = 1".encode())  # noqa: S608
                    except psycopg.Error as error:
                        self.failure = error
                        return
                    self.longest[table] = max(self.longest[table], time.monotonic() - begun)

    def end(self) -> None:
        self._ended.set()
        self.join()


class Reader(threading.Thread):
    """Somebody's long report: reads until a migration waits for it, and then for a while."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url, self.begun, self.was_in_the_way = url, threading.Event(), False

    def run(self) -> None:
        with (
            closing(psycopg.connect(self._url)) as report,
            closing(psycopg.connect(self._url, autocommit=True)) as watch,
        ):
            report.execute("SELECT count(*) FROM stations_chargepoint")
            self.begun.set()
            deadline = time.monotonic() + PATIENCE_S
            while not self.was_in_the_way and time.monotonic() < deadline:
                self.was_in_the_way = bool(watch.execute(WAITING).fetchone())
                time.sleep(0.05)
            time.sleep(READS_S)


@pytest.mark.parametrize("since", ["landed", "first"])
def test_f37_migrations_in_traffic(world: World, since: str) -> None:
    """With full tables: nobody waits long, also not behind a migration that waits for somebody else."""
    if since == "first" and not LONG:
        pytest.skip("the long form")
    folder = Folder()
    url = world.postgres.fresh("migrations")
    server = Plugcontrol(folder, url, SECRET_KEY=world.secret_key)
    until, alone = (LANDED, False) if since == "landed" else (FIRST, True)
    world.manage(server, "shell", "-c", EARLIER_SCHEMA.format(until=until, alone=alone))
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        for table in ("stations_chargepoint", "stations_connector"):
            fill(connection, table, 1)
        for table in FULL:
            fill(connection, table, ROWS)
    traffic, reader = Traffic(url), Reader(url)
    reader.start()
    assert reader.begun.wait(10)
    traffic.start()
    begun = time.monotonic()
    printed = world.manage(server, "prepare")
    took_s = time.monotonic() - begun
    traffic.end()
    reader.join()
    folder.remove()
    assert traffic.failure is None
    assert reader.was_in_the_way
    assert "a table is in use" in printed
    longest = max(traffic.longest, key=lambda table: traffic.longest[table])
    figures = f"{ROWS:,} rows in {len(FULL)} tables: {took_s:.0f} s, longest wait {traffic.longest[longest]:.2f} s"
    world.report.add(f"F37 migrations since the {since} schema", f"{figures} ({longest})", ())
    if since == "landed":  # what was before is as it is
        assert traffic.longest[longest] <= WAIT_S, traffic.longest
