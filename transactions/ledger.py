"""The connectors and transactions that the messages of one write batch talk about: read once, one instance each."""

from __future__ import annotations

from django.db import connection
from django.db import transaction as database
from django.db.models import F, QuerySet

from stations import bulk
from stations.connectors import get_connector
from stations.models import Connector
from stations.write_batch import WriteBatch

from .models import Transaction

LARGEST_ID = 2**31 - 1
#: Every moment costs a microsecond or two to read; who needs one of these gets it by a query of its own.
_RARELY_READ = ("start_reported_at", "start_received_at", "stop_reported_at", "stop_received_at")
#: What readings change of a transaction, and what makes them count.
_FOLLOWED = ("register_wh", "register_at", "energy_wh", "ended_by")
_ABOUT_TRANSACTIONS = frozenset({"StartTransaction", "MeterValues", "StopTransaction"})
#: Running transactions a writer remembers; the longest unused go first.
MAX_REMEMBERED = 10_000


class Ledger:
    """Changes of a batch are written at its end: until then these instances know better than the database does.

    So what a query calls running may be over: ask `is_running` again. The writer's batches remember running
    transactions from one to the next, because reading and locking them was a third of the writer's time: `following`
    takes them from there, out of reach of a batch that fails, and after the commit they are put back. Another process
    or a person may have changed the row meanwhile: the UPDATE notices, and the batch runs again without memory.
    """

    def __init__(self, batch: WriteBatch) -> None:
        self.batch = batch
        self._connectors: dict[int, dict[int, int]] = {}
        self._transactions: dict[int, Transaction] = {}
        self._looked_up: set[int] = set()
        self._running: dict[int, list[Transaction]] = {}
        self._remembered: dict[int, Transaction] = {}
        if batch.memory is not None:
            self._remembered = batch.memory.setdefault("transactions.running", {})
            database.on_commit(self._remember)

    @classmethod
    def of(cls, batch: WriteBatch) -> Ledger:
        ledger: Ledger = batch.shared("transactions.ledger", lambda: cls(batch))
        return ledger

    def connector_pk(self, charge_point_id: int, connector_id: int) -> int:
        """Primary key of the station's connector, made on first sight."""
        connectors = self._connectors_of(charge_point_id)
        if connector_id not in connectors:
            connectors[connector_id] = get_connector(charge_point_id, connector_id).pk
        return connectors[connector_id]

    def connector_pk_of(self, transaction: Transaction | None, charge_point_id: int, connector_id: int) -> int:
        """As `connector_pk`, without asking for connectors where the transaction stands on the one that is meant."""
        if transaction is not None and transaction.number_at_station == connector_id:
            return transaction.connector_id
        return self.connector_pk(charge_point_id, connector_id)

    def get(self, charge_point_id: int, transaction_id: int) -> Transaction | None:
        """The station's transaction, running or closed; None for an unknown number and for another station's."""
        if transaction_id not in self._looked_up:
            self._look_up({transaction_id, *self._to_be_read()} - self._looked_up)
        return self._known(charge_point_id, transaction_id)

    def following(self, charge_point_id: int, transaction_id: int) -> Transaction | None:
        """As `get`, for readings: they may rely on what is remembered of a running transaction."""
        if transaction_id in self._remembered and transaction_id not in self._transactions:
            transaction = self._transactions[transaction_id] = self._remembered.pop(transaction_id)
            self.batch.expect(transaction, *_FOLLOWED)
        if transaction_id in self._transactions:
            return self._known(charge_point_id, transaction_id)
        return self.get(charge_point_id, transaction_id)

    def _to_be_read(self) -> set[int]:
        """Transactions that the batch needs as the database has them: what ends, and what is not remembered."""
        named = {names.transaction_id for names in self.batch.names if names.transaction_id is not None}
        ending = {names.transaction_id for names in self.batch.names if names.action == "StopTransaction"}
        return {number for number in named if number in ending or number not in self._remembered}

    def _known(self, charge_point_id: int, transaction_id: int) -> Transaction | None:
        transaction = self._transactions.get(transaction_id)
        return transaction if transaction is not None and transaction.charge_point_id == charge_point_id else None

    def _remember(self) -> None:
        """After the commit: what runs is known to the next batch."""
        for transaction in self._transactions.values():
            if transaction.is_running:
                self._remembered[transaction.pk] = transaction
        while len(self._remembered) > MAX_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]

    def running(self, connector_pk: int) -> list[Transaction]:
        """What runs on a connector, in the order of the numbers; one at most, except after replays."""
        if connector_pk not in self._running:
            known = {pk for station in self._seeking() for pk in self._connectors_of(station).values()}
            self._load_running({connector_pk, *known} - self._running.keys())
        return [transaction for transaction in self._running[connector_pk] if transaction.is_running]

    def running_at(self, charge_point_id: int) -> list[Transaction]:
        """What runs at a station."""
        return [row for pk in self._connectors_of(charge_point_id).values() for row in self.running(pk)]

    def find(self, transactions: QuerySet[Transaction]) -> list[Transaction]:
        """Read transactions to change them: locked until the commit, as the instances of this batch."""
        # one order of locking: a station's old and new socket may be held by two processes at once
        rows = transactions.order_by("pk").defer(*_RARELY_READ)
        rows = rows.annotate(number_at_station=F("connector__connector_id"))  # type: ignore[no-redef]  # it is that one
        if connection.in_atomic_block:
            rows = rows.select_for_update(of=("self",))
        return [self._own(row) for row in rows]

    def _own(self, read: Transaction) -> Transaction:
        """The batch's instance of a row just read and locked."""
        self._remembered.pop(read.pk, None)
        self.batch.compare(read)
        return self._transactions.setdefault(read.pk, read)

    def is_running(self, transaction_id: int) -> bool:
        """Whether a transaction that the database calls running still is, as far as this batch knows."""
        known = self._transactions.get(transaction_id)
        return known is None or known.is_running

    def insert(self, transaction: Transaction) -> bool:
        """Insert a new transaction now, for its number is the answer; False if this start is stored already."""
        self.running(transaction.connector_id)
        fields = Transaction._meta.concrete_fields
        number = bulk.insert_new(Transaction, {field.attname: getattr(transaction, field.attname) for field in fields})
        if number is None:
            return False
        transaction.pk = number
        transaction._state.adding = False
        self._transactions[transaction.pk] = transaction
        self._running[transaction.connector_id].append(transaction)
        return True

    def closed_here(self, charge_point_id: int) -> list[Transaction]:
        """Transactions of a station that this batch has read and that are over, perhaps only since."""
        rows = self._transactions.values()
        return [row for row in rows if row.charge_point_id == charge_point_id and not row.is_running]

    def _seeking(self) -> set[int]:
        """Stations whose messages are about what runs there, whatever its number."""
        return {
            names.station
            for names in self.batch.names
            if names.transaction_id is None and names.action in _ABOUT_TRANSACTIONS
        }

    def _connectors_of(self, charge_point_id: int) -> dict[int, int]:
        if charge_point_id not in self._connectors:
            missing = {charge_point_id, *self._seeking()} - self._connectors.keys()
            self._connectors |= {pk: {} for pk in missing}
            rows = Connector.objects.filter(charge_point__in=missing).order_by()
            for station, connector_id, pk in rows.values_list("charge_point_id", "connector_id", "pk"):
                self._connectors[station][connector_id] = pk
        return self._connectors[charge_point_id]

    def _look_up(self, transaction_ids: set[int]) -> None:
        self._looked_up |= transaction_ids
        numbers = [number for number in transaction_ids if 0 < number <= LARGEST_ID]
        if numbers:
            self.find(Transaction.objects.filter(pk__in=numbers))

    def _load_running(self, connector_pks: set[int]) -> None:
        self._running |= {pk: [] for pk in connector_pks}
        for row in self.find(Transaction.objects.running().filter(connector__in=connector_pks)):
            self._running[row.connector_id].append(row)
