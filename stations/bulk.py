"""Many rows in one statement: what the ORM does at 30–100 µs a row, at a few.

On PostgreSQL the rows travel as one JSON parameter that `json_populate_recordset` turns into the table's own types; on
SQLite they are an executemany. Rows are dicts by column (`connector_id`, not `connector`). Why neither bulk_create nor
COPY: docs/adr/0011; what it saved: docs/performance.md. This is the one place with hand-written SQL for writing.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from django.db import connection
from django.db.models import Model
from django.db.models.fields import DateField, DateTimeField, DecimalField, Field
from django.db.models.fields.json import JSONField

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


def update(model: type[Model], names: Sequence[str], rows: Sequence[Row]) -> None:
    """Set the columns `names` of existing rows, each found by its `id`."""
    table = _table(model)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            assignments = ", ".join(f"{_quote(name)} = new.{_quote(name)}" for name in names)
            cursor.execute(
                f"UPDATE {table} SET {assignments} FROM json_populate_recordset(NULL::{table}, %s) AS new "  # noqa: S608
                f"WHERE {table}.id = new.id",
                [_json(rows)],
            )
            return
        assignments = ", ".join(f"{_quote(name)} = %s" for name in names)
        sql = f"UPDATE {table} SET {assignments} WHERE id = %s"  # noqa: S608 - names of our own columns
        cursor.executemany(sql, _sqlite_rows(model, [*names, "id"], rows))


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
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            source = f"SELECT {_list(columns)} FROM json_populate_recordset(NULL::{_table(model)}, %s)"  # noqa: S608
            cursor.execute(f"{into} {source}{conflict}", [_json(rows)])
        else:
            placeholders = ", ".join(["%s"] * len(columns))
            cursor.executemany(f"{into} VALUES ({placeholders}){conflict}", _sqlite_rows(model, columns, rows))
        return int(cursor.rowcount)


def _json(rows: Sequence[Row]) -> str:
    return msgspec.json.encode(rows).decode()


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
    missing = {field.attname: field.get_default() for field in _defaulted(model) if field.attname not in row}
    return {**row, **missing} if missing else row


@functools.cache
def _columns(model: type[Model]) -> list[str]:
    """Every column but the key that the database makes."""
    return [field.attname for field in model._meta.concrete_fields if not field.primary_key]


@functools.cache
def _defaulted(model: type[Model]) -> list[Field[Any, Any]]:
    """Fields that may not stay NULL where a row does not name them."""
    fields = model._meta.concrete_fields
    return [f for f in fields if not f.primary_key and not f.null and (f.has_default() or f.empty_strings_allowed)]


@functools.cache
def _field(model: type[Model], name: str) -> Field[Any, Any]:
    return next(field for field in model._meta.concrete_fields if field.attname == name)


def _quote(name: str) -> str:
    return connection.ops.quote_name(name)


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(_quote, names))


def _table(model: type[Model]) -> str:
    return _quote(model._meta.db_table)
