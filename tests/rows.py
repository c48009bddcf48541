"""What a database holds: rows of ours, before and after something was said.

`held()` is all of it but the OCPP log and what says no more than "seen": a test that compares two of them sees
everything that a message left behind, in whatever table.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from django.apps import apps
from django.db import connection
from django.db.models import Model

_FOREIGN = frozenset({"admin", "auditlog", "auth", "axes", "contenttypes", "sessions"})
#: The log is where everything belongs that a station says; a process's row is the server's own.
_SAID_ANYHOW = frozenset({"Message", "GatewayProcess"})
_SEEN = frozenset({"last_seen_at"})


class Key(NamedTuple):
    """Where a row is: its model's name, which no two of ours share, and its primary key."""

    model: str
    pk: Any


Held = dict[Key, dict[str, Any]]


def models() -> list[type[Model]]:
    return [
        model
        for model in apps.get_models()
        if model._meta.app_label not in _FOREIGN and model.__name__ not in _SAID_ANYHOW
    ]


def held() -> Held:
    """Every row with the values of its columns."""
    found: Held = {}
    for model in _filled(models()):
        for row in model._base_manager.values():
            values = {name: value for name, value in row.items() if name not in _SEEN}
            found[Key(model.__name__, row[model._meta.pk.attname])] = values
    return found


def _filled(models: list[type[Model]]) -> list[type[Model]]:
    """Those that have rows, asked in one go: most have none."""
    quoted = [(number, connection.ops.quote_name(model._meta.db_table)) for number, model in enumerate(models)]
    with connection.cursor() as cursor:
        questions = (f"SELECT {number} WHERE EXISTS (SELECT 1 FROM {table})" for number, table in quoted)  # noqa: S608
        cursor.execute(" UNION ALL ".join(questions))
        return [models[number] for (number,) in cursor.fetchall()]


def touched(before: Held, after: Held) -> set[Key]:
    """The rows that are new, changed or gone."""
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def names(keys: Collection[Key]) -> set[str]:
    """Of which models the rows are."""
    return {key.model for key in keys}


def of_station(rows: Held, charge_point_pk: int) -> Held:
    """The station's row and every row from which foreign keys lead to it, over however many others."""
    parents = {
        model.__name__: [
            (field.attname, field.related_model.__name__)
            for field in model._meta.concrete_fields
            if field.many_to_one or field.one_to_one
        ]
        for model in models()
    }
    belongs: dict[Key, bool] = {
        Key("ChargePoint", pk): pk == charge_point_pk for name, pk in rows if name == "ChargePoint"
    }

    def leads_there(key: Key) -> bool:
        if key not in belongs:
            belongs[key] = False  # also ends a circle
            values: Mapping[str, Any] = rows.get(key, {})
            belongs[key] = any(
                leads_there(Key(name, values.get(column))) for column, name in parents.get(key.model, ())
            )
        return belongs[key]

    return {key: values for key, values in rows.items() if leads_there(key)}
