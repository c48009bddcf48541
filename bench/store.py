"""What the database holds, read from outside the server: the other half of every comparison with a ledger."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import psycopg

Row = tuple[Any, ...]


def _ours(columns: str, table: str) -> str:
    """Rows of one of plugcontrol's tables that belong to a connector, with the station's names in front."""
    return (
        f"SELECT s.identity, c.connector_id, {columns} FROM {table} x "  # noqa: S608 - names only
        "JOIN stations_connector c ON c.id = x.connector_id JOIN stations_chargepoint s ON s.id = c.charge_point_id"
    )


def _theirs(columns: str, table: str) -> str:
    return (
        f"SELECT s.identity, x.connector_id, {columns} FROM rival.{table} x "  # noqa: S608 - names only
        "JOIN rival.charge_points s ON s.id = x.charge_point_id"
    )


PLUGCONTROL = {
    "totals": """
        SELECT (SELECT count(*) FROM transactions_metervalue),
               (SELECT coalesce(sum(energy_wh), 0) FROM transactions_metervalue),
               (SELECT count(*) FROM transactions_transaction),
               (SELECT count(*) FROM transactions_transaction WHERE ended_by = 'station'),
               (SELECT coalesce(sum(energy_wh), 0) FROM transactions_transaction WHERE ended_by = 'station'),
               (SELECT count(*) FROM stations_statusrecord)""",
    "meter_values": _ours("x.timestamp, x.transaction_id, x.energy_wh", "transactions_metervalue"),
    "transactions": _ours(
        "x.start_reported_at, x.id, x.id_tag, x.meter_start_wh, x.stop_reported_at, x.meter_stop_wh, x.energy_wh, "
        "x.ended_by",
        "transactions_transaction",
    ),
    "statuses": _ours("x.reported_at, x.status", "stations_statusrecord"),
    "energy": "SELECT coalesce(sum(energy_wh), 0) FROM transactions_transaction",
    "orphans": "SELECT count(*) FROM transactions_orphanedstop",
    "daily_energy": "SELECT coalesce(sum(energy_wh), 0) FROM transactions_dailyenergy",
    "calls": "SELECT s.identity, x.unique_id, x.at FROM stations_message x JOIN stations_chargepoint s "
    "ON s.id = x.charge_point_id WHERE x.direction = 'in' AND x.kind = 2",
    "commands": "SELECT CAST(x.id AS varchar), x.status, s.identity FROM stations_command x "
    "JOIN stations_chargepoint s ON s.id = x.charge_point_id",
    "online": "SELECT s.identity FROM stations_chargepoint s WHERE s.connection <> ''",
}
RIVAL = {
    "totals": """
        SELECT (SELECT count(*) FROM rival.meter_values),
               (SELECT coalesce(sum(energy_wh), 0) FROM rival.meter_values),
               (SELECT count(*) FROM rival.transactions),
               (SELECT count(*) FROM rival.transactions WHERE stopped_at IS NOT NULL),
               (SELECT coalesce(sum(meter_stop_wh - meter_start_wh), 0) FROM rival.transactions),
               (SELECT count(*) FROM rival.statuses)""",
    "meter_values": _theirs("x.reported_at, x.transaction_id, x.energy_wh", "meter_values"),
    "transactions": _theirs(
        "x.started_at, x.id, x.id_tag, x.meter_start_wh, x.stopped_at, x.meter_stop_wh, "
        "coalesce(x.meter_stop_wh - x.meter_start_wh, 0), CASE WHEN x.stopped_at IS NULL THEN '' ELSE 'station' END",
        "transactions",
    ),
    "statuses": _theirs("x.reported_at, x.status", "statuses"),
}
TOTALS = ("meter_values", "register_wh", "transactions", "stops", "energy_wh", "statuses")


class Store:
    """Read-only questions to one database of one system; `url` is postgresql://… or the path of an SQLite file."""

    def __init__(self, url: str, queries: dict[str, str]) -> None:
        self.url, self.queries = url, queries

    def ask(self, question: str) -> list[Row]:
        """Rows of a question; empty where this system has no such table."""
        if question not in self.queries:
            return []
        if self.url.startswith("postgresql://"):
            with psycopg.connect(self.url) as connection:
                return connection.execute(self.queries[question]).fetchall()
        with closing(sqlite3.connect(f"file:{self.url}?mode=ro", uri=True, timeout=20)) as connection:
            return connection.execute(self.queries[question]).fetchall()

    def totals(self) -> dict[str, int]:
        return {name: int(value) for name, value in zip(TOTALS, self.ask("totals")[0], strict=True)}


def milliseconds(value: datetime | str) -> int:
    """A stored time as the stations count it; SQLite keeps UTC as text."""
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
