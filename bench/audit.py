"""Compares the ledger of a swarm with the database: lost, doubled, changed, energy to the Wh."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from bench.store import Store, milliseconds
from bench.swarm import Order

#: What a station must have said for a command to be shown with this end.
SAID = {"accepted": frozenset({"Accepted", "Unlocked"}), "rejected": frozenset({"Rejected"})}

Line = dict[str, Any]
Key = tuple[str, int, int]


@dataclass
class Check:
    """One promise: what was found and whether it was kept."""

    promise: str
    found: str
    kept: bool


def zero(promise: str, found: int, of: int | None = None) -> Check:
    """A promise that something never happens."""
    return Check(promise, f"{found}" + (f" of {of:,}" if of is not None else ""), found == 0)


def audit(ledger: Path, store: Store) -> list[Check]:
    """All comparisons. The swarm must have emptied its queues before."""
    lines: dict[str, list[Line]] = defaultdict(list)
    for text in ledger.read_text().splitlines():
        line = json.loads(text)
        lines[line["action"]].append(line)
    transactions = store.ask("transactions")
    return [
        *_meter_values(lines["MeterValues"], store),
        *_starts(lines["StartTransaction"], transactions),
        *_stops(lines["StopTransaction"], transactions, store),
        _statuses(lines["StatusNotification"], store),
    ]


def audit_commands(orders: dict[str, list[Order]], store: Store) -> list[Check]:
    """What became of our own CALLs, beside what the stations heard and said."""
    # SQLite keeps a UUID without its dashes
    rows = {str(UUID(key)): (status, identity) for key, status, identity in store.ask("commands")}
    ends = Counter(status for status, _ in rows.values())
    heard = {key: got for key, got in orders.items() if key in rows}
    wrong = [
        key
        for key, (status, identity) in rows.items()
        if (said := SAID.get(status)) and not any(_is(order, identity, said) for order in heard.get(key, ()))
    ]
    return [
        zero("commands without an end", ends["queued"] + ends["sent"], len(rows)),
        zero("commands that reached a station twice", sum(len(got) > 1 for got in heard.values()), len(heard)),
        zero("commands shown answered otherwise than their station did", len(wrong), len(rows)),
        zero("commands heard by a station that no row knows", len(orders.keys() - rows.keys()), len(orders)),
    ]


def _is(order: Order, identity: str, said: frozenset[str]) -> bool:
    return order.identity == identity and order.answer in said


def _key(line: Line) -> Key:
    return line["station"], line["connector"], line["at"]


def _meter_values(lines: list[Line], store: Store) -> list[Check]:
    stored: dict[Key, list[tuple[int, int]]] = defaultdict(list)
    for identity, connector_id, at, transaction_id, wh in store.ask("meter_values"):
        stored[identity, connector_id, milliseconds(at)].append((transaction_id, wh))
    lost = sum((line["transaction"], line["wh"]) not in stored.get(_key(line), ()) for line in lines)
    unknown = stored.keys() - {_key(line) for line in lines}
    return [
        zero("MeterValues acknowledged but not stored as sent", lost, len(lines)),
        zero("MeterValues stored twice", sum(len(rows) - 1 for rows in stored.values()), len(stored)),
        zero("MeterValues stored that no station got acknowledged in the end", len(unknown)),
    ]


def _starts(lines: list[Line], transactions: list[Any]) -> list[Check]:
    stored = {row[3]: (row[0], row[1], milliseconds(row[2]), row[4], row[5]) for row in transactions}
    lost = sum(stored.get(line["transaction"]) != (*_key(line), line["tag"], line["meter_start_wh"]) for line in lines)
    twice = Counter(stored.values())
    return [
        zero("StartTransaction acknowledged but not stored as sent", lost, len(lines)),
        zero("StartTransaction stored twice", sum(twice.values()) - len(twice), len(stored)),
        zero("StartTransaction not answered Accepted", sum(line["verdict"] != "Accepted" for line in lines)),
    ]


def _stops(lines: list[Line], transactions: list[Any], store: Store) -> list[Check]:
    stored = {row[3]: (milliseconds(row[6]), row[7], row[9]) for row in transactions if row[6] is not None}
    lost = sum(stored.get(line["transaction"]) != (line["at"], line["meter_stop_wh"], "station") for line in lines)
    sent_wh = sum(line["energy_wh"] for line in lines)
    stored_wh = sum(row[8] for row in transactions)
    checks = [
        zero("StopTransaction acknowledged but not stored as sent", lost, len(lines)),
        zero("transactions left without their stop", len(transactions) - len(stored), len(transactions)),
        Check("energy equal to the Wh", f"{sent_wh:,} sent, {stored_wh:,} stored", sent_wh == stored_wh),
    ]
    for (wh,) in store.ask("daily_energy"):
        checks.append(Check("daily energy equal to the Wh", f"{int(wh):,} in the rollup", int(wh) == sent_wh))
    checks += [zero("orphaned stops", count) for (count,) in store.ask("orphans")]
    return checks


def _statuses(lines: list[Line], store: Store) -> Check:
    stored = {(row[0], row[1], milliseconds(row[2]), row[3]) for row in store.ask("statuses")}
    lost = sum((*_key(line), line["status"]) not in stored for line in lines)
    return zero("StatusNotification acknowledged but not stored", lost, len(lines))
