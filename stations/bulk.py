"""Many rows in one statement: what the ORM does at 30–100 µs a row, at a few.

On PostgreSQL the rows travel as one JSON parameter that `json_to_recordset` turns into the table's own types, with long
texts beside it; on SQLite they are an executemany. Rows are dicts by column (`connector_id`, not `connector`). Why
neither bulk_create nor COPY: docs/adr/0011; what it saved: docs/performance.md. This is the one place with hand-written
SQL for writing.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from django.db import connection
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.models import Model
from django.db.models.fields import DateField, DateTimeField, DecimalField, Field, TextField
from django.db.models.fields.json import JSONField
from psycopg.types.json import Json

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Write:
    """A statement for rows of one table, not yet run; PostgreSQL has one set of parameters, SQLite one for each row."""

    sql: str
    parameters: list[Any]
    table: str
    is_update: bool = False


def run(writes: Sequence[Write]) -> list[int]:
    """Run statements in this order and return how many rows each wrote.

    PostgreSQL gets them in one round trip: at the end of each the writer had to wait for its turn of Python's lock, up
    to 5 ms.
    """
    if connection.vendor != "postgresql":
        return [_run_many(write) for write in writes]
    return [count for together in _trips(writes) for count in _run_together(together)]


def insert(model: type[Model], rows: Sequence[Row], *, skip_existing: bool = False) -> Write:
    """Insert rows; `skip_existing` leaves those out that a unique constraint refuses.

    A column a row does not name takes the field's default, else NULL.
    """
    conflict = " ON CONFLICT DO NOTHING" if skip_existing else ""
    return _insert(model, tuple(_columns(model)), [_with_defaults(model, row) for row in rows], conflict)


def insert_new(model: type[Model], row: Row) -> int | None:
    """Insert one row now and return its key; None if a unique constraint says that it is there already."""
    columns = _columns(model)
    values = [_field(model, name).get_db_prep_save(row[name], connection) for name in columns]
    with connection.cursor() as cursor:
        cursor.execute(_insert_new_sql(model), values)
        inserted = cursor.fetchone()
    return None if inserted is None else int(inserted[0])


def update(model: type[Model], names: Sequence[str], rows: Sequence[Row], expected: Sequence[str] = ()) -> Write:
    """Set the columns `names` of existing rows, each found by its `id`.

    A row counts as found only if it still holds what `rows` say for the columns `expected`, under `was_<column>`.
    """
    table, sql = _table(model), _update_sql(model, tuple(names), tuple(expected))
    if connection.vendor == "postgresql":
        return Write(sql, [_json(rows)], table, is_update=True)
    values = _sqlite_rows(model, [*names, "id"], rows)
    if expected:
        before = [{name: row[f"was_{name}"] for name in expected} for row in rows]
        values = [[*new, *was] for new, was in zip(values, _sqlite_rows(model, expected, before), strict=True)]
    return Write(sql, values, table, is_update=True)


def add_up(model: type[Model], key: Sequence[str], amounts: Sequence[str], rows: Sequence[Row]) -> Write:
    """Insert rows, or where `key` exists add their `amounts` to it and set their other columns.

    Rows must be in one order everywhere, so that two processes cannot deadlock.
    """
    complete = [_with_defaults(model, row) for row in rows]
    others = tuple(name for name in rows[0] if name not in (*key, *amounts))
    return _insert(model, tuple(complete[0]), complete, _adding(model, tuple(key), tuple(amounts), others))


def _insert(model: type[Model], columns: tuple[str, ...], rows: Sequence[Row], conflict: str) -> Write:
    sql = _insert_sql(model, columns) + conflict
    if connection.vendor != "postgresql":
        return Write(sql, _sqlite_rows(model, columns, rows), _table(model))
    texts = _texts(model, columns)
    # a frame inside JSON has every quote escaped, and PostgreSQL reads JSON twice: half the price of a row in the log
    rest = [dict(row) for row in rows] if texts else rows
    arrays = [[row.pop(name) for row in rest] for name in texts]
    return Write(sql, [_json(rest), *arrays], _table(model))


def _run_many(write: Write) -> int:
    with connection.cursor() as cursor:
        cursor.executemany(write.sql, write.parameters)
        return int(cursor.rowcount)


def _trips(writes: Sequence[Write]) -> Iterator[list[Write]]:
    """What may go together: a statement does not see what another of its trip does to the same table, unless both
    update, which is never the same row.
    """
    together: list[Write] = []
    for write in writes:
        if any(write.table == other.table and not (write.is_update and other.is_update) for other in together):
            yield together
            together = []
        together.append(write)
    if together:
        yield together


def _run_together(writes: Sequence[Write]) -> list[int]:
    if len(writes) == 1:
        with _cursor() as cursor:
            cursor.execute(writes[0].sql, writes[0].parameters)
            return [int(cursor.rowcount)]
    parts = ", ".join(f"w{number} AS ({write.sql} RETURNING 1)" for number, write in enumerate(writes))
    counts = ", ".join(f"(SELECT count(*) FROM w{number})" for number in range(len(writes)))  # noqa: S608 - numbers only
    with _cursor() as cursor:
        cursor.execute(f"WITH {parts} SELECT {counts}", [value for write in writes for value in write.parameters])
        return list(cursor.fetchone())


def _cursor() -> Any:
    """Django's own cursor writes parameters into the text of the statement, which both sides then read again letter by
    letter: hundreds of kB for a full batch. This one sends them beside it; Django offers it for whole connections.
    """
    connection.ensure_connection()
    server_side: Any = ServerBindingCursor
    wrapped: Any = connection  # what `connection.cursor()` does with its cursor: error classes, query log
    return wrapped._prepare_cursor(server_side(connection.connection))


def _json(rows: Sequence[Row]) -> Json:
    return Json(rows, dumps=msgspec.json.encode)


def _sqlite_rows(model: type[Model], columns: Sequence[str], rows: Sequence[Row]) -> list[list[Any]]:
    adapters = [_sqlite_adapter(_field(model, name)) for name in columns]
    return [
        [
            value if (value := row.get(name)) is None or adapt is None else adapt(value)
            for name, adapt in zip(columns, adapters, strict=True)
        ]
        for row in rows
    ]


def _sqlite_adapter(field: Field[Any, Any]) -> Callable[[Any], Any] | None:
    """How SQLite wants a value that it has no type for; None for those it takes as they are."""
    ops = connection.ops  # asked for once: `connection` looks up the thread's own for every value
    if isinstance(field, DateTimeField):
        return ops.adapt_datetimefield_value
    if isinstance(field, DateField):
        return ops.adapt_datefield_value
    if isinstance(field, DecimalField):
        digits, places = field.max_digits, field.decimal_places
        return lambda value: ops.adapt_decimalfield_value(value, digits, places)
    return json.dumps if isinstance(field, JSONField) else None


def _with_defaults(model: type[Model], row: Row) -> Row:
    if _defaulted(model).keys() <= row.keys():
        return row
    missing = {name: field.get_default() for name, field in _defaulted(model).items() if name not in row}
    return {**row, **missing}


@functools.cache
def _insert_sql(model: type[Model], columns: tuple[str, ...]) -> str:
    into = f"INSERT INTO {_table(model)} ({_list(columns)})"
    if connection.vendor != "postgresql":
        return f"{into} VALUES ({', '.join(['%s'] * len(columns))})"
    texts = _texts(model, columns)
    others = [name for name in columns if name not in texts]
    typed = ", ".join(f"{_quote(name)} {_type(model, name)}" for name in others)
    functions = f"json_to_recordset(%s) AS ({typed})" + ", unnest(%b::text[])" * len(texts)
    return f"{into} SELECT {_list(columns)} FROM ROWS FROM ({functions}) AS new({_list([*others, *texts])})"  # noqa: S608 - names only


@functools.cache
def _insert_new_sql(model: type[Model]) -> str:
    columns = _columns(model)
    into = f"INSERT INTO {_table(model)} ({_list(columns)}) VALUES ({', '.join(['%s'] * len(columns))})"  # noqa: S608 - names only
    return f"{into} ON CONFLICT DO NOTHING RETURNING id"


@functools.cache
def _texts(model: type[Model], columns: tuple[str, ...]) -> list[str]:
    """Columns that travel as arrays of their own."""
    return [name for name in columns if isinstance(_field(model, name), TextField)]


@functools.cache
def _update_sql(model: type[Model], names: tuple[str, ...], expected: tuple[str, ...]) -> str:
    table = _table(model)
    if connection.vendor == "postgresql":
        types = {"id": "id", **{name: name for name in names}, **{f"was_{name}": name for name in expected}}
        columns = ", ".join(f"{_quote(name)} {_type(model, of)}" for name, of in types.items())
        assignments = ", ".join(f"{_quote(name)} = new.{_quote(name)}" for name in names)
        same = "".join(f" AND {table}.{_quote(name)} = new.{_quote(f'was_{name}')}" for name in expected)
        return (
            f"UPDATE {table} SET {assignments} FROM json_to_recordset(%s) AS new({columns}) "  # noqa: S608 - names only
            f"WHERE {table}.id = new.id{same}"
        )
    same = "".join(f" AND {_quote(name)} = %s" for name in expected)
    assignments = ", ".join(f"{_quote(name)} = %s" for name in names)
    return f"UPDATE {table} SET {assignments} WHERE id = %s{same}"  # noqa: S608 - names of our own columns


@functools.cache
def _adding(model: type[Model], key: tuple[str, ...], amounts: tuple[str, ...], others: tuple[str, ...]) -> str:
    table = _table(model)
    changes = [f"{_quote(name)} = {table}.{_quote(name)} + excluded.{_quote(name)}" for name in amounts]
    changes += [f"{_quote(name)} = excluded.{_quote(name)}" for name in others]
    return f" ON CONFLICT ({_list(key)}) DO UPDATE SET {', '.join(changes)}"  # nosec B608 - names only


@functools.cache
def _columns(model: type[Model]) -> list[str]:
    """Every column but the key that the database makes."""
    return [field.attname for field in model._meta.concrete_fields if not field.primary_key]


@functools.cache
def _defaulted(model: type[Model]) -> dict[str, Field[Any, Any]]:
    """Fields that may not stay NULL where a row does not name them, by column."""
    fields = [field for field in model._meta.concrete_fields if not field.primary_key and not field.null]
    return {field.attname: field for field in fields if field.has_default() or field.empty_strings_allowed}


@functools.cache
def _field(model: type[Model], name: str) -> Field[Any, Any]:
    return next(field for field in model._meta.concrete_fields if field.attname == name)


@functools.cache
def _type(model: type[Model], name: str) -> str:
    """The column's type in PostgreSQL."""
    return str(_field(model, name).db_type(connection))


def _quote(name: str) -> str:
    return connection.ops.quote_name(name)


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(_quote, names))


def _table(model: type[Model]) -> str:
    return _quote(model._meta.db_table)
