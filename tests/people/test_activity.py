"""A session lives as long as its person does something, and costs a write every five minutes only."""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session
from freezegun import freeze_time

from . import browser_of, person

pytestmark = pytest.mark.django_db


def test_who_does_something_every_hour_stays_logged_in():
    with freeze_time("2026-11-21 08:00") as clock:
        anna = browser_of(person("viewer"))
        for _hour in range(12):
            assert anna.get("/account/").status_code == 200
            clock.tick(3600)


def test_a_page_that_only_refreshes_itself_is_logged_out():
    with freeze_time("2026-11-21 08:00") as clock:
        anna = browser_of(person("viewer"))
        anna.get("/account/")
        statuses = []
        for _hour in range(9):
            clock.tick(3600)
            statuses.append(anna.get("/account/", headers={"X-Live": "1"}).status_code)
    assert statuses == [200] * 7 + [302] * 2


def test_a_second_look_writes_no_session():
    anna = browser_of(person("viewer"))
    anna.get("/account/")
    before = Session.objects.get().session_data
    anna.get("/account/")
    assert Session.objects.get().session_data == before


def test_a_program_with_a_key_gets_no_session(client):
    from ..api.conftest import make_key, program

    assert program(make_key()).get("/api/v1/charge-points/").status_code == 200
    assert not Session.objects.exists()
