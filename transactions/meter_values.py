"""MeterValues into rows: collected in memory, merged by key, written with the batch (OCPP 1.6 §4.7)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import connection

from stations import bulk
from stations.models import ChargePoint
from stations.write_batch import WriteBatch, joined_batch

from . import energy
from .clock import Moment, moment_of
from .ledger import Ledger
from .models import MeterValue, Transaction
from .samples import Reading, Row, merge, rows_of

#: connector, transaction (0 for none), timestamp, context: what makes a row the same row
Key = tuple[int, int, datetime, str]
#: Keys looked up by one query; SQLite takes no more than 32,766 parameters.
KEYS_PER_QUERY = 5000


def record_meter_values(
    charge_point: ChargePoint,
    *,
    connector_id: int,
    transaction_id: int | None,
    readings: list[Reading],
    received_at: datetime,
) -> None:
    """Store the readings of MeterValues.req; the energy of a running transaction follows its register.

    An id below 1 is none; without one, readings belong to what runs on the connector since before their time. An id
    this station never got is kept with the row as an orphan. Readings of a closed transaction are stored and change
    nothing else. Repetition changes nothing.
    """
    with joined_batch() as batch:
        ledger = Ledger.of(batch)
        collected = _Collected.of(batch)
        if transaction_id is None or transaction_id < 1:
            connector_pk = ledger.connector_pk(charge_point.pk, connector_id)
            running = ledger.running(connector_pk)
            for moment, reading in _in_order(readings, received_at):
                owner = max((t for t in running if t.started_at <= moment.at), key=_start, default=None)
                collected.take(connector_pk, owner, moment, reading, is_named=False)
            return
        transaction = ledger.following(charge_point.pk, transaction_id)
        connector_pk = ledger.connector_pk_of(transaction, charge_point.pk, connector_id)
        orphan_of = "" if transaction is not None else str(transaction_id)[:50]
        for moment, reading in _in_order(readings, received_at):
            collected.take(connector_pk, transaction, moment, reading, orphan_of=orphan_of)


def record_transaction_data(
    batch: WriteBatch, transaction: Transaction, readings: list[Reading], received_at: datetime
) -> None:
    """Store the readings of StopTransaction.req with those that MeterValues brought (§3.16, errata 3.14)."""
    collected = _Collected.of(batch)
    for moment, reading in _in_order(readings, received_at):
        collected.take(transaction.connector_id, transaction, moment, reading)


def _start(transaction: Transaction) -> datetime:
    return transaction.started_at


def _in_order(readings: list[Reading], received_at: datetime) -> list[tuple[Moment, Reading]]:
    """Readings by time: some stations send them in any order."""
    dated = [(moment_of(reading.timestamp, received_at), reading) for reading in readings]
    return sorted(dated, key=lambda pair: pair[0].at) if len(dated) > 1 else dated


class _Collected:
    """The rows of a batch before they are rows: several messages may fill one."""

    def __init__(self, batch: WriteBatch) -> None:
        self.batch = batch
        self.rows: dict[Key, Row] = {}
        self.orphans: dict[Key, str] = {}

    @classmethod
    def of(cls, batch: WriteBatch) -> _Collected:
        collected: _Collected = batch.shared("transactions.meter_values", lambda: cls(batch))
        batch.before_flush("transactions.meter_values", collected.write)
        return collected

    def take(
        self,
        connector_pk: int,
        transaction: Transaction | None,
        moment: Moment,
        reading: Reading,
        *,
        is_named: bool = True,
        orphan_of: str = "",
    ) -> None:
        transaction_pk = 0 if transaction is None else transaction.pk
        # the station's own time, even a wrong one: it tells its readings apart
        timestamp = moment.reported_at or moment.at
        for row in rows_of(reading.samples):
            key = (connector_pk, transaction_pk, timestamp, row.context)
            known = self.rows.setdefault(key, row)
            if known is not row:
                known.absorb(row)
            if orphan_of:
                self.orphans.setdefault(key, orphan_of)
            register_wh = row.energy_wh
            if transaction is not None and register_wh is not None and transaction.is_running:
                energy.follow(self.batch, transaction, register_wh, moment.at, is_named=is_named)

    def write(self) -> None:
        """Add the rows; if some exist, merge ours into what is stored.

        Rows that come twice are rare, so nobody asks for them first: the unique index tells how many are new, and only
        if not all are, what is stored is read. Merging a row into itself changes nothing.
        """
        collected, orphans = self.rows, self.orphans
        self.rows, self.orphans = {}, {}
        rows = [_columns_of(key, row, orphans.get(key, "")) for key, row in collected.items()]

        def merge() -> None:
            stored = {_key_of(meter_value): meter_value for meter_value in _stored(list(collected))}
            for key, row in collected.items():
                self._merge(stored[key], row, orphans.get(key, ""))

        if rows:
            self.batch.insert_missing(MeterValue, rows, merge)

    def _merge(self, meter_value: MeterValue, row: Row, orphan_of: str) -> None:
        changed = merge(meter_value, row)
        if orphan_of and not meter_value.reported_transaction_id:
            meter_value.reported_transaction_id = orphan_of
            changed.add("reported_transaction_id")
        if changed:
            self.batch.change(meter_value, *changed)


def _columns_of(key: Key, row: Row, orphan_of: str) -> bulk.Row:
    columns: bulk.Row = {name: filling.value for name, filling in row.fillings.items()}
    columns["connector_id"], columns["transaction_id"], columns["timestamp"], columns["context"] = key
    columns["reported_transaction_id"] = orphan_of
    if row.kept:
        columns["samples"] = [sample.raw() for sample in row.kept]
    return columns


def _key_of(meter_value: MeterValue) -> Key:
    return meter_value.connector_id, meter_value.transaction_id or 0, meter_value.timestamp, meter_value.context


def _stored(keys: list[Key]) -> Iterator[MeterValue]:
    """The rows that exist of these keys, by one walk down the unique index for each.

    The ORM has no way to ask for rows by several columns at once but a long OR, which costs more to put together than
    the database needs to answer. CROSS JOIN makes SQLite begin with the keys; PostgreSQL does so by itself.
    """
    fields: list[Any] = [
        MeterValue._meta.get_field(name) for name in ("connector", "transaction", "timestamp", "context")
    ]
    matches = " AND ".join(f"m.{_column(field)} = k.column{number}" for number, field in enumerate(fields, start=1))
    table = connection.ops.quote_name(MeterValue._meta.db_table)
    for first in range(0, len(keys), KEYS_PER_QUERY):
        some = keys[first : first + KEYS_PER_QUERY]
        values = ", ".join(["(%s, %s, %s, %s)"] * len(some))
        yield from MeterValue.objects.raw(
            f"SELECT m.* FROM (VALUES {values}) AS k CROSS JOIN {table} AS m WHERE {matches}",  # noqa: S608 - names only
            [field.get_db_prep_save(part, connection) for key in some for field, part in zip(fields, key, strict=True)],
        )


def _column(field: Any) -> str:
    return connection.ops.quote_name(field.column)
