"""What plugcontrol is compared with: a central system on PyPI `ocpp`, as its documentation shows it, and asyncpg.

python -m bench.rival --dsn postgresql://root@127.0.0.1:5432/bench_rival --port 9200

One process, uvloop, websockets' server without compression, a pool of connections, prepared statements (asyncpg keeps
them), schema validation of both directions on, and like most such systems one statement and one commit per message,
synchronous_commit as PostgreSQL has it by default. It keeps no log of frames, checks no tags and knows no tolerance.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import signal
from datetime import UTC, datetime
from typing import Any

import asyncpg
import ocpp.messages
import uvloop
import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from ocpp.v16.datatypes import IdTagInfo
from ocpp.v16.enums import Action, AuthorizationStatus, RegistrationStatus
from websockets.asyncio.server import ServerConnection, serve

ENERGY = "Energy.Active.Import.Register"
SCHEMA = """
CREATE SCHEMA IF NOT EXISTS rival;
CREATE TABLE IF NOT EXISTS rival.charge_points (
    id serial PRIMARY KEY, identity text NOT NULL UNIQUE, vendor text NOT NULL, model text NOT NULL,
    booted_at timestamptz
);
CREATE TABLE IF NOT EXISTS rival.statuses (
    id bigserial PRIMARY KEY, charge_point_id int NOT NULL REFERENCES rival.charge_points, connector_id int NOT NULL,
    status text NOT NULL, error_code text NOT NULL, reported_at timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS rival.transactions (
    id serial PRIMARY KEY, charge_point_id int NOT NULL REFERENCES rival.charge_points, connector_id int NOT NULL,
    id_tag text NOT NULL, started_at timestamptz NOT NULL, meter_start_wh bigint NOT NULL,
    stopped_at timestamptz, meter_stop_wh bigint, reason text
);
CREATE TABLE IF NOT EXISTS rival.meter_values (
    id bigserial PRIMARY KEY, charge_point_id int NOT NULL REFERENCES rival.charge_points, connector_id int NOT NULL,
    transaction_id int, reported_at timestamptz NOT NULL, energy_wh bigint, samples jsonb NOT NULL
);
CREATE INDEX IF NOT EXISTS meter_values_transaction ON rival.meter_values (transaction_id, reported_at);
"""
BOOT = """
INSERT INTO rival.charge_points (identity, vendor, model, booted_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (identity) DO UPDATE SET vendor = $2, model = $3, booted_at = $4 RETURNING id
"""
STATUS = """
INSERT INTO rival.statuses (charge_point_id, connector_id, status, error_code, reported_at) VALUES ($1, $2, $3, $4, $5)
"""
START = """
INSERT INTO rival.transactions (charge_point_id, connector_id, id_tag, started_at, meter_start_wh)
VALUES ($1, $2, $3, $4, $5) RETURNING id
"""
STOP = """
UPDATE rival.transactions SET stopped_at = $3, meter_stop_wh = $4, reason = $5 WHERE id = $2 AND charge_point_id = $1
"""
METER_VALUES = """
INSERT INTO rival.meter_values (charge_point_id, connector_id, transaction_id, reported_at, energy_wh, samples)
SELECT $1, $2, $3, * FROM unnest($4::timestamptz[], $5::bigint[], $6::jsonb[])
"""


def instant(text: str | None) -> datetime:
    return datetime.fromisoformat(text) if text else datetime.now(UTC)


def energy_wh(samples: list[dict[str, Any]]) -> int | None:
    """The energy register among the samples of one meter value."""
    for sample in samples:
        if sample.get("measurand", ENERGY) == ENERGY:
            return int(float(sample["value"]) * (1000 if sample.get("unit") == "kWh" else 1))
    return None


class Station(ChargePoint):
    """One connected charge point; each handler stores what it heard and then answers."""

    def __init__(self, identity: str, connection: ServerConnection, pool: asyncpg.Pool, key: int | None) -> None:
        super().__init__(identity, connection)
        self.pool, self.key = pool, key

    @on(Action.boot_notification)
    async def on_boot(self, charge_point_vendor: str, charge_point_model: str, **_rest: Any) -> Any:
        now = datetime.now(UTC)
        self.key = await self.pool.fetchval(BOOT, self.id, charge_point_vendor, charge_point_model, now)
        return call_result.BootNotification(now.isoformat(), 300, RegistrationStatus.accepted)

    @on(Action.heartbeat)
    async def on_heartbeat(self) -> Any:
        return call_result.Heartbeat(datetime.now(UTC).isoformat())

    @on(Action.authorize)
    async def on_authorize(self, id_tag: str) -> Any:
        return call_result.Authorize(IdTagInfo(status=AuthorizationStatus.accepted))

    @on(Action.status_notification)
    async def on_status(
        self, connector_id: int, error_code: str, status: str, timestamp: str | None = None, **_rest: Any
    ) -> Any:
        await self.pool.execute(STATUS, self.key, connector_id, status, error_code, instant(timestamp))
        return call_result.StatusNotification()

    @on(Action.start_transaction)
    async def on_start(self, connector_id: int, id_tag: str, meter_start: int, timestamp: str, **_rest: Any) -> Any:
        row = (self.key, connector_id, id_tag, instant(timestamp), meter_start)
        transaction_id = await self.pool.fetchval(START, *row)
        return call_result.StartTransaction(transaction_id, IdTagInfo(status=AuthorizationStatus.accepted))

    @on(Action.stop_transaction)
    async def on_stop(
        self, transaction_id: int, meter_stop: int, timestamp: str, reason: str = "Local", **_rest: Any
    ) -> Any:
        await self.pool.execute(STOP, self.key, transaction_id, instant(timestamp), meter_stop, reason)
        return call_result.StopTransaction(IdTagInfo(status=AuthorizationStatus.accepted))

    @on(Action.meter_values)
    async def on_meter_values(
        self, connector_id: int, meter_value: list[dict[str, Any]], transaction_id: int | None = None
    ) -> Any:
        samples = [value["sampled_value"] for value in meter_value]
        times = [instant(value["timestamp"]) for value in meter_value]
        energies = [energy_wh(each) for each in samples]
        documents = [json.dumps(each) for each in samples]
        await self.pool.execute(METER_VALUES, self.key, connector_id, transaction_id, times, energies, documents)
        return call_result.MeterValues()


class CentralSystem:
    """The listening side."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    async def on_connect(self, connection: ServerConnection) -> None:
        """Serve one station until its socket ends; a known one need not boot again."""
        if connection.request is None or connection.subprotocol is None:
            await connection.close()
            return
        identity = connection.request.path.rsplit("/", 1)[-1]
        key = await self.pool.fetchval("SELECT id FROM rival.charge_points WHERE identity = $1", identity)
        with contextlib.suppress(websockets.ConnectionClosed):
            await Station(identity, connection, self.pool, key).start()


async def main(dsn: str, port: int, pool_size: int) -> None:
    """Create the tables if need be and serve 127.0.0.1 until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with asyncpg.create_pool(dsn, min_size=pool_size, max_size=pool_size) as pool:
        await pool.execute(SCHEMA)
        handler = CentralSystem(pool).on_connect
        async with serve(
            handler, "127.0.0.1", port, subprotocols=["ocpp1.6"], compression=None, ping_interval=20, backlog=4096
        ):
            await stopped.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dsn", default="postgresql://root@127.0.0.1:5432/bench_rival")
    parser.add_argument("--port", type=int, default=9200)
    parser.add_argument("--pool", type=int, default=10, help="connections to PostgreSQL; asyncpg's default is 10")
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="uvloop")
    parser.add_argument(
        "--validation", choices=["threads", "inline"], default="inline", help="threads is ocpp's default"
    )
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    ocpp.messages.ASYNC_VALIDATION = given.validation == "threads"
    (uvloop if given.loop == "uvloop" else asyncio).run(main(given.dsn, given.port, given.pool))
