"""`manage.py doctor` as people run it, on sound and on broken installations."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from plugcontrol.management.commands import doctor

from .server import environment, free_port, manage, serving

pytestmark = pytest.mark.long

SUBJECTS = [
    *("configuration", "database", "redis server", "channel layer", "data folder", "certificates"),
    *("hosts", "port", "charger address", "tls line", "files"),
]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A sound installation on SQLite whose server does not run."""
    env = environment(tmp_path_factory.mktemp("doctor"), PUBLIC_URL="https://charge.example.org", PGPASSWORD="")
    result = manage("prepare", env=env)
    assert result.returncode == 0, result.stderr
    return env


def examine(env: dict[str, str]) -> tuple[subprocess.CompletedProcess[str], dict[str, list[tuple[str, str]]]]:
    """What `doctor --json` found: (level, text) by subject."""
    result = manage("doctor", "--json", env=env)
    assert "Traceback" not in result.stderr
    findings: dict[str, list[tuple[str, str]]] = {}
    for finding in json.loads(result.stdout):
        assert finding.keys() == {"level", "subject", "text"}
        findings.setdefault(finding["subject"], []).append((finding["level"], finding["text"]))
    return result, findings


def levels(findings: dict[str, list[tuple[str, str]]]) -> set[str]:
    return {level for found in findings.values() for level, _text in found}


def errors(findings: dict[str, list[tuple[str, str]]]) -> dict[str, str]:
    return {subject: text for subject, found in findings.items() for level, text in found if level == "error"}


def test_all_is_well(prepared: dict[str, str]) -> None:
    result, findings = examine(prepared)

    assert result.returncode == 0, result.stdout
    assert levels(findings) == {"ok"}
    assert list(findings) == SUBJECTS
    assert findings["database"][0][1].startswith("SQLite 3.")
    assert ("ok", "all migrations are applied") in findings["database"]
    assert findings["charger address"] == [("ok", "wss://charge.example.org/ocpp/<charger-id>")]
    assert findings["files"] == [("ok", "chargers transfer them at https://charge.example.org/transfers/")]


def test_as_text_there_is_a_line_for_each_finding(prepared: dict[str, str]) -> None:
    result = manage("doctor", env=prepared)

    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert all(line.startswith("ok ") for line in lines)
    assert all(any(subject in line for line in lines) for subject in SUBJECTS)


def test_a_database_that_cannot_be_reached(prepared: dict[str, str]) -> None:
    nowhere = f"postgresql://plugcontrol:secret-word@127.0.0.1:{free_port()}/plugcontrol"
    result, findings = examine(prepared | {"DATABASE_URL": nowhere})

    assert result.returncode == 1
    assert errors(findings).keys() == {"database"}
    assert "cannot be used" in errors(findings)["database"]
    assert "1 thing is broken." in result.stderr
    assert "secret-word" not in result.stdout + result.stderr


def test_redis_that_cannot_be_reached(prepared: dict[str, str]) -> None:
    nowhere = f"redis://:secret-word@127.0.0.1:{free_port()}/0"
    result, findings = examine(prepared | {"REDIS_URL": nowhere})

    assert result.returncode == 1
    assert errors(findings).keys() == {"redis server", "channel layer"}
    assert "2 things are broken." in result.stderr
    assert "secret-word" not in result.stdout + result.stderr


def test_a_database_that_was_never_prepared(tmp_path: Path) -> None:
    result, findings = examine(environment(tmp_path))

    assert result.returncode == 1
    assert "run `manage.py prepare`" in errors(findings)["database"]
    assert not (tmp_path / "plugcontrol.sqlite3").exists()  # it looks and makes nothing


def test_migrations_that_wait(tmp_path: Path) -> None:
    (tmp_path / "plugcontrol.sqlite3").touch()
    result, findings = examine(environment(tmp_path))

    assert result.returncode == 1
    assert "migrations are not applied" in errors(findings)["database"]


def test_what_deserves_a_warning_breaks_nothing(prepared: dict[str, str]) -> None:
    key = Path(prepared["DATA_DIR"]) / "secret_key"
    key.chmod(0o644)
    try:
        result, findings = examine(prepared | {"DEBUG": "1", "PUBLIC_URL": ""})
    finally:
        key.chmod(0o600)

    assert result.returncode == 0, result.stdout
    warned = {subject for subject, found in findings.items() if any(level == "warning" for level, _text in found)}
    # a server on the loopback address cannot be reached by any charger
    assert warned == {"configuration", "data folder", "charger address"}


def test_the_key_it_warns_of_is_made_private(prepared: dict[str, str]) -> None:
    assert stat.S_IMODE((Path(prepared["DATA_DIR"]) / "secret_key").stat().st_mode) == 0o600


def test_ftp_that_nobody_started(prepared: dict[str, str]) -> None:
    ftp = {"FTP_ADDRESS": "files.example.org", "FTP_PORT": str(free_port()), "FILES_URL": "http://192.168.1.20:8000"}
    result, findings = examine(prepared | ftp)

    assert result.returncode == 0, result.stdout
    assert [level for level, _text in findings["files"]] == ["ok", "ok", "ok", "warning"]
    told = [text for level, text in findings["files"] if level == "ok"]
    assert [text.rpartition(" ")[2] for text in told] == [
        "http://192.168.1.20:8000/transfers/",
        "https://charge.example.org/transfers/",
        "ftp://files.example.org/",
    ]
    assert "make ftp" in findings["files"][-1][1]


def test_hosts_without_the_public_one(prepared: dict[str, str]) -> None:
    result, findings = examine(prepared | {"ALLOWED_HOSTS": "other.example.org"})

    assert result.returncode == 1
    assert "charge.example.org" in errors(findings)["hosts"]


@pytest.mark.server
def test_a_port_of_ours_and_one_of_another_program(prepared: dict[str, str]) -> None:
    with serving(prepared) as server:
        result, findings = examine(prepared)
        assert result.returncode == 0, result.stdout
        assert findings["port"] == [("ok", f"{server.port} is served by plugcontrol")]
    with doctor.socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result, findings = examine(prepared | {"PORT": str(port)})
    assert result.returncode == 1
    assert "used by another program" in errors(findings)["port"]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="needs PostgreSQL in DATABASE_URL")
def test_postgresql_without_a_password_is_a_warning(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "PASSWORD", "")
    for name in ("PGPASSWORD", "PGPASSFILE"):
        monkeypatch.delenv(name, raising=False)

    found = list(doctor.database())

    assert [level for level, _text in found] == ["ok", "ok", "ok", "warning"]
    assert found[0][1].startswith("PostgreSQL ")
    assert "no password" in found[-1][1]
    monkeypatch.setitem(connection.settings_dict, "PASSWORD", "long and secret")
    assert [level for level, _text in doctor.database()] == ["ok", "ok", "ok"]


@pytest.mark.skipif(not os.environ.get("REDIS_URL"), reason="needs Redis in REDIS_URL")
def test_redis_that_is_there(prepared: dict[str, str]) -> None:
    result, findings = examine(prepared | {"REDIS_URL": os.environ["REDIS_URL"]})

    assert result.returncode == 0, result.stdout
    assert findings["redis server"][0][1].startswith("Redis ")
    assert findings["channel layer"] == [("ok", "carries messages")]


def test_wrong_settings_are_one_sentence(prepared: dict[str, str]) -> None:
    result: Any = manage("doctor", env=prepared | {"PORT": "many"})

    assert result.returncode == 1
    assert result.stderr.strip().splitlines() == [
        "plugcontrol cannot start: PORT must be a whole number from 1 to 65535, not 'many'."
    ]
