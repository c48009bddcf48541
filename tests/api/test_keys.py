"""API keys: how they are made, kept, limited and revoked."""

from __future__ import annotations

import hashlib
import io
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from api.models import ApiKey, Scope
from plugcontrol.setup import needs_setup

from ..people import browser, person
from .conftest import make_key, program

pytestmark = pytest.mark.django_db
URL = "/api/v1/charge-points/"


def create(*arguments: str) -> str:
    output = io.StringIO()
    call_command("create_api_key", *arguments, stdout=output, stderr=io.StringIO())
    return output.getvalue()


def test_a_key_is_stored_hashed_and_printed_last():
    secret = create("billing", "--scope", "admin").splitlines()[-1]
    row = ApiKey.objects.get()
    assert row.digest == hashlib.sha256(secret.encode()).hexdigest()
    assert (row.name, row.scope, row.hint, row.expires_at) == ("billing", "admin", secret[:8], None)
    assert secret not in str(ApiKey.objects.values().get())
    assert program(secret).get(URL).status_code == 200


@pytest.mark.parametrize(
    ("scope", "role"), [("read", "Viewers"), ("command", "Operators"), ("admin", "Administrators")]
)
def test_an_account_is_made_for_it_that_can_log_in_nowhere(scope, role):
    create("billing", "--scope", scope)
    user = ApiKey.objects.get().user
    assert user.username == "api-billing"
    assert (user.is_staff, user.is_superuser, user.has_usable_password()) == (False, False, False)
    assert [group.name for group in user.groups.all()] == [role]


def test_it_does_not_end_the_first_set_up():
    create("billing")
    assert needs_setup()
    User.objects.create_superuser("root")
    assert not needs_setup()


def test_a_key_of_somebody():
    person("viewer")
    create("billing", "--scope", "admin", "--user", "viewer", "--expires", "2100-01-01T00:00:00Z")
    row = ApiKey.objects.get()
    assert (row.user.username, row.expires_at.year) == ("viewer", 2100)
    assert not User.objects.filter(username="api-billing").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["BILLING"], "already an API key"),
        ([""], "1 to 100"),
        (["x" * 101], "1 to 100"),
        (["x", "--user", "nobody"], "no user nobody"),
        (["x", "--expires", "tomorrow"], "--expires"),
        (["x", "--expires", "2020-01-01"], "past"),
        (["viewer"], "api-viewer exists"),
    ],
)
def test_what_cannot_be_made(arguments, sentence):
    create("billing")
    User.objects.create_user("api-viewer", password="a password")
    with pytest.raises(CommandError, match=sentence):
        create(*arguments)
    assert ApiKey.objects.count() == 1


def test_a_deleted_key_may_be_made_anew():
    create("billing", "--scope", "admin")
    ApiKey.objects.all().delete()
    create("billing")
    assert [group.name for group in ApiKey.objects.get().user.groups.all()] == ["Viewers"]


def test_an_account_that_another_key_uses_keeps_its_role():
    create("billing")
    ApiKey.objects.update(name="accounts")  # renamed in the admin
    with pytest.raises(CommandError, match="api-billing belongs to the API key accounts"):
        create("billing", "--scope", "admin")
    assert [group.name for group in ApiKey.objects.get().user.groups.all()] == ["Viewers"]


def expire(key: ApiKey) -> None:
    key.expires_at = timezone.now()
    key.save()


def switch_off(key: ApiKey) -> None:
    key.user.is_active = False
    key.user.save()


@pytest.mark.parametrize("revoke", [ApiKey.delete, expire, switch_off, lambda key: key.user.delete()])
def test_revoking_counts_at_once(problem, revoke):
    client = program(make_key())
    assert client.get(URL).status_code == 200
    revoke(ApiKey.objects.get())
    response = client.get(URL)
    assert problem(response, 401)["code"] == "invalid_key"
    assert response["WWW-Authenticate"] == "Token"


@pytest.mark.parametrize("header", ["Token", "Token a b", "Token \xff", "Token pc_unknown", "Token " + "x" * 5000])
def test_what_is_no_key(problem, header):
    from django.test import Client

    problem(Client().get(URL, headers={"authorization": header}), 401)


def test_the_last_use_is_written_rarely(django_assert_num_queries):
    client = program(make_key())
    client.get(URL)
    first = ApiKey.objects.get().last_used_at
    assert first is not None
    client.get(URL)
    assert ApiKey.objects.get().last_used_at == first
    ApiKey.objects.update(last_used_at=first - timedelta(minutes=6))
    client.get(URL)
    assert ApiKey.objects.get().last_used_at >= first


def test_scopes_include_each_other():
    covered = {scope: [needed for needed in Scope if scope.covers(needed)] for scope in Scope}
    assert covered == {
        Scope.READ: [Scope.READ],
        Scope.COMMAND: [Scope.READ, Scope.COMMAND],
        Scope.ADMIN: [Scope.READ, Scope.COMMAND, Scope.ADMIN],
    }


def test_the_scope_is_named_in_the_refusal(problem):
    response = program(make_key("read")).post("/api/v1/id-tags/", {"id_tag": "A"}, content_type="application/json")
    body = problem(response, 403)
    assert body["code"] == "scope"
    assert "“admin”" in body["detail"]


def made_in_admin(**fields: Any) -> Any:
    values = {"name": "billing", "user": person("operator").pk, "scope": "command", **fields}
    return browser("administrator").post(reverse("admin:api_apikey_add"), values)


def test_the_admin_shows_a_new_key_once():
    response = made_in_admin()
    secret = response.context["key"]
    row = ApiKey.objects.get()
    assert secret in response.content.decode()
    assert "no-store" in response["Cache-Control"]
    assert (row.digest, row.scope, row.user.username) == (
        hashlib.sha256(secret.encode()).hexdigest(),
        "command",
        "operator",
    )
    page = browser("administrator").get(reverse("admin:api_apikey_change", args=[row.pk])).content.decode()
    assert secret not in page
    assert program(secret).get(URL).status_code == 200


def test_the_admin_changes_neither_owner_nor_scope():
    made_in_admin()
    row = ApiKey.objects.get()
    values = {"name": "invoices", "user": person("administrator").pk, "scope": "admin"}
    browser("administrator").post(reverse("admin:api_apikey_change", args=[row.pk]), values)
    after = ApiKey.objects.get()
    assert (after.name, after.user, after.scope, after.digest) == ("invoices", row.user, "command", row.digest)


def test_two_keys_of_one_name():
    made_in_admin()
    assert "already an API key" in made_in_admin(name="Billing").content.decode()
    assert ApiKey.objects.count() == 1


def test_a_session_needs_its_csrf_token(problem):
    client = browser("administrator", enforce_csrf_checks=True)
    assert client.get(URL).status_code == 200
    problem(client.post("/api/v1/id-tags/", {"id_tag": "A"}, content_type="application/json"), 403)
    client.get("/admin/")
    token = client.get("/admin/password_change/").cookies["csrftoken"].value
    options = {"content_type": "application/json", "headers": {"x-csrftoken": token}}
    assert client.post("/api/v1/id-tags/", {"id_tag": "A"}, **options).status_code == 201


def test_a_key_needs_none():
    from django.test import Client

    client = Client(enforce_csrf_checks=True, headers={"authorization": f"Token {make_key()}"})
    assert client.post("/api/v1/id-tags/", {"id_tag": "A"}, content_type="application/json").status_code == 201
