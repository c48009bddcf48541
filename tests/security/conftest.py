"""Attackers' tests: one real server per module, and lines to it that nothing has made polite.

`target` is that server (`manage.py serve` as people run it), with a database of its own, on PostgreSQL where the suite
runs on it. A module that needs other settings overrides `server_settings`; one that asks for `tls_settings_of_server`
in it gets a TLS line too. `wire.dial`, `wire.upgrade` and `wire.frame` make what goes over it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import (  # noqa: F401 - fixtures among them
    Installation,
    copied_database,
    postgresql,
    prepared_database,
)
from tests.server import Server, free_port, spare_migrations
from tests.tls.conftest import Pki, pki  # noqa: F401 - a fixture

from . import wire

#: The station that every server knows, and its key: 20 raw bytes with a NUL, 0xFF and a colon among them.
STATION, STATION_KEY = "CP1", bytes.fromhex("00FF3A0304050607FFFFFFFFFFFFFFFFFFFFFFFF")


class Target(Installation):
    """The server under attack, its rows and its memory."""

    server: Server

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def tls_port(self) -> int:
        return int(self.env["TLS_PORT"])

    def begin(self) -> None:
        (self.server,) = self.start(free_port())

    @property
    def memory_mb(self) -> float:
        """What the server's process holds in memory now."""
        status = Path(f"/proc/{self.server.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    @property
    def open_files(self) -> int:
        return len(os.listdir(f"/proc/{self.server.pid}/fd"))

    async def status(self, *headers: str, identity: str = STATION, **options: Any) -> int:
        """How an upgrade is answered."""
        async with wire.dial(self.port) as line:
            await line.send(wire.upgrade(identity, *headers, **options))
            return (await line.answer()).status

    @contextlib.asynccontextmanager
    async def station(self, identity: str = STATION, *headers: str, **options: Any) -> AsyncIterator[wire.Wire]:
        """A charge point's open WebSocket; CP1 with its key."""
        if identity == STATION:
            headers = (*headers, wire.basic(STATION, STATION_KEY))
        async with wire.dial(self.port) as line:
            await line.send(wire.upgrade(identity, *headers, **options))
            answer = await line.answer()
            assert answer.status == 101, answer
            yield line

    async def heartbeat(self, line: wire.Wire, unique_id: str = "alive") -> str:
        """Show that a station's line works."""
        await line.send(wire.frame(f'[2,"{unique_id}","Heartbeat",{{}}]'))
        return await line.reply_to(unique_id)

    async def settled(self) -> None:
        """Wait until everything said so far is written down: what is written is written in the order it came."""
        mark = f"/ocpp/%00{uuid.uuid4().hex}"
        assert await self.status(path=mark) == 404
        await self.until(f"SELECT path FROM stations_connectionattempt WHERE path = '{mark}'", mark)  # noqa: S608 - our own


@pytest.fixture(scope="module")
def server_settings() -> dict[str, str]:
    """Environment of the module's server, beside what every test server has."""
    return {}


@pytest.fixture(scope="module")
def tls_settings_of_server(pki: Pki) -> dict[str, str]:  # noqa: F811 - the fixture
    """A TLS line with both kinds of certificate, and the CA of chargers' certificates."""
    return {
        "TLS_PORT": str(free_port()),
        "TLS_CERTIFICATE": str(pki.ecdsa.certificate_path),
        "TLS_KEY": str(pki.ecdsa.key_path),
        "TLS_SECOND_CERTIFICATE": str(pki.rsa.certificate_path),
        "TLS_SECOND_KEY": str(pki.rsa.key_path),
        "CA_CERTIFICATE": str(pki.chargers.pair.certificate_path),
        "CA_KEY": str(pki.chargers.pair.key_path),
    }


@pytest.fixture(scope="module")
def own_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of a database of the module's own where the suite runs on PostgreSQL; else empty, for SQLite."""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        yield ""
        return
    with copied_database(url, request.getfixturevalue("prepared_database")) as own:
        yield own


@pytest.fixture(scope="module")
def target(
    own_database: str, server_settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    """The module's server, with CP1 accepted and its key set."""
    folder = tmp_path_factory.mktemp("target")
    target = Target(folder, own_database, os.environ.get("REDIS_URL", "") if own_database else "")
    target.env |= server_settings
    spare_migrations(target.env)
    target.run("create_charge_point", STATION, "--accept", "--password", STATION_KEY.hex())
    target.begin()
    try:
        yield target
    finally:
        target.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def refused(target: Target) -> Callable[[int], Awaitable[list[tuple[str, int]]]]:
    """`await refused(2)`: (reason, HTTP status) of the two handshakes refused since the test began, oldest first."""
    sql = "SELECT id, reason, status_code, count FROM stations_connectionattempt ORDER BY id"
    await target.settled()
    counted = {row[0]: row[3] for row in target.query(sql)}

    async def read(expected: int) -> list[tuple[str, int]]:
        deadline = time.monotonic() + wire.PATIENCE_S
        while True:
            new = [(reason, status, n - counted.get(pk, 0)) for pk, reason, status, n in target.query(sql)]
            found = [(reason, status) for reason, status, more in new for _ in range(more)]
            if len(found) >= expected or time.monotonic() > deadline:
                return found
            await asyncio.sleep(0.02)

    return read
