"""The OpenAPI document is one, says what happens, and can be browsed without anybody else's server."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client
from openapi_spec_validator import validate

from ..people import browser

pytestmark = pytest.mark.django_db


def document(client: Client) -> dict[str, Any]:
    response = client.get("/api/schema/", headers={"accept": "application/json"})
    assert response.status_code == 200
    schema: dict[str, Any] = response.json()
    return schema


def test_the_document_is_valid(reader):
    validate(document(reader))


def test_it_is_made_without_a_warning():
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=io.StringIO(), stderr=io.StringIO())


def test_it_says_how_to_raise_a_command(reader):
    schema = document(reader)
    operation = schema["paths"]["/api/v1/charge-points/{identity}/commands/"]["post"]
    assert {"200", "202", "default"} == set(operation["responses"])
    assert "application/problem+json" in operation["responses"]["default"]["content"]
    request = schema["components"]["schemas"]["CommandRequestRequest"]
    assert set(request["properties"]) == {"action", "payload", "wait_s", "valid_until", "idempotency_key"}
    assert schema["components"]["securitySchemes"]["tokenAuth"]


def test_it_has_no_floating_point_energy(reader):
    for schema in document(reader)["components"]["schemas"].values():
        for name, member in schema.get("properties", {}).items():
            if name.endswith(("_wh", "_kwh", "_w", "_a", "_v")):
                assert member["type"] == ("integer" if name.endswith("_wh") else "string"), name


def test_the_page_loads_only_what_is_ours():
    client = browser("viewer")
    page = client.get("/api/docs/")
    html = page.content.decode()
    assert "unsafe" not in page["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", html)
    loaded = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert len(loaded) == 5
    for url in loaded:
        assert url.startswith("/")
        if url.startswith("/static/"):
            assert finders.find(url.removeprefix("/static/")), url
    script = client.get("/api/docs/?script=")
    assert script["Content-Type"].startswith("application/javascript")
    assert "/api/schema/" in script.content.decode()


def test_a_stranger_is_asked_to_log_in(client):
    response = client.get("/api/docs/")
    assert (response.status_code, response["Location"]) == (302, "/login/?next=/api/docs/")


def test_problems_of_the_page_are_problems(problem):
    from django.contrib.auth.models import User

    client = Client()
    client.force_login(User.objects.create_user("nobody"), backend="django.contrib.auth.backends.ModelBackend")
    problem(client.get("/api/docs/"), 403)
    problem(client.get("/api/schema/"), 403)
    problem(browser("viewer").post("/api/docs/"), 405)
