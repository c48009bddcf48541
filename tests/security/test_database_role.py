"""S31: the server does its work with a role that may neither make nor change a table: the SQL is that of the docs."""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from tests.cluster.conftest import _on
from tests.server import environment, manage

from . import wire

SERVER = os.environ.get("DATABASE_URL", "")
pytestmark = [
    pytest.mark.long,
    pytest.mark.server,
    pytest.mark.skipif(not SERVER.startswith("postgres"), reason="needs PostgreSQL in DATABASE_URL"),
]
DOCS = Path(__file__).resolve().parents[2] / "docs" / "operations.md"


def documented_sql() -> tuple[str, str]:
    """What the page tells to run: in any database, and in the new one."""
    block = re.search(r"```sql\n(CREATE ROLE plugcontrol_owner.*?)```", DOCS.read_text(), re.DOTALL)
    assert block is not None
    in_any, _line, in_new = block[1].partition("\\connect plugcontrol\n")
    return in_any, in_new


def as_role(url: str, role: str, password: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{password}@{host}"))


@pytest.fixture(scope="module")
def own_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Two roles and a database, as documented but under names of their own; migrated by the one, used by the other."""
    stem = f"plugcontrol_{uuid.uuid4().hex[:10]}"
    in_any, in_new = (re.sub(r"\bplugcontrol(?=\b|_owner)", stem, sql) for sql in documented_sql())
    with psycopg.connect(_on(SERVER, "postgres"), autocommit=True) as superuser:
        try:
            for statement in filter(None, map(str.strip, in_any.split(";"))):
                superuser.execute(statement)
            with psycopg.connect(_on(SERVER, stem), autocommit=True) as inside:
                inside.execute(in_new)
            owner = as_role(_on(SERVER, stem), f"{stem}_owner", "of-the-owner")
            done = manage("prepare", env=environment(tmp_path_factory.mktemp("owner"), DATABASE_URL=owner))
            assert done.returncode == 0, done.stderr
            yield as_role(_on(SERVER, stem), stem, "of-the-server")
        finally:
            superuser.execute(f'DROP DATABASE IF EXISTS "{stem}" WITH (FORCE)')
            superuser.execute(f'DROP ROLE IF EXISTS "{stem}"')
            superuser.execute(f'DROP ROLE IF EXISTS "{stem}_owner"')


async def test_a_session_with_a_role_that_owns_nothing(own_database: str, target: Any) -> None:
    async def ask(line: wire.Wire, unique_id: str, action: str, payload: dict[str, Any]) -> Any:
        await line.send(wire.frame(json.dumps([2, unique_id, action, payload])))
        return json.loads(await line.reply_to(unique_id))[2]

    at = "2026-11-21T12:00:00Z"
    async with target.station() as line:
        boot = {"chargePointVendor": "Vendor", "chargePointModel": "Model"}
        assert (await ask(line, "1", "BootNotification", boot))["status"] == "Accepted"
        status = {"connectorId": 1, "errorCode": "NoError", "status": "Preparing"}
        assert await ask(line, "2", "StatusNotification", status) == {}
        start = {"connectorId": 1, "idTag": "CAFE", "meterStart": 10, "timestamp": at}
        number = (await ask(line, "3", "StartTransaction", start))["transactionId"]
        values = [{"timestamp": at, "sampledValue": [{"value": "12"}]}]
        assert (
            await ask(line, "4", "MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": values}) == {}
        )
        await ask(line, "5", "StopTransaction", {"transactionId": number, "meterStop": 110, "timestamp": at})
    stored = target.query("SELECT meter_stop_wh - meter_start_wh FROM transactions_transaction")
    assert [int(energy) for (energy,) in stored] == [100]
    target.run("prepare")  # nothing is left to do, and it says so without a right to do it
    assert "permission denied" not in target.server.log

    with psycopg.connect(own_database, autocommit=True) as server:
        rights = "rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls"
        assert server.execute(f"SELECT {rights} FROM pg_roles WHERE rolname = current_user").fetchall() == [  # noqa: S608 - names only
            (False,) * 5
        ]
        owned = "SELECT count(*) FROM pg_class WHERE relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)"
        assert server.execute(owned).fetchone() == (0,)
        for forbidden in (
            "CREATE TABLE x (id int)",
            "DROP TABLE stations_command",
            "ALTER TABLE stations_command ADD x int",
            "TRUNCATE stations_command",
            "CREATE EXTENSION file_fdw",
            "COPY stations_command TO '/tmp/x'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                server.execute(forbidden)
