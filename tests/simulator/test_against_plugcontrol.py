"""Our simulator against our server: neither needs the other's tolerance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ..server import environment, manage, serving

pytestmark = pytest.mark.server

#: What is in the database, as JSON behind a word that nothing else prints.
LOOK = """
import json
from stations.models import Message, Repair
from transactions.models import MeterValue, OrphanedStop, Transaction
print("STORED", json.dumps({
    "transactions": list(Transaction.objects.values_list("charge_point__identity", "energy_wh", "ended_by", "flags")),
    "readings": MeterValue.objects.exclude(transaction=0).filter(energy_wh__gt=0).count(),
    "repairs": [str(repair) for repair in Repair.objects.all()],
    "errors": list(Message.objects.filter(kind__in=[0, 4]).values_list("text", flat=True)),
    "actions": sorted(set(Message.objects.filter(kind=2, direction="in").values_list("action", flat=True))),
    "orphans": OrphanedStop.objects.count(),
}))
"""
ENTER = """
from stations.models import ChargePoint
from stations.services import approve_charge_point
for identity in {identities}:
    approve_charge_point(ChargePoint.objects.create(identity=identity, strict=True))
"""


def run(*arguments: str, env: dict[str, str]) -> str:
    result = manage(*arguments, env=env)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def simulate(env: dict[str, str], *identities: str, options: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    """Strict stations live through their sessions: what the simulator printed, and what is stored."""
    with serving(env) as server:
        run("create_id_tag", "CAFE", env=env)
        run("shell", "-c", ENTER.format(identities=list(identities)), env=env)
        pace = ("--sessions", "1", "--speed", "600", "--session-minutes", "20", "--idle-minutes", "0", "--seed", "7")
        printed = run("simulate", "--url", f"{server.charger_address}/", "--id-tag", "CAFE", *pace, *options, env=env)
    assert "Traceback" not in server.log
    line = next(line for line in run("shell", "-c", LOOK, env=env).splitlines() if line.startswith("STORED "))
    return printed, json.loads(line.removeprefix("STORED "))


def assert_nothing_was_odd(stored: dict[str, Any]) -> None:
    assert stored["repairs"] == []
    assert stored["errors"] == []
    assert stored["orphans"] == 0


@pytest.mark.parametrize("kind", [("--phases", "3"), ("--phases", "1"), ("--dc",)], ids=["3 phases", "1 phase", "dc"])
def test_one_strict_station_charges_once(tmp_path: Path, kind: tuple[str, ...]) -> None:
    printed, stored = simulate(environment(tmp_path), "SIM-1", options=("--identity", "SIM-1", *kind))

    assert_nothing_was_odd(stored)
    [(identity, energy_wh, ended_by, flags)] = stored["transactions"]
    assert (identity, ended_by, flags) == ("SIM-1", "station", [])
    assert energy_wh > 0
    assert f"1 sessions, {energy_wh / 1000:.1f} kWh, 0 cards refused, 0 stations not connected" in printed
    assert stored["readings"] > 5
    required = {"Authorize", "BootNotification", "MeterValues", "StartTransaction", "StatusNotification"}
    assert required | {"StopTransaction"} <= set(stored["actions"])


def test_many_stations(tmp_path: Path) -> None:
    identities = [f"SIM-{number:04}" for number in range(1, 6)]
    _, stored = simulate(environment(tmp_path), *identities, options=("--count", "5", "--quiet"))

    assert_nothing_was_odd(stored)
    assert sorted(identity for identity, *_ in stored["transactions"]) == identities
    assert all(energy_wh > 0 and flags == [] for _, energy_wh, _, flags in stored["transactions"])


def test_misfortunes_are_conformant_too(tmp_path: Path) -> None:
    """Lost connections, faults, power losses and unknown cards: still no message that needs mending."""
    identities = [f"SIM-{number:04}" for number in range(1, 5)]
    _, stored = simulate(environment(tmp_path), *identities, options=("--count", "4", "--quiet", "--faults", "1"))

    assert_nothing_was_odd(stored)
    assert len(stored["transactions"]) == 4
    assert {ended_by for _, _, ended_by, _ in stored["transactions"]} == {"station"}
