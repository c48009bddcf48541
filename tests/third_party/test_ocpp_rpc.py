"""A charge point written with npm `ocpp-rpc`, in its strict mode: it checks our answers by its own schemas."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import signal
from pathlib import Path

import pytest

from ..server import environment, manage, serving
from .conftest import KEY, SecureServer
from .core_commands import obeyed, send_core_commands, told
from .node import running

pytestmark = pytest.mark.server


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


def test_it_keeps_a_profile_and_delivers_a_file_over_tls(program: list[str], secure_server: SecureServer) -> None:
    """Security profile 2 and strict on both sides."""
    rest = secure_server.rest
    limits = {"name": "npm", "kind": "Relative", "unit": "W", "periods": [{"start": 0, "limit": "7400.5"}]}
    profile = rest.post("charging-profiles/", limits)
    env = {"OCPP_PASSWORD": KEY, "NODE_EXTRA_CA_CERTS": str(secure_server.root_path)}
    with running([*program, secure_server.secure_address, "NPM-2", "CAFE", "deliver"], env) as charge_point:
        charge_point.says("delivers")
        assert rest.get("charge-points/NPM-2/")["security_profile"] == 2
        rest.post(f"charging-profiles/{profile['id']}/assign/", {"charge_point": "NPM-2", "connector_id": 1})
        assigned = rest.find("assigned-profiles/?charge_point=NPM-2", state="installed")
        rest.post("charge-points/NPM-2/files/", {})
        assert charge_point.says("delivered")["status"] == 200
        charge_point.go_on()
        got = charge_point.says("done")

    assert got["invalid"] == []
    told = dict(got["calls"])
    assert told["SetChargingProfile"] == {"connectorId": 1, "csChargingProfiles": assigned["payload"]}
    assert told["GetDiagnostics"]["location"].startswith("https://")
    file = rest.find("station-files/?charge_point=NPM-2")
    assert (file["file_name"], file["over"]) == ("node.log", "https")
    assert file["sha256"] == hashlib.sha256(b"all is well\n").hexdigest()
