"""/healthz and /readyz, as a container's health check or a balancer asks for them."""

import threading

import pytest
from django.db import OperationalError, connections
from django.test import AsyncClient, Client

from plugcontrol import health


@pytest.fixture(autouse=True)
def forget_migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health._migrated, "_complete", False)


def test_healthz_needs_no_database(client: Client) -> None:
    response = client.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.django_db(transaction=True)
def test_any_host_may_ask_without_https_and_without_a_session(client: Client, settings, path: str) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.ALLOWED_HOSTS = ["charge.example.org"]

    response = client.get(path, headers={"host": "172.18.0.4:8000"})

    assert response.status_code == 200
    assert not response.cookies


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.django_db(transaction=True)
async def test_the_asynchronous_server_answers_the_same(async_client: AsyncClient, path: str) -> None:
    response = await async_client.get(path, headers={"host": "172.18.0.4:8000"})

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_other_pages_still_check_the_host(client: Client) -> None:
    assert client.get("/admin/login/", headers={"host": "evil.example.org"}).status_code == 400


def test_only_reading_is_allowed(client: Client) -> None:
    assert client.post("/healthz").status_code == 405


@pytest.mark.django_db(transaction=True)
def test_a_draining_server_is_not_ready_but_alive(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "draining", True)

    response = client.get("/readyz")

    assert (response.status_code, response.json()["reasons"]) == (503, ["the server is stopping"])
    assert client.get("/healthz").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_missing_migration_is_a_reason(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = [("stations", "0002_later")]
    monkeypatch.setattr(health.MigrationExecutor, "migration_plan", lambda *_: plan)

    assert client.get("/readyz").json()["reasons"] == ["migrations are not applied"]

    plan.clear()
    assert client.get("/readyz").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_applied_migrations_are_looked_up_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get("/readyz").status_code == 200
    monkeypatch.setattr(health, "MigrationExecutor", None)

    assert client.get("/readyz").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_is_a_reason(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(type(connections["default"]), "ensure_connection", refuse)

    response = client.get("/readyz")

    assert (response.status_code, response.json()["reasons"]) == (503, ["the database cannot be reached"])


@pytest.mark.django_db(transaction=True)
def test_redis_that_is_away_is_a_reason(client: Client, settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert client.get("/readyz").json()["reasons"] == ["Redis cannot be reached"]


@pytest.mark.django_db
def test_nothing_about_the_inside_is_public_and_a_check_is_waited_for_a_second_at_most(client: Client) -> None:
    """S38 (docs/threat-model.md)."""
    assert health.PATIENCE_S < 1
    for path in ("/metrics", "/metrics/", "/status", "/debug", "/.env", "/server-status"):
        assert client.get(path).status_code == 404


def test_a_check_that_hangs_is_a_reason_and_is_not_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    release, started, ended = threading.Event(), [], []

    def hang() -> str:
        started.append(1)
        release.wait(60)
        ended.append(1)
        return ""

    monkeypatch.setattr(health, "PATIENCE_S", 0.05)
    monkeypatch.setattr(health, "_probes", (health._Probe("database", hang),))
    reasons = [*health.problems(), *health.problems()]
    seen = len(started), len(ended)
    release.set()

    assert reasons == ["the database did not answer within 0.05 s"] * 2
    assert seen == (1, 0)  # it was not waited for
