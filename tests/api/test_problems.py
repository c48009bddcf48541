"""Every error is problem JSON, whatever is asked."""

from __future__ import annotations

import base64
import json
from unittest.mock import patch
from urllib.parse import quote

import pytest
from django.db import OperationalError
from django.test import Client

from api.serializers.transactions import IdTagSerializer
from transactions.models import IdTag

from ..admin_cast import make_everything
from .conftest import make_key, program

pytestmark = pytest.mark.django_db
LISTS = ("charge-points", "connectors", "commands", "id-tags", "transactions", "reservations", "local-lists")


def cursor(**parts: str) -> str:
    return base64.b64encode("&".join(f"{name}={value}" for name, value in parts.items()).encode()).decode()


def test_a_problem_says_what_and_where(administrator, problem):
    response = administrator.post("/api/v1/id-tags/", {"blocked": "perhaps"}, content_type="application/json")
    body = problem(response, 400)
    assert body == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "The request is not valid.",
        "code": "invalid",
        "errors": [
            {"path": "$.id_tag", "detail": "This field is required.", "code": "required"},
            {"path": "$.blocked", "detail": "Must be a valid boolean.", "code": "invalid"},
        ],
    }


@pytest.mark.parametrize("path", ["", "v1/", "v1/charge-points", "v2/charge-points/", "v1/charge-points/x/y/z", "%00/"])
@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options"])
def test_unknown_addresses(administrator, problem, path, method):
    problem(getattr(administrator, method)(f"/api/{path}"), 404)


@pytest.mark.parametrize(
    "path",
    [
        *("charge-points/CP9/", "charge-points/%00/", "charge-points/CP9/commands/", f"charge-points/{'x' * 3000}/"),
        *("connectors/99999/", "connectors/99999999999999999999999/", f"connectors/{'9' * 5000}/", "connectors/-1/"),
        *("commands/0b5ce0d4-0000-4000-8000-000000000000/", "commands/abc/", "commands/%00/"),
        *("id-tags/NOBODY/", "id-tags/%00/", "id-tags/%ED%A0%80/", "id-tags/%FF/"),
        *("transactions/2147483648/", "transactions/9223372036854775808/meter-values/", "reservations/0/"),
        *("local-lists/CP9/", "local-lists/CP-1/"),
    ],
)
def test_unknown_rows(administrator, problem, path):
    problem(administrator.get(f"/api/v1/{path}"), 404)


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("method", ["delete", "options", "put"])
def test_methods_that_are_not_offered(administrator, problem, name, method):
    response = getattr(administrator, method)(f"/api/v1/{name}/")
    assert problem(response, 405)["code"] == "method_not_allowed"
    assert "GET" in response["Allow"]


NO_VALUES = (
    *("abc", "\0", "-1", "9" * 400, "2026-13-13", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
    *("None", "é", "1e400", "NaN", "", "\ud800"),
)


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("no_value", NO_VALUES)
def test_cursors_of_somebodys_own_making(administrator, name, no_value):
    make_everything()
    for row in ([no_value, "1"], ["1", no_value], [no_value, no_value], ["2026-11-22T10:00:00Z", no_value]):
        for reverse in ({}, {"r": "1"}):
            made = cursor(p=quote(json.dumps(row)), **reverse)
            assert administrator.get(f"/api/v1/{name}/", {"cursor": made}).status_code in (200, 404)


@pytest.mark.parametrize(
    "position",
    [*("2026-11-22", "[]", "{}", "null", "1", '["1"]', "[1,2]", '["1","1","1"]', '["1",["1"]]', "[" * 20_000)],
)
def test_positions_that_are_none(administrator, problem, position):
    problem(administrator.get("/api/v1/commands/", {"cursor": cursor(p=quote(position))}), 404)


@pytest.mark.parametrize(
    "value", ["x", "%%%", "=", "\0", "é", cursor(o="99999999999999999999"), cursor(o="5"), cursor(p=""), cursor(r="-5")]
)
def test_what_is_no_cursor(administrator, value):
    assert administrator.get("/api/v1/commands/", {"cursor": value}).status_code in (200, 404)


@pytest.mark.parametrize(
    "query",
    [
        *("status=no", "created_after=yesterday", "created_before=0001-01-01T00:00:00%2B14:00", "batch=1"),
        *("created_after=9999-12-31T23:59:59-14:00", "charge_point=%00", "action=%00"),
    ],
)
def test_filters_that_make_no_sense(administrator, problem, query):
    body = problem(administrator.get(f"/api/v1/commands/?{query}"), 400)
    assert [error["parameter"] for error in body["errors"]] == [query.partition("=")[0]]


@pytest.mark.parametrize(
    "query",
    ["connector_id=99999999999999999999", "connector_id=-1", "connector_id=1.5", "id_tag=%ED%A0%80", "ordering=%00"],
)
def test_filters_that_match_nothing(administrator, query):
    assert administrator.get(f"/api/v1/transactions/?{query}").status_code in (200, 400)


@pytest.mark.parametrize(
    "body",
    [
        *(b"{", b"", b"\xff\xfe", b'"\\ud800"', b"NaN", b'{"id_tag": NaN}', b"[" * 100_000, b"1e999999999"),
        *(b'{"id_tag": "\\u0000"}', b'{"\\u0000": 1}', b'[1, {"a": ["\\u0000"]}]', b"[]", b"7", b'"x"', b"null"),
        *(b'{"id_tag": "\\ud800"}', b'{"id_tag": ["A"]}', b'{"id_tag": {"a": 1}}', b'{"id_tag": null}'),
        *(b'{"id_tag": "A", "max_concurrent": 1e400}', b'{"id_tag": "A", "max_concurrent": 99999999999999999999}'),
        *(b'{"id_tag": "A", "group": "\\ud800"}', b'{"id_tag": "A", "group": "NONE"}', b'{"id_tag": "A\\n"}'),
        *(b'{"id_tag": "A", "expires_at": "0001-01-01T00:00:00+14:00"}', b'{"id_tag": "A", "expires_at": 7}'),
    ],
)
def test_bodies_that_make_no_sense(administrator, problem, body):
    problem(administrator.generic("POST", "/api/v1/id-tags/", body, content_type="application/json"), 400)
    assert not IdTag.objects.exists()


def test_a_body_that_is_too_large(administrator, problem):
    body = json.dumps({"id_tag": "A", "note": "x" * 1024 * 1024})
    problem(administrator.generic("POST", "/api/v1/id-tags/", body, content_type="application/json"), 413)


def test_a_length_of_somebodys_own_making(administrator, problem):
    options = {"CONTENT_TYPE": "application/json", "HTTP_CONTENT_LENGTH": "7"}
    problem(administrator.generic("POST", "/api/v1/id-tags/", b"", **options), 400)


def test_two_who_enter_the_same_at_once(administrator, problem, monkeypatch):
    IdTag.objects.create(id_tag="A")
    monkeypatch.setattr(IdTagSerializer, "validate_id_tag", lambda self, value: value)
    problem(administrator.post("/api/v1/id-tags/", {"id_tag": "a"}, content_type="application/json"), 409)


def test_another_media_type(administrator, problem):
    problem(administrator.post("/api/v1/id-tags/", {"id_tag": "A"}), 415)
    problem(administrator.get("/api/v1/id-tags/", headers={"accept": "image/png"}), 406)


def test_nobody(problem):
    response = Client().get("/api/v1/id-tags/")
    problem(response, 401)
    assert response["WWW-Authenticate"] == "Token"


def test_the_database_is_away(problem):
    client = program(make_key())
    with patch("api.authentication.find_key", side_effect=OperationalError("gone")):
        problem(client.get("/api/v1/id-tags/"), 503)


def test_our_own_fault(problem):
    client = program(make_key())
    client.raise_request_exception = False
    with patch("api.authentication.find_key", side_effect=RuntimeError("a secret")):
        assert "secret" not in problem(client.get("/api/v1/id-tags/"), 500)["detail"]


def test_other_pages_keep_their_own_errors(client):
    client.raise_request_exception = False
    with patch("screens.account.views.needs_setup", side_effect=RuntimeError):
        response = client.get("/login/")
    assert (response.status_code, response["Content-Type"]) == (500, "text/html; charset=utf-8")


def test_an_unknown_host(problem, settings):
    settings.ALLOWED_HOSTS = ["charge.example.org"]
    problem(Client().get("/api/v1/id-tags/"), 400)
