"""Tags are entered, changed, blocked and archived; never deleted."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry

from transactions.models import IdTag, IdTagGroup

pytestmark = pytest.mark.django_db
URL = "/api/v1/id-tags/"


def send(client: Any, method: str, url: str = URL, **body: Any) -> Any:
    return getattr(client, method)(url, body, content_type="application/json")


def test_entering_one(administrator):
    IdTagGroup.objects.create(parent_id_tag="FLEET")
    response = send(
        administrator,
        "post",
        id_tag=" Café/1",
        holder="Anna",
        group="fleet",
        expires_at="2027-01-01T00:00:00+01:00",
        max_concurrent=2,
    )
    row = IdTag.objects.get()
    assert response.status_code == 201
    assert (row.id_tag, row.holder, row.group.parent_id_tag, row.max_concurrent) == (" Café/1", "Anna", "FLEET", 2)
    assert response.json()["expires_at"] == "2026-12-31T23:00:00Z"
    assert administrator.get(f"{URL}%20caf%C3%A9%2F1/").json() == response.json()
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.user.username) == (str(row.pk), "administrator")


def test_open_pages_hear_of_it(administrator, monkeypatch):
    told: list[str] = []
    monkeypatch.setattr("stations.changes.note", lambda *topics: told.extend(topics))
    send(administrator, "post", id_tag="CAFE")
    assert told == ["tags"]
    send(administrator, "patch", f"{URL}CAFE/", blocked=True)
    assert told == ["tags", "tags"]


@pytest.mark.parametrize(
    ("body", "member", "code"),
    [
        ({"id_tag": "cafe"}, "id_tag", "unique"),
        ({"id_tag": ""}, "id_tag", "blank"),
        ({"id_tag": "A\n"}, "id_tag", "invalid"),
        ({"id_tag": "x" * 21}, "id_tag", "max_length"),
        ({"id_tag": "A", "group": "NONE"}, "group", "unknown"),
        ({"id_tag": "A", "max_concurrent": -1}, "max_concurrent", "min_value"),
        ({"id_tag": "A", "max_concurrent": 10**9}, "max_concurrent", "max_value"),
        ({"id_tag": "A", "expires_at": "2027-01-01T00:00:00"}, "expires_at", "zone"),
        ({"id_tag": "A", "holder": "x" * 101}, "holder", "max_length"),
    ],
)
def test_what_a_tag_cannot_be(administrator, problem, body, member, code):
    IdTag.objects.create(id_tag="CAFE")
    errors = problem(send(administrator, "post", **body), 400)["errors"]
    assert [(error["path"], error["code"]) for error in errors] == [(f"$.{member}", code)]
    assert IdTag.objects.count() == 1


def test_blocking_and_archiving(administrator):
    IdTag.objects.create(id_tag="CAFE", holder="Anna")
    assert send(administrator, "patch", f"{URL}cafe/", blocked=True).json()["blocked"] is True
    archived = send(administrator, "patch", f"{URL}cafe/", archived=True).json()["archived_at"]
    assert archived.endswith("Z")
    assert send(administrator, "patch", f"{URL}cafe/", archived=True).json()["archived_at"] == archived
    row = IdTag.objects.get()
    assert (row.blocked, row.holder, row.archived_at is not None) == (True, "Anna", True)
    assert administrator.get(URL).json()["results"] == []
    assert len(administrator.get(f"{URL}?archived=true").json()["results"]) == 1
    assert send(administrator, "patch", f"{URL}cafe/", archived=False).json()["archived_at"] is None


def test_renaming(administrator, problem):
    IdTag.objects.create(id_tag="CAFE")
    IdTag.objects.create(id_tag="BEEF")
    assert send(administrator, "patch", f"{URL}CAFE/", id_tag="Cafe").json()["id_tag"] == "Cafe"
    problem(send(administrator, "patch", f"{URL}CAFE/", id_tag="beef"), 400)
    assert {*IdTag.objects.values_list("id_tag", flat=True)} == {"Cafe", "BEEF"}


def test_what_is_not_for_writing(administrator):
    response = send(administrator, "post", id_tag="A", created_at="2020-01-01T00:00:00Z", archived_at="2020-01-01")
    assert response.status_code == 201
    assert response.json()["archived_at"] is None
    assert not response.json()["created_at"].startswith("2020")


def test_none_is_deleted(administrator, problem):
    IdTag.objects.create(id_tag="CAFE")
    problem(administrator.delete(f"{URL}CAFE/"), 405)
    assert IdTag.objects.exists()
