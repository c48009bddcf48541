"""A charge point written with npm `ocpp-rpc`, in its strict mode: it checks our answers by its own schemas."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any, NoReturn

import pytest

from ..server import environment, manage, serving
from .core_commands import obeyed, send_core_commands, told

pytestmark = pytest.mark.server

HERE = Path(__file__).resolve().parent
STEP_TIMEOUT_S = 60


def unavailable(reason: str) -> NoReturn:
    """Skip on a developer's machine; in CI nothing is ever left out."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command that runs the charge point, its packages installed exactly as locked."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        unavailable("Node.js or npm is not installed.")
    folder = tmp_path_factory.mktemp("ocpp-rpc")
    for name in ("package.json", "package-lock.json", "charge_point.mjs"):
        shutil.copy(HERE / name, folder)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        unavailable(f"npm could not install ocpp-rpc: {result.stderr.strip()}")
    return [node, str(folder / "charge_point.mjs")]


class ChargePoint:
    """The Node process: what it says step by step, and its last word."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._lines: Queue[str | None] = Queue()
        Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def says(self, step: str) -> dict[str, Any]:
        """The next line, which must be about this step."""
        try:
            line = self._lines.get(timeout=STEP_TIMEOUT_S)
        except Empty:
            pytest.fail(f"the charge point did not get to {step!r} within {STEP_TIMEOUT_S} s")
        assert line is not None, self._process.stderr and self._process.stderr.read()
        said: dict[str, Any] = json.loads(line)
        assert said["step"] == step
        return said

    def go_on(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextlib.contextmanager
def running(command: list[str]) -> Iterator[ChargePoint]:
    charge_point = ChargePoint(command)
    try:
        yield charge_point
    finally:
        charge_point.end()


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path)


def run(*arguments: str, env: dict[str, str]) -> str:
    result = manage(*arguments, env=env)
    assert result.returncode == 0, result.stderr
    return result.stdout


def exported(env: dict[str, str]) -> list[dict[str, str]]:
    text = run("export_transactions", "--format", "csv", "-o", "-", env=env)
    return list(csv.DictReader(io.StringIO(text.lstrip("\ufeff"))))


READINGS = """
from stations.models import Repair
from transactions.models import MeterValue
import json
rows = MeterValue.objects.exclude(transaction=0).order_by("timestamp")
rows = [[row.energy_wh, float(row.power_w), float(row.current_l1_a)] for row in rows]
print("READ", json.dumps(rows), Repair.objects.count())
"""


def stored_readings(env: dict[str, str]) -> tuple[list[list[float]], int]:
    """Register, power and current of every meter value, and how many kinds of repair there were."""
    line = next(line for line in run("shell", "-c", READINGS, env=env).splitlines() if line.startswith("READ "))
    rows, repairs = line.removeprefix("READ ").rsplit(" ", 1)
    return json.loads(rows), int(repairs)


@pytest.mark.parametrize("strict", [False, True], ids=["lenient", "strict"])
def test_a_session(program: list[str], env: dict[str, str], strict: bool) -> None:
    """Strict: then neither side forgives the other anything."""
    with serving(env) as server:
        run("create_id_tag", "CAFE", "--holder", "Anna", env=env)
        if strict:
            run("create_charge_point", "NPM-1", env=env)
            make_strict = "from stations.models import ChargePoint; ChargePoint.objects.update(strict=True)"
            run("shell", "-c", make_strict, env=env)
        with running([*program, server.charger_address, "NPM-1", "CAFE"]) as charge_point:
            charge_point.says("pending")
            run("create_charge_point", "NPM-1", "--accept", "--update", env=env)
            got = charge_point.says("done")

    assert got["invalid"] == []
    assert got["protocol"] == "ocpp1.6"
    assert got["whilePending"] == "SecurityError"
    assert {"requestedMessage": "BootNotification"} in [params for _action, params in got["calls"]]
    answers = got["answers"]
    assert [answer["status"] for answer in answers["BootNotification"]] == ["Pending", "Accepted"]
    assert answers["Authorize"][0]["idTagInfo"]["status"] == "Accepted"
    assert answers["StartTransaction"][0]["idTagInfo"]["status"] == "Accepted"
    assert answers["MeterValues"] == [{}] * 10
    assert answers["DataTransfer"] == [{"status": "UnknownVendorId"}]
    [row] = exported(env)
    assert int(row["transaction_id"]) == answers["StartTransaction"][0]["transactionId"]
    assert (row["charge_point_id"], row["id_tag"], row["tag_holder"]) == ("NPM-1", "CAFE", "Anna")
    assert (row["meter_start_wh"], row["meter_stop_wh"], row["energy_kwh"]) == ("1000", "2117", "1.117")
    assert (row["stop_reason"], row["status"]) == ("EVDisconnected", "finished")
    assert stored_readings(env) == ([[1000 + 111 * n, 7400, 16.1] for n in range(1, 11)], 0)


def test_it_comes_back_by_itself_after_a_restart(program: list[str], env: dict[str, str]) -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(serving(env))
        run("create_id_tag", "CAFE", env=env)
        run("create_charge_point", "NPM-1", "--accept", env=env)
        charge_point = stack.enter_context(running([*program, server.charger_address, "NPM-1", "CAFE", "pause"]))
        charge_point.says("half-way")
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        with serving(env):
            charge_point.go_on()
            got = charge_point.says("done")

    assert got["invalid"] == []
    assert got["opened"] == 2
    [row] = exported(env)
    assert (row["meter_start_wh"], row["meter_stop_wh"], row["energy_kwh"]) == ("1000", "2117", "1.117")
    assert len(stored_readings(env)[0]) == 10


def test_it_obeys_the_core_commands(program: list[str], env: dict[str, str]) -> None:
    with serving(env) as server:
        run("create_id_tag", "CAFE", env=env)
        run("create_charge_point", "NPM-1", "--accept", env=env)
        with running([*program, server.charger_address, "NPM-1", "CAFE", "obey"]) as charge_point:
            charge_point.says("obeys")
            rows = send_core_commands("NPM-1", env)
            charge_point.go_on()
            got = charge_point.says("done")

    transaction = got["answers"]["StartTransaction"][0]["transactionId"]
    assert rows == obeyed(transaction)
    assert got["invalid"] == []
    assert {action: params for action, params in got["calls"] if action != "TriggerMessage"} == told(transaction)
    assert len(exported(env)) == 1
