"""Commands for a running server, raised by a process of their own and waited for with their effects."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from .server import manage

#: In a payload: the transaction that an earlier command's effect brought.
TRANSACTION = "the transaction"

Payloads = dict[str, dict[str, Any]]

_SEND = """
import json, time
from asgiref.sync import async_to_sync
from stations.commands import queue_command, wait_for
from stations.models import ChargePoint

station, transaction, rows = ChargePoint.objects.get(identity=IDENTITY), None, {}
for payloads in BATCHES:
    # all at once: a server without Redis hears of another process's commands only when it looks for them
    named = [(action, {k: transaction if v == TRANSACTION else v for k, v in p.items()}) for action, p in payloads]
    for command in [queue_command(station, action, payload) for action, payload in named]:
        row = async_to_sync(wait_for)(command.pk, 30)
        for _ in range(200):
            if row.effect_status != "awaited":
                break
            time.sleep(0.1)
            row.refresh_from_db()
        transaction = row.effect.get("transaction", transaction)
        rows[row.action] = [row.status, row.answer, row.effect_status, row.effect]
print("ROWS", json.dumps(rows))
"""


class Row(NamedTuple):
    """A command's end."""

    status: str
    answer: Any
    effect_status: str
    effect: dict[str, Any]


def send_commands(identity: str, *batches: Payloads, env: dict[str, str]) -> dict[str, Row]:
    """Each batch is sent in order when the one before it is over, its effects included."""
    ordered = [list(batch.items()) for batch in batches]
    script = f"IDENTITY, TRANSACTION, BATCHES = {identity!r}, {TRANSACTION!r}, {ordered!r}\n{_SEND}"
    result = manage("shell", "-c", script, env=env)
    assert result.returncode == 0, result.stdout + result.stderr
    line = next(line for line in result.stdout.splitlines() if line.startswith("ROWS "))
    return {action: Row(*row) for action, row in json.loads(line.removeprefix("ROWS ")).items()}
