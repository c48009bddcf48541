"""One database transaction shared by many messages: rows are collected and written together before COMMIT.

The gateway's writer opens a batch, runs the CALLs of many stations inside it and commits once. Services do not see the
difference: outside a batch `insert`, `change` and `increment` write at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeVar

from django.db import transaction
from django.db.models import Model

from . import bulk

T = TypeVar("T")

_current: ContextVar[WriteBatch | None] = ContextVar("write_batch", default=None)


class Stale(Exception):
    """What a batch remembered is not what the database says any more: roll back and run it again."""


class Names(NamedTuple):
    """What one message names, so that a service may fetch for all messages of a batch at once.

    A handshake names an `identity` before its station is known (0), and then the station with the action CONNECT.
    """

    station: int
    action: str = ""
    transaction_id: int | None = None
    id_tag: str | None = None
    identity: str = ""


#: The action of a handshake that was let in.
CONNECT = "connect"


class _Missing(NamedTuple):
    """Rows to insert unless they exist, and what to do if some do."""

    model: type[Model]
    rows: Sequence[bulk.Row]
    merge: Callable[[], None]


class WriteBatch:
    """What the messages of one database transaction want written, and the rows they already read.

    `names` says what the messages are about. `memory` is what services keep from one batch to the next; None where
    batches are not one thread's.
    """

    def __init__(self, names: Iterable[Names] = (), memory: dict[str, Any] | None = None) -> None:
        self.names = tuple(names)
        self.memory = memory
        self._missing: list[_Missing] = []
        self._new: dict[type[Model], list[bulk.Row]] = {}
        self._changed: dict[tuple[type[Model], Any], tuple[Model, set[str]]] = {}
        self._expected: dict[tuple[type[Model], Any], bulk.Row] = {}
        self._increments: dict[
            tuple[type[Model], tuple[str, ...], tuple[str, ...]], dict[tuple[Any, ...], bulk.Row]
        ] = {}
        self._shared: dict[str, Any] = {}
        self._before_flush: dict[str, Callable[[], None]] = {}

    def read_once(self, key: str, action: str, station: int, read: Callable[[set[int]], T]) -> T:
        """What `read` returns for all stations that a message of this action names, read once per batch.

        For a station that none names it is read alone.
        """
        named: set[int] = self.shared(f"stations of {action}", lambda: self._stations_of(action))
        if station not in named:
            return read({station})
        found: T = self.shared(key, lambda: read(named))
        return found

    def _stations_of(self, action: str) -> set[int]:
        return {names.station for names in self.names if names.action == action}

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

    def insert_missing(self, model: type[Model], rows: Sequence[bulk.Row], merge: Callable[[], None]) -> None:
        """Insert rows that may exist; if some do, `merge` is called to change them, and what it changes is written."""
        self._missing.append(_Missing(model, rows, merge))

    def change(self, row: Model, *fields: str) -> None:
        known, names = self._changed.setdefault((type(row), row.pk), (row, set()))
        if known is not row:
            raise AssertionError(f"two instances of {row!r} in one batch: the second would overwrite the first")
        names.update(fields)

    def holds_change(self, model: type[Model], key: Any) -> bool:
        """Whether a row is to be changed and is not yet."""
        return (model, key) in self._changed

    def expect(self, row: Model, *fields: str) -> None:
        """`row` is remembered, not read: changes of it hold only if the database still says the same of `fields`."""
        self._expected[type(row), row.pk] = {name: getattr(row, name) for name in fields}

    def compare(self, read: Model) -> None:
        """`read` was read and locked: what was remembered of it is known now, or the batch is Stale."""
        for name, value in self._expected.pop((type(read), read.pk), {}).items():
            if getattr(read, name) != value:
                raise Stale(f"{name} of {read!r}")

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
        missing = list(self._missing)
        writes = [bulk.insert(wanted.model, wanted.rows, skip_existing=True) for wanted in missing]
        writes += [bulk.insert(model, rows) for model, rows in self._new.items()]
        changes = list(self._changes())
        writes += [bulk.update(model, columns, rows, expected) for model, columns, rows, expected in changes]
        writes += [
            bulk.add_up(model, key, amounts, [increments[values] for values in sorted(increments)])
            for (model, key, amounts), increments in self._increments.items()
        ]
        counts = bulk.run(writes)
        found = counts[len(missing) + len(self._new) :]
        for (model, _columns, rows, expected), count in zip(changes, found, strict=False):
            if expected and count < len(rows):
                raise Stale(f"some of {len(rows)} rows of {model.__name__}")
        for changed in self._changed:
            self._expected.pop(changed, None)  # it holds, and the row is locked now
        for written in (self._missing, self._new, self._changed, self._increments):
            written.clear()
        self._merge([wanted for wanted, count in zip(missing, counts, strict=False) if count < len(wanted.rows)])

    def _merge(self, partly_stored: list[_Missing]) -> None:
        """Let those who inserted what was there already change it instead."""
        for wanted in partly_stored:
            wanted.merge()
        if partly_stored:
            self.flush()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Write what the body collects at its end; if it raises, nothing of it stays, neither rows nor what was read.

        What was collected before is written first, so that it is not lost with it.
        """
        self.flush()
        try:
            with transaction.atomic():
                yield
                self.flush()
        except BaseException:
            self._forget()
            raise

    def _forget(self) -> None:
        """Drop what was read with what was to be written: the instances may have been changed."""
        for written in (self._missing, self._new, self._changed, self._expected, self._increments):
            written.clear()
        for read in (self._shared, self._before_flush):
            read.clear()
        if self.memory is not None:
            self.memory.clear()

    def _changes(self) -> Iterator[tuple[type[Model], tuple[str, ...], list[bulk.Row], tuple[str, ...]]]:
        """Changed rows by table and columns: the model, its columns, the rows, the columns that must be as expected."""
        groups: dict[tuple[type[Model], tuple[str, ...], tuple[str, ...]], list[bulk.Row]] = {}
        for key, (row, names) in self._changed.items():
            columns = tuple(sorted(names))
            expected = self._expected.get(key, {})
            values = {"id": row.pk, **{name: getattr(row, name) for name in columns}}
            values |= {f"was_{name}": value for name, value in expected.items()}
            groups.setdefault((type(row), columns, tuple(expected)), []).append(values)
        for (model, columns, expected_columns), rows in groups.items():
            yield model, columns, rows, expected_columns


@contextmanager
def write_batch(names: Iterable[Names] = (), memory: dict[str, Any] | None = None) -> Iterator[WriteBatch]:
    """Collect what the body writes and write it at the end. Open a database transaction around it.

    Raises Stale where something remembered does not hold; the same again reads it anew.
    """
    batch = WriteBatch(names, memory)
    token = _current.set(batch)
    try:
        yield batch
        batch.flush()
    finally:
        _current.reset(token)


@contextmanager
def joined_batch() -> Iterator[WriteBatch]:
    """The batch that is open, or one of our own for the length of the body."""
    batch = _current.get()
    if batch is not None:
        yield batch
    else:
        with write_batch() as own:
            yield own


def insert(model: type[Model], **row: Any) -> None:
    """Insert a row, by its columns, with the batch, or now if there is none. Its primary key is not known."""
    batch = _current.get()
    if batch is not None:
        batch.insert(model, row)
    else:
        bulk.run([bulk.insert(model, [row])])


def change(row: Model, *fields: str) -> None:
    """Update `fields` of `row` with the batch, once however often they change, or now if there is none."""
    with joined_batch() as batch:
        batch.change(row, *fields)


def assign(row: Model, **values: Any) -> None:
    """Set columns of `row` and update them with the batch, or now if there is none."""
    for name, value in values.items():
        setattr(row, name, value)
    change(row, *values)


def write_now(model: type[Model], key: Any) -> None:
    """Write what was collected if it changes this row: a query that asks for what the row says comes next."""
    batch = _current.get()
    if batch is not None and batch.holds_change(model, key):
        batch.flush()


def increment(model: type[Model], key: dict[str, Any], amounts: dict[str, int], **latest: Any) -> None:
    """Add `amounts` to the row that `key` names (made if missing) and set `latest` on it.

    `key` holds columns of a unique constraint of `model`.
    """
    with joined_batch() as batch:
        batch.increment(model, key, amounts, **latest)
