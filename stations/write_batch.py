"""One database transaction shared by many messages: rows are collected and written together before COMMIT.

The gateway's writer opens a batch, runs the CALLs of many stations inside it and commits once. Services do not see the
difference: outside a batch `insert`, `change` and `increment` write at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db.models import Model

from . import bulk

_current: ContextVar[WriteBatch | None] = ContextVar("write_batch", default=None)


class WriteBatch:
    """What the messages of one database transaction want written, and the rows they already read.

    `stations` are the primary keys of the charge points whose messages share the batch, `transaction_ids` the OCPP
    transactions and `id_tags` the tags they name: a service that needs rows of one may fetch those of all (`shared`).
    """

    def __init__(
        self, stations: Iterable[int] = (), transaction_ids: Iterable[int] = (), id_tags: Iterable[str] = ()
    ) -> None:
        self.stations = frozenset(stations)
        self.transaction_ids = frozenset(transaction_ids)
        self.id_tags = frozenset(id_tags)
        self._new: dict[type[Model], list[bulk.Row]] = {}
        self._changed: dict[tuple[type[Model], Any], tuple[Model, set[str]]] = {}
        self._increments: dict[
            tuple[type[Model], tuple[str, ...], tuple[str, ...]], dict[tuple[Any, ...], bulk.Row]
        ] = {}
        self._shared: dict[str, Any] = {}
        self._before_flush: dict[str, Callable[[], None]] = {}

    def shared(self, key: str, load: Callable[[], Any]) -> Any:
        """What `load` returns, loaded once per batch."""
        if key not in self._shared:
            self._shared[key] = load()
        return self._shared[key]

    def before_flush(self, key: str, hook: Callable[[], None]) -> None:
        """Run `hook` once before the rows are written; it may still add some."""
        self._before_flush.setdefault(key, hook)

    def insert(self, model: type[Model], row: bulk.Row) -> None:
        self._new.setdefault(model, []).append(row)

    def change(self, row: Model, *fields: str) -> None:
        known, names = self._changed.setdefault((type(row), row.pk), (row, set()))
        if known is not row:
            raise AssertionError(f"two instances of {row!r} in one batch: the second would overwrite the first")
        names.update(fields)

    def increment(self, model: type[Model], key: dict[str, Any], amounts: dict[str, int], **latest: Any) -> None:
        rows = self._increments.setdefault((model, tuple(key), tuple(amounts)), {})
        row = rows.setdefault(tuple(key.values()), {**key, **dict.fromkeys(amounts, 0)})
        row.update(latest)
        for name, amount in amounts.items():
            row[name] += amount

    def flush(self) -> None:
        """Write everything collected; the order of keys is fixed so that two processes cannot deadlock."""
        for hook in self._before_flush.values():
            hook()
        self._before_flush.clear()
        for model, rows in self._new.items():
            bulk.insert(model, rows)
        self._write_changes()
        for (model, key, amounts), increments in self._increments.items():
            bulk.add_up(model, key, amounts, [increments[values] for values in sorted(increments)])
        self._new.clear()
        self._changed.clear()
        self._increments.clear()

    def _write_changes(self) -> None:
        by_columns: dict[tuple[type[Model], tuple[str, ...]], list[bulk.Row]] = {}
        for row, names in self._changed.values():
            columns = tuple(sorted(names))
            values = {name: getattr(row, name) for name in columns}
            by_columns.setdefault((type(row), columns), []).append({"id": row.pk, **values})
        for (model, columns), rows in by_columns.items():
            bulk.update(model, columns, rows)


@contextmanager
def write_batch(
    stations: Iterable[int] = (), transaction_ids: Iterable[int] = (), id_tags: Iterable[str] = ()
) -> Iterator[WriteBatch]:
    """Collect what the body writes and write it at the end. Open a database transaction around it."""
    batch = WriteBatch(stations, transaction_ids, id_tags)
    token = _current.set(batch)
    try:
        yield batch
        batch.flush()
    finally:
        _current.reset(token)


@contextmanager
def joined_batch(stations: Iterable[int] = ()) -> Iterator[WriteBatch]:
    """The batch that is open, or one of our own for the length of the body."""
    batch = _current.get()
    if batch is not None:
        yield batch
    else:
        with write_batch(stations) as own:
            yield own


def insert(model: type[Model], **row: Any) -> None:
    """Insert a row, by its columns, with the batch, or now if there is none. Its primary key is not known."""
    batch = _current.get()
    if batch is not None:
        batch.insert(model, row)
    else:
        bulk.insert(model, [row])


def change(row: Model, *fields: str) -> None:
    """Update `fields` of `row` with the batch, once however often they change, or now if there is none."""
    with joined_batch() as batch:
        batch.change(row, *fields)


def increment(model: type[Model], key: dict[str, Any], amounts: dict[str, int], **latest: Any) -> None:
    """Add `amounts` to the row that `key` names (made if missing) and set `latest` on it.

    `key` holds columns of a unique constraint of `model`.
    """
    with joined_batch() as batch:
        batch.increment(model, key, amounts, **latest)
