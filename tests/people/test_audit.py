"""The history: who came in, who took or brought files, who changed rights; and nobody rewrites it."""

from __future__ import annotations

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from people.models import Membership
from people.roles import Role
from stations.models import Site
from transactions.models import IdTag

from ..admin_cast import make_everything
from . import PASSWORD, browser, browser_of, person
from .authenticator import Phone, show_code, show_password, with_password

pytestmark = pytest.mark.django_db


def events(name: str) -> list[LogEntry]:
    return list(LogEntry.objects.filter(additional_data__event=name).order_by("pk"))


def test_coming_in_and_going_out_are_on_record(monkeypatch):
    anna = with_password(person("operator"))
    client = Client(REMOTE_ADDR="192.0.2.7")
    client.post("/login/", {"username": "operator", "password": "wrong"})
    show_password(client, anna)
    client.post("/logout/")
    phone = Phone(monkeypatch)
    phone.set_up(anna)
    show_password(client, anna)
    show_code(client, phone.wrong())
    phone.forgive(anna)
    show_code(client, phone.code())
    assert len(events("login_failed")) == 2  # a password, a code
    assert {row.actor for row in events("login_failed")} == {None}
    logins = events("login")
    assert [row.additional_data.get("second_factor", False) for row in logins] == [False, True]
    assert {(row.actor, row.remote_addr, row.object_repr) for row in logins} == {(anna, "192.0.2.7", "operator")}
    assert [row.actor for row in events("logout")] == [anna]


def test_a_flood_of_tries_does_not_fill_the_history():
    with_password(person("operator"))
    for _attempt in range(15):
        Client().post("/login/", {"username": "operator", "password": "wrong"})
    assert 9 <= len(events("login_failed")) <= 10


def test_a_name_that_nobody_has_is_not_kept():
    person("operator")
    Client().post("/login/", {"username": "my password by mistake", "password": "x"})
    assert events("login_failed") == []
    assert not LogEntry.objects.filter(object_repr__contains="mistake").exists()


@pytest.mark.parametrize(
    "address",
    [
        "/tags/export/",
        "/chargers/export/?format=xlsx",
        "/reports/export/?format=csv",
        "/admin/transactions/idtag/export/",
    ],
)
def test_every_file_that_leaves_is_on_record(address):
    make_everything(1)
    client = browser("administrator")
    if address.startswith("/admin/"):
        response = client.post(address, {"format": "0", **dict.fromkeys(export_fields(client, address), "on")})
    else:
        response = client.get(address)
    assert response.status_code == 200, response
    assert response["Content-Disposition"].startswith("attachment")
    (row,) = events("download")
    assert row.actor == person("administrator")
    assert row.additional_data["path"] == address
    assert row.additional_data["file"]


def export_fields(client: Client, address: str) -> list[str]:
    form = client.get(address).context["form"]
    return [name for name, field in form.fields.items() if field.widget.__class__.__name__ == "CheckboxInput"]


def test_a_file_that_is_brought_is_on_record():
    client = browser("operator")
    file = SimpleUploadedFile("tags.csv", b"id_tag,holder\nCAFE01,Anna\nCAFE02,Ben\n", "text/csv")
    preview = client.post(reverse("screens:tag_import"), {"file": file}, follow=True)
    assert events("import") == []
    client.post(f"{preview.request['PATH_INFO']}?{preview.request['QUERY_STRING']}")
    (row,) = events("import")
    assert (row.actor, row.additional_data["new"]) == (person("operator"), 2)
    assert IdTag.objects.filter(id_tag__startswith="CAFE").count() == 2


def test_rights_that_are_given_and_taken_are_on_record():
    administrator = person("administrator")
    anna = User.objects.create_user("anna", password=PASSWORD)
    site = Site.objects.create(name="North")
    client = browser_of(administrator)
    before = LogEntry.objects.count()
    form = {"username": "anna", "role": Role.OPERATOR.value, "memberships-TOTAL_FORMS": "1"}
    form |= {"memberships-INITIAL_FORMS": "0", "memberships-0-site": site.pk, "memberships-0-role": Role.VIEWER.value}
    assert client.post(f"/people/{anna.pk}/", form).status_code == 302
    rows = LogEntry.objects.order_by("pk")[before:]
    assert {row.actor for row in rows} == {administrator}
    changed = {name for row in rows for name in row.changes}
    assert {"is_staff", "groups", "role", "site"} <= changed
    membership = Membership.objects.get()
    assert any(row.content_type.model == "membership" and row.object_id == membership.pk for row in rows)


@pytest.mark.parametrize("who", ["administrator", "superuser"])
def test_nobody_rewrites_the_history(who):
    user = User.objects.create_superuser("root") if who == "superuser" else person(who)
    client = browser_of(user)
    Site.objects.create(name="North")
    row = LogEntry.objects.latest("pk")
    change, delete = (reverse(f"admin:auditlog_logentry_{what}", args=[row.pk]) for what in ("change", "delete"))
    assert client.get(change).status_code == 200
    assert client.post(change, {"object_repr": "x"}).status_code == 403
    assert client.post(delete, {"post": "yes"}).status_code == 403
    assert client.get(reverse("admin:auditlog_logentry_add")).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    client.post(reverse("admin:auditlog_logentry_changelist"), chosen)
    assert LogEntry.objects.filter(pk=row.pk).exists()
    assert "logged in" not in client.get(reverse("admin:auditlog_logentry_changelist")).content.decode()


def test_the_history_says_what_it_was_in_words():
    anna = with_password(person("operator"))
    show_password(Client(), anna)
    page = browser("administrator").get(reverse("admin:auditlog_logentry_changelist")).content.decode()
    assert "logged in" in page
