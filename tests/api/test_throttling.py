"""So many requests a minute, by key and by address."""

from __future__ import annotations

import pytest
from django.test import Client
from freezegun import freeze_time

from .conftest import make_key, program

pytestmark = pytest.mark.django_db
URL = "/api/v1/charge-points/"
NOON = "2026-11-21T12:00:10Z"


@pytest.fixture(autouse=True)
def small_shares(settings):
    settings.API_REQUESTS_PER_MINUTE = 3
    settings.API_ANONYMOUS_REQUESTS_PER_MINUTE = 2


def test_each_key_has_a_share_of_its_own(problem):
    first, second = program(make_key("read")), program(make_key("admin"))
    with freeze_time(NOON) as clock:
        assert [first.get(URL).status_code for _ in range(3)] == [200] * 3
        response = first.get(URL)
        assert problem(response, 429)["code"] == "throttled"
        assert response["Retry-After"] == "50"
        assert second.get(URL).status_code == 200
        clock.tick(50)
        assert first.get(URL).status_code == 200


def test_those_who_may_not_are_counted_too(problem):
    client = program(make_key("read"))
    with freeze_time(NOON):
        for _ in range(3):
            problem(client.post("/api/v1/id-tags/", {}, content_type="application/json"), 403)
        problem(client.get(URL), 429)


def test_whoever_has_a_network_of_ipv6_is_one_caller(problem):
    with freeze_time(NOON):
        for guess in range(2):
            problem(Client(REMOTE_ADDR=f"2001:db8:0:1::{guess}").get(URL), 401)
        problem(Client(REMOTE_ADDR="2001:db8:0:1:ffff::1").get(URL), 429)
        problem(Client(REMOTE_ADDR="2001:db8:0:2::1").get(URL), 401)


@pytest.mark.parametrize("headers", [{}, {"authorization": "Token guess"}])
def test_strangers_are_counted_by_address(problem, headers):
    with freeze_time(NOON):
        for guess in range(2):
            # an address of the client's own making changes nothing
            problem(Client().get(URL, headers={**headers, "x-forwarded-for": f"10.0.0.{guess}"}), 401)
        problem(Client().get(URL, headers={**headers, "x-forwarded-for": "10.0.0.9"}), 429)
        problem(Client(REMOTE_ADDR="192.168.1.7").get(URL, headers=headers), 401)
