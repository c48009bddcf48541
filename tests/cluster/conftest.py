"""Installations of several processes: a database of their own, a Redis to be stopped, servers to be killed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from bench.rig import Redis

from ..server import Server, environment, manage, spare_migrations

PATIENCE_S = 30
POLL_S = 0.05

#: Queues a command for CP1, waits for its end, three times over; prints each status and the seconds until it was sent.
SEND_COMMANDS = """
import json, time
from stations.commands import queue_command
from stations.models import ChargePoint, Command
done = []
station = ChargePoint.objects.get(identity="CP1")
for _ in range({count}):
    command = queue_command(station, "TriggerMessage", {{"requestedMessage": "Heartbeat"}})
    deadline = time.monotonic() + {patience_s}
    while command.closed_at is None and time.monotonic() < deadline:
        time.sleep(0.05)
        command = Command.objects.get(pk=command.pk)
    sent_after_s = (command.sent_at - command.created_at).total_seconds() if command.sent_at else None
    done.append([command.status, sent_after_s])
print("DONE", json.dumps(done))
"""
WHO_IS_ONLINE = """
import json
from stations.models import ChargePoint
shown = [station.identity for station in ChargePoint.objects.select_related("gateway") if station.is_online]
assert shown == [station.identity for station in ChargePoint.objects.online()]
print("ONLINE", json.dumps(shown))
"""


class Installation:
    """One database and what the servers on it share."""

    def __init__(self, folder: Path, database_url: str, redis_url: str) -> None:
        self.env = environment(folder, DATABASE_URL=database_url, REDIS_URL=redis_url, SECRET_KEY=uuid.uuid4().hex)
        self.database = database_url or str(folder / "plugcontrol.sqlite3")
        self._programs = folder
        self._servers: list[Server] = []

    def start(self, *ports: int) -> list[Server]:
        """Servers on these ports, started at the same moment and ready."""
        started = [Server([sys.executable, "manage.py", "serve"], self.env | {"PORT": str(port)}) for port in ports]
        self._servers += started
        for server in started:
            server.wait_until_ready()
        return started

    def start_for_programs(self, *ports: int) -> list[Server]:
        """As `start`, for servers that programs can be `run_in`."""
        env = self.env | {"PROGRAMS": str(self._programs)}
        command = [sys.executable, "-m", "tests.cluster.serve_and_run"]
        started = [Server(command, env | {"PORT": str(port)}) for port in ports]
        self._servers += started
        for server in started:
            server.wait_until_ready()
        return started

    async def run_in(self, server: Server, program: str, within_s: float = 120) -> None:
        """Run a program inside a server's own process, beside everything that it does."""
        path = self._programs / f"{server.port}.py"
        path.with_suffix(".draft").write_text(program)
        path.with_suffix(".draft").rename(path)
        deadline = time.monotonic() + within_s
        while not path.with_suffix(".done").exists():
            assert time.monotonic() < deadline, server.log
            await asyncio.sleep(POLL_S)
        path.with_suffix(".done").unlink()

    def stop(self) -> None:
        """End every server; one that will not end is killed, and the test fails."""
        with ExitStack() as stack:
            for server in self._servers:
                stack.callback(server.kill)
            for server in self._servers:
                server.stop()

    def run(self, *arguments: str) -> str:
        """A `manage.py` command in a process of its own."""
        result = manage(*arguments, env=self.env)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def send_commands(self, count: int = 3) -> list[tuple[str, float | None]]:
        """Queue commands for CP1 in yet another process: (final status, seconds until it was sent) of each."""
        done = self._shell("DONE", SEND_COMMANDS.format(count=count, patience_s=PATIENCE_S))
        return [(status, sent_after_s) for status, sent_after_s in done]

    def online(self) -> list[str]:
        """The identities that pages show online."""
        return list(self._shell("ONLINE", WHO_IS_ONLINE))

    def _shell(self, marker: str, program: str) -> Any:
        lines = self.run("shell", "-c", program).splitlines()
        return json.loads(next(line for line in lines if line.startswith(marker)).removeprefix(marker))

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows as they stand in the database, seen from outside."""
        if not self.database.startswith("postgres"):
            with closing(sqlite3.connect(self.database, timeout=20)) as file:
                return file.execute(sql).fetchall()
        with psycopg.connect(self.database, autocommit=True) as connection:
            return list(connection.execute(sql).fetchall())

    def age(self, process_id: int, seconds: int) -> None:
        """Let a server's last sign of life be this much older."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            connection.execute(
                "UPDATE stations_gatewayprocess SET beat_at = beat_at - make_interval(secs => %s) WHERE id = %s",
                [seconds, process_id],
            )

    async def until(self, sql: str, *expected: Any, within_s: float = PATIENCE_S) -> None:
        """Wait until the query's first row is this."""
        deadline = time.monotonic() + within_s
        while (rows := self.query(sql))[:1] != [expected]:
            assert time.monotonic() < deadline, f"{sql}: {rows}, not {expected}, after {within_s} s"
            await asyncio.sleep(POLL_S)


def _on(server_url: str, database: str) -> str:
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{database}"))


@pytest.fixture(scope="session")
def postgresql() -> str:
    """DATABASE_URL, or a skip where the suite does not run on PostgreSQL."""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        pytest.skip("several processes need PostgreSQL: DATABASE_URL does not name one")
    return url


@pytest.fixture(scope="session")
def prepared_database(postgresql: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A migrated database that is only copied."""
    name = f"plugcontrol_cluster_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(_on(postgresql, "postgres"), autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
        try:
            env = environment(tmp_path_factory.mktemp("cluster"), DATABASE_URL=_on(postgresql, name))
            result = manage("prepare", env=env)
            assert result.returncode == 0, result.stderr
            yield name
        finally:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def copied_database(postgresql: str, template: str) -> Iterator[str]:
    """The URL of a copy of a PostgreSQL database, next to the one that `postgresql` names; gone after the block."""
    name = f"plugcontrol_cluster_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(_on(postgresql, "postgres"), autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield _on(postgresql, name)
        finally:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def database_url(postgresql: str, prepared_database: str) -> Iterator[str]:
    """A PostgreSQL database of the test's own, next to DATABASE_URL's."""
    with copied_database(postgresql, prepared_database) as url:
        yield url


@pytest.fixture
def cluster(database_url: str, tmp_path: Path) -> Iterator[Installation]:
    """Servers may be started beside each other: PostgreSQL and Redis are there."""
    redis_url = os.environ.get("REDIS_URL", "")
    if not redis_url:
        pytest.skip("several processes need Redis: REDIS_URL is not set")
    installation = Installation(tmp_path, database_url, redis_url)
    yield installation
    installation.stop()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[Redis]:
    """Not running yet."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    server = Redis(tmp_path)
    yield server
    server.kill()


@pytest.fixture
def cluster_with_own_redis(
    database_url: str, own_redis: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Servers may be started beside each other; their Redis is not running yet."""
    installation = Installation(tmp_path_factory.mktemp("installation"), database_url, own_redis.url)
    yield installation
    installation.stop()


@pytest.fixture
def alone(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Installation]:
    """For one server without Redis: on PostgreSQL where the suite runs on it, else on SQLite."""
    on_postgresql = os.environ.get("DATABASE_URL", "").startswith("postgres")
    installation = Installation(tmp_path, request.getfixturevalue("database_url") if on_postgresql else "", "")
    spare_migrations(installation.env)
    yield installation
    installation.stop()


@pytest.fixture
def installation(tmp_path: Path, own_redis: Redis, request: pytest.FixtureRequest) -> Iterator[Installation]:
    """For one server with a Redis of its own: on PostgreSQL where the suite runs on it, else on SQLite."""
    on_postgresql = os.environ.get("DATABASE_URL", "").startswith("postgres")
    installation = Installation(
        tmp_path, request.getfixturevalue("database_url") if on_postgresql else "", own_redis.url
    )
    spare_migrations(installation.env)
    yield installation
    installation.stop()
