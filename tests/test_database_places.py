"""Requests wait for a place at the database; what needs none is answered at once."""

from __future__ import annotations

import pytest
from django.test import AsyncClient, Client

from plugcontrol import database_places
from stations.database_places import PLACES, Places, places

from .people import browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody gets in."""
    monkeypatch.setattr(database_places, "places", Places(0, patience_s=0.01))


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "yours did not get its turn"), ("de", "dass Ihre nicht an die Reihe kam")],
)
def test_a_person_reads_to_come_again(full, client: Client, language, said):
    response = client.get("/", headers={"accept-language": language})

    assert (response.status_code, response["Retry-After"]) == (503, "15")
    assert said in response.content.decode()
    assert f'<html lang="{language}">' in response.content.decode()
    assert "Content-Security-Policy" in response
    assert response["X-Request-ID"]


def test_a_program_reads_a_problem(full, client: Client):
    response = client.get("/api/v1/charge-points/")

    assert (response.status_code, response["Retry-After"]) == (503, "15")
    assert response["Content-Type"] == "application/problem+json"
    assert (response.json()["code"], response.json()["detail"]) == (
        "unavailable",
        "Too many requests are under way; try again in a moment.",
    )


@pytest.mark.parametrize("path", ["/healthz", "/static/css/tokens.css"])
async def test_what_needs_no_database_needs_no_place(full, async_client: AsyncClient, path):
    assert (await async_client.get(path)).status_code == 200


def test_the_place_is_free_again_before_the_answer_is_sent():
    response = browser("administrator").get("/messages/download/")

    assert response.status_code == 200
    assert response.streaming
    assert places.free == PLACES


def test_a_view_that_breaks_keeps_no_place(monkeypatch):
    def fail(*_arguments, **_options):
        raise RuntimeError("broken")

    monkeypatch.setattr("screens.house.about.About.get_context_data", fail)
    assert browser("viewer", raise_request_exception=False).get("/about/").status_code == 500
    assert places.free == PLACES
