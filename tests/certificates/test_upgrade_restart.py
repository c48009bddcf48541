"""The wizard over servers that are killed: each of them dies after one step, and the charger ends where it should."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from certificates.upgrade_way import MAX_TRIES

from ..e2e.charger import charger
from ..server import Server, environment, manage, serving

pytestmark = pytest.mark.server

PATIENCE_S = 40
#: More deaths than the way has steps at which something is sent.
MOST_DEATHS = 5
#: GetConfiguration, AuthorizationKey, SecurityProfile.
NEEDED = 3
UNDER_WAY = ("running", "waiting")
A_STEP = "'security upgrades go on' rows=1"
BEGIN = """
from certificates import upgrades
from stations.models import ChargePoint
upgrades.begin(ChargePoint.objects.get(identity="GARAGE-1"), 1)
"""
SHOW = """
import json
from certificates.models import SecurityUpgrade
from stations.models import ChargePoint, Command
station, upgrade = ChargePoint.objects.get(identity="GARAGE-1"), SecurityUpgrade.objects.get()
raised = Command.objects.filter(idempotency_key__startswith="upgrade").order_by("created_at")
sent = raised.exclude(sent_at=None).count()
heard = [status in ("accepted", "rejected") for status in raised.values_list("status", flat=True)]
unheard = heard[::-1].index(True) if True in heard else len(heard)
row = [upgrade.state, upgrade.problem, station.minimum_security_profile, sent, sum(heard), unheard]
print("ROW", json.dumps(row))
"""


def shell(env: dict[str, str], script: str) -> Any:
    result = manage("shell", "-c", script, env=env)
    assert result.returncode == 0, result.stdout + result.stderr
    rows = [line for line in result.stdout.splitlines() if line.startswith("ROW ")]
    return json.loads(rows[0].removeprefix("ROW ")) if rows else None


def wait_for_a_step(server: Server) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while A_STEP not in server.log:
        assert time.monotonic() < deadline, server.log
        time.sleep(0.05)


def wait_for_an_answer(env: dict[str, str], answered: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while (row := shell(env, SHOW))[4] == answered and row[0] in UNDER_WAY:
        assert time.monotonic() < deadline


def wait_for_the_end(env: dict[str, str]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while (row := shell(env, SHOW))[0] in UNDER_WAY:
        assert time.monotonic() < deadline
    return row


def test_killed_after_each_step_it_ends_where_it_should(tmp_path: Path) -> None:
    env = environment(tmp_path, UNKNOWN_CHARGE_POINTS="accept")
    with ExitStack() as stack:
        server = stack.enter_context(serving(env))
        box = stack.enter_context(charger(server.charger_address, "GARAGE-1"))
        box.do(lambda station: station.boot())
        shell(env, BEGIN)
        answered, unheard = 0, 0
        for _death in range(MOST_DEATHS):
            wait_for_a_step(server)
            if unheard >= MAX_TRIES - 1:  # dying before the answer once more would be taken for the charger's silence
                wait_for_an_answer(env, answered)
            server.kill()
            state, *_ends, answered, unheard = shell(env, SHOW)
            if state not in UNDER_WAY:
                break
            server = stack.enter_context(serving(env))
        state, problem, minimum, sent, *_heard = wait_for_the_end(env)
    assert (state, problem, minimum) == ("done", "", 1)
    assert sent <= NEEDED + MOST_DEATHS
