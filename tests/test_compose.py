"""The container files keep what README promises: nothing published but the server, no default password, no root."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_only_the_server_is_published() -> None:
    published = {name for name, service in SERVICES.items() if "ports" in service}
    # what a profile adds is published because somebody asked for it
    assert {name for name in published if "profiles" not in SERVICES[name]} == {"web"}
    assert COMPOSE["networks"]["backend"]["internal"] is True
    assert SERVICES["db"]["networks"] == SERVICES["redis"]["networks"] == ["backend"]


def test_no_secret_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    secrets = re.findall(r"PASSWORD: (.+)", text)

    assert len(secrets) == 2
    assert all(re.fullmatch(r"\$\{POSTGRES_PASSWORD:\?[^}]+\}", secret) for secret in secrets)
    assert "SECRET_KEY" not in text


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_hardened(name: str) -> None:
    service = SERVICES[name]

    assert service["user"] not in ("", "root", "0", "0:0")
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged")


def test_services_wait_for_what_they_need() -> None:
    needs = {name: conditions(service) for name, service in SERVICES.items()}

    assert needs["migrate"] == {"db": "service_healthy"}
    assert needs["worker"] == {"db": "service_healthy", "migrate": "service_completed_successfully"}
    assert needs["web"] == {
        "db": "service_healthy",
        "redis": "service_healthy",
        "migrate": "service_completed_successfully",
    }
    assert all("test" in SERVICES[name]["healthcheck"] for name in ("db", "redis"))


def conditions(service: dict[str, Any]) -> dict[str, str]:
    return {name: need["condition"] for name, need in service.get("depends_on", {}).items()}


def test_migrating_happens_once_and_the_server_gets_time_to_drain() -> None:
    assert SERVICES["migrate"]["restart"] == "no"
    assert SERVICES["migrate"]["command"] == ["python", "manage.py", "prepare"]
    assert SERVICES["web"]["command"] == ["python", "manage.py", "serve"]
    assert SERVICES["web"]["stop_grace_period"] == "30s"


def test_jobs_run_beside_the_server_on_the_same_files() -> None:
    assert SERVICES["worker"]["command"] == ["python", "manage.py", "worker"]
    assert SERVICES["web"]["environment"]["RUN_JOBS"] == "0"
    assert SERVICES["web"]["environment"].items() >= SERVICES["worker"]["environment"].items()
    assert SERVICES["web"]["volumes"] == SERVICES["worker"]["volumes"] == ["data:/data"]


def test_ftp_is_an_option_on_the_same_files() -> None:
    ftp = SERVICES["ftp"]

    assert ftp["profiles"] == ["ftp"]
    assert ftp["command"] == ["python", "manage.py", "serve_ftp"]
    assert ftp["volumes"] == SERVICES["web"]["volumes"]
    # a charger is told the number of a passive port
    passive = next(ports for ports in ftp["ports"] if "PASSIVE" in ports)
    outside, inside = re.findall(r"\$\{[^}]+\}", passive)
    assert outside == inside
    assert ftp["environment"]["FTP_PORT"] == ftp["ports"][0].rpartition(":")[2]


def test_postgres_is_the_version_that_is_promised() -> None:
    assert SERVICES["db"]["image"] == "postgres:17"


def test_the_image_is_not_root_and_checks_itself() -> None:
    last_stage = DOCKERFILE.rsplit("\nFROM ", 1)[1]

    assert re.search(r"^USER plugcontrol$", last_stage, re.MULTILINE)
    assert "--require-hashes" in DOCKERFILE


def test_a_redis_outage_is_no_reason_to_restart_a_server_whose_chargers_work() -> None:
    assert "/healthz" in healthcheck()[-1]
    assert "healthcheck" not in SERVICES["web"]  # the image's own


def test_the_images_health_check_is_valid_python() -> None:
    compile(healthcheck()[-1], "HEALTHCHECK", "exec")


def healthcheck() -> list[str]:
    command = re.search(r"^HEALTHCHECK .*CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert command
    arguments: list[str] = json.loads(command[1])
    return arguments


def test_the_image_holds_every_package_and_no_secret() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}

    assert "*" in ignored
    assert packages <= {line[1:] for line in ignored if line.startswith("!")}
    assert not {"!.env", "!data"} & set(ignored)


@pytest.mark.parametrize("name", ["db", "migrate", "worker", "web"])
def test_temporary_files_cannot_fill_the_memory(name: str) -> None:
    tmp = next(entry for entry in SERVICES[name]["tmpfs"] if entry.split(":")[0] == "/tmp")  # noqa: S108

    assert re.search(r":size=\d+m$", tmp)
