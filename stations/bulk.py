"""Many rows in one statement: what the ORM does at 30–100 µs a row, at a few.

On PostgreSQL the rows travel as one JSON parameter that `json_to_recordset` turns into the table's own types, with long
texts beside it; on SQLite they are an executemany. Rows are dicts by column (`connector_id`, not `connector`). Why
neither bulk_create nor COPY: docs/adr/0011; what it saved: docs/performance.md. This is the one place with hand-written
SQL for writing.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from django.db import connection
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.models import Model
from django.db.models.fields import DateField, DateTimeField, DecimalField, Field, TextField
from django.db.models.fields.json import JSONField
from psycopg.types.json import Json

Row = dict[str, Any]


def insert(model: type[Model], rows: Sequence[Row], *, skip_existing: bool = False) -> int:
    """Insert rows and return how many; `skip_existing` leaves those out that a unique constraint refuses.

    A column a row does not name takes the field's default, else NULL.
    """
    columns = _columns(model)
    conflict = " ON CONFLICT DO NOTHING" if skip_existing else ""
    into = f"INSERT INTO {_table(model)} ({_list(columns)})"
    complete = [_with_defaults(model, row) for row in rows]
    return _execute(model, into, columns, complete, conflict)


def insert_new(model: type[Model], row: Row) -> int | None:
    """Insert one row and return its key; None if a unique constraint says that it is there already."""
    columns = _columns(model)
    values = [_field(model, name).get_db_prep_save(row[name], connection) for name in columns]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {_table(model)} ({_list(columns)}) VALUES ({', '.join(['%s'] * len(columns))}) "  # noqa: S608
            "ON CONFLICT DO NOTHING RETURNING id",
            values,
        )
        inserted = cursor.fetchone()
    return None if inserted is None else int(inserted[0])


def update(model: type[Model], names: Sequence[str], rows: Sequence[Row], expected: Sequence[str] = ()) -> int:
    """Set the columns `names` of existing rows, each found by its `id`; returns how many were.

    A row counts as found only if it still holds what `rows` say for the columns `expected`, under `was_<column>`.
    """
    table = _table(model)
    if connection.vendor == "postgresql":
        types = {"id": "id", **{name: name for name in names}, **{f"was_{name}": name for name in expected}}
        columns = ", ".join(f"{_quote(name)} {_type(model, of)}" for name, of in types.items())
        assignments = ", ".join(f"{_quote(name)} = new.{_quote(name)}" for name in names)
        same = "".join(f" AND {table}.{_quote(name)} = new.{_quote(f'was_{name}')}" for name in expected)
        return _execute_with_rows(
            f"UPDATE {table} SET {assignments} FROM json_to_recordset(%s) AS new({columns}) "  # noqa: S608 - names only
            f"WHERE {table}.id = new.id{same}",
            rows,
        )
    assignments = ", ".join(f"{_quote(name)} = %s" for name in names)
    same = "".join(f" AND {_quote(name)} = %s" for name in expected)
    sql = f"UPDATE {table} SET {assignments} WHERE id = %s{same}"  # noqa: S608 - names of our own columns
    values = _sqlite_rows(model, [*names, "id"], rows)
    if expected:
        before = [{name: row[f"was_{name}"] for name in expected} for row in rows]
        values = [[*new, *was] for new, was in zip(values, _sqlite_rows(model, expected, before), strict=True)]
    with connection.cursor() as cursor:
        cursor.executemany(sql, values)
        return int(cursor.rowcount)


def add_up(model: type[Model], key: Sequence[str], amounts: Sequence[str], rows: Sequence[Row]) -> None:
    """Insert rows, or where `key` exists add their `amounts` to it and set their other columns.

    Rows must be in one order everywhere, so that two processes cannot deadlock.
    """
    table = _table(model)
    complete = [_with_defaults(model, row) for row in rows]
    columns = list(complete[0])
    others = [name for name in rows[0] if name not in (*key, *amounts)]
    changes = [f"{_quote(name)} = {table}.{_quote(name)} + excluded.{_quote(name)}" for name in amounts]
    changes += [f"{_quote(name)} = excluded.{_quote(name)}" for name in others]
    conflict = f" ON CONFLICT ({_list(key)}) DO UPDATE SET {', '.join(changes)}"
    _execute(model, f"INSERT INTO {table} ({_list(columns)})", columns, complete, conflict)


def _execute(model: type[Model], into: str, columns: Sequence[str], rows: Sequence[Row], conflict: str) -> int:
    if connection.vendor == "postgresql":
        texts = [name for name in columns if isinstance(_field(model, name), TextField)]
        others = [name for name in columns if name not in texts]
        typed = ", ".join(f"{_quote(name)} {_type(model, name)}" for name in others)
        functions = f"json_to_recordset(%s) AS ({typed})" + ", unnest(%b::text[])" * len(texts)
        source = f"SELECT {_list(columns)} FROM ROWS FROM ({functions}) AS new({_list([*others, *texts])})"  # noqa: S608
        return _execute_with_rows(f"{into} {source}{conflict}", rows, texts)
    with connection.cursor() as cursor:
        placeholders = ", ".join(["%s"] * len(columns))
        cursor.executemany(f"{into} VALUES ({placeholders}){conflict}", _sqlite_rows(model, columns, rows))
        return int(cursor.rowcount)


def _execute_with_rows(sql: str, rows: Sequence[Row], texts: Sequence[str] = ()) -> int:
    """Run a statement whose parameters are `rows` and, each as an array, their columns `texts`.

    A frame inside JSON has every quote escaped, and PostgreSQL reads JSON twice: half the price of a row in the log.

    Django's own cursor writes parameters into the text of the statement, which both sides then read again letter by
    letter: hundreds of kB for a full batch. This one sends them beside it; Django offers it for whole connections.
    """
    connection.ensure_connection()
    server_side: Any = ServerBindingCursor
    wrapped: Any = connection  # what `connection.cursor()` does with its cursor: error classes, query log
    with wrapped._prepare_cursor(server_side(connection.connection)) as cursor:
        rest = [dict(row) for row in rows] if texts else rows
        arrays = [[row.pop(name) for row in rest] for name in texts]
        cursor.execute(sql, [Json(rest, dumps=msgspec.json.encode), *arrays])
        return int(cursor.rowcount)


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
    if isinstance(field, DateTimeField):
        return connection.ops.adapt_datetimefield_value
    if isinstance(field, DateField):
        return connection.ops.adapt_datefield_value
    if isinstance(field, DecimalField):
        digits, places = field.max_digits, field.decimal_places
        return lambda value: connection.ops.adapt_decimalfield_value(value, digits, places)
    return json.dumps if isinstance(field, JSONField) else None


def _with_defaults(model: type[Model], row: Row) -> Row:
    if _defaulted(model).keys() <= row.keys():
        return row
    missing = {name: field.get_default() for name, field in _defaulted(model).items() if name not in row}
    return {**row, **missing}


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
