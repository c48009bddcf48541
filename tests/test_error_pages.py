"""What goes wrong is told without its insides, with a number that stands in the log too."""

from __future__ import annotations

import logging
import re

import pytest
import structlog
from django.test import Client

from plugcontrol import request_ids

from .people import browser

pytestmark = pytest.mark.django_db

SECRET = "the-inside-of-the-house"


@pytest.fixture
def broken(monkeypatch):
    def fail(*_arguments, **_options):
        raise RuntimeError(SECRET)

    monkeypatch.setattr("screens.house.about.About.get_context_data", fail)


def numbers_of(response) -> tuple[str, list[str]]:
    """The number in the header, and those on the page."""
    return response.headers[request_ids.HEADER], re.findall(r"<code>([0-9a-f]{12})</code>", response.content.decode())


@pytest.mark.parametrize(
    ("status", "ask"),
    [
        (400, lambda: Client(headers={"host": "evil.example"}).get("/")),
        (403, lambda: browser("viewer").get("/people/")),
        (403, lambda: Client(enforce_csrf_checks=True).post("/login/", {"username": "x"})),
        (404, lambda: browser("viewer").get("/nothing/here/")),
        (404, lambda: browser("viewer").get("/chargers/987654321/")),
        (500, lambda: browser("viewer", raise_request_exception=False).get("/about/")),
    ],
    ids=["400", "403", "403 csrf", "404", "404 of an object", "500"],
)
@pytest.mark.parametrize("language", ["en", "de"])
def test_an_error_page_has_its_number_and_no_insides(broken, settings, status, ask, language):
    settings.LANGUAGE_CODE = language
    browser("administrator")
    response = ask()
    assert response.status_code == status
    number, shown = numbers_of(response)
    assert shown == [number]
    body = response.content.decode()
    for inside in (SECRET, "Traceback", "RuntimeError", "/site-packages/", "settings.py", "DEBUG", "urlpatterns"):
        assert inside not in body, inside


def test_what_is_logged_for_a_request_bears_its_number(broken, caplog):
    seen: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(structlog.contextvars.get_contextvars().get("request_id", ""))

    listener = Listener()
    logger = logging.getLogger("django.request")
    logger.addHandler(listener)
    try:
        response = browser("viewer", raise_request_exception=False).get("/about/")
    finally:
        logger.removeHandler(listener)
    assert seen == [response.headers[request_ids.HEADER]]
    assert request_ids.current() == ""


def test_every_answer_has_a_number_of_its_own_whatever_the_caller_says():
    client = Client(headers={"x-request-id": "1\r\nforged"})
    numbers = {client.get(path).headers[request_ids.HEADER] for path in ("/login/", "/login/", "/api/v1/", "/nowhere/")}
    assert len(numbers) == 4
    assert all(re.fullmatch("[0-9a-f]{12}", number) for number in numbers)


@pytest.mark.parametrize("path", ["/api/v1/charge-points/987654321/", "/api/v1/nothing/"])
def test_the_rest_api_has_it_in_the_header(path):
    response = browser("viewer").get(path)
    assert response.status_code == 404
    assert re.fullmatch("[0-9a-f]{12}", response.headers[request_ids.HEADER])
