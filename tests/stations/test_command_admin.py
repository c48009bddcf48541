"""Commands in the admin: records, with a way to their page."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from stations.models import Command, CommandBatch, CommandStatus, EffectStatus
from stations.pagination import CappedPaginator
from tests.admin_cast import make_everything
from tests.people import browser

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert(1)</script>"
KEY = {"key": "AuthorizationKey", "value": "AB" * 20}


@pytest.fixture
def rows():
    User.objects.create_superuser("root")
    return make_everything()


@pytest.fixture
def station(rows):
    return rows["stations.chargepoint"]


@pytest.fixture
def operator(rows):
    return browser("operator")


def page_of(client, command):
    response = client.get(reverse("admin:stations_command_change", args=[command.pk]))
    assert response.status_code == 200
    return response.content.decode()


def stored(station, **fields):
    return Command.objects.create(charge_point=station, **{"action": "Reset", "payload": {"type": "Soft"}, **fields})


@pytest.mark.parametrize("model", ["stations.command", "stations.commandbatch", "stations.message"])
def test_a_record_leads_to_its_page(rows, operator, model):
    row = rows[model]
    page = operator.get(reverse(f"admin:{model.replace('.', '_')}_change", args=[row.pk])).content.decode()
    screen = {"command": "command", "commandbatch": "batch", "message": "message"}[model.partition(".")[2]]
    url = reverse(f"screens:{screen}", args=[row.pk])
    assert f'href="{url}"' in page
    assert operator.get(url).status_code == 200


@pytest.mark.parametrize("who", ["operator", "administrator"])
def test_nobody_edits_or_deletes_a_command(rows, who):
    command, client = rows["stations.command"], browser(who)
    url = reverse("admin:stations_command_change", args=[command.pk])
    assert client.post(url, {"status": "accepted"}).status_code == 403
    assert client.post(reverse("admin:stations_command_delete", args=[command.pk]), {"post": "yes"}).status_code == 403
    command.refresh_from_db()
    assert command.status == CommandStatus.QUEUED


@pytest.mark.parametrize("who", ["viewer", "operator", "administrator"])
def test_nobody_reads_the_secret_of_a_command_that_waits(station, who):
    page = page_of(browser(who), stored(station, action="ChangeConfiguration", payload=KEY))
    assert "AuthorizationKey" in page
    assert KEY["value"] not in page


@pytest.mark.parametrize("answer", ["text", [1], {"status": {"a": HOSTILE}}, {"status": HOSTILE}, {"data": HOSTILE}])
def test_what_a_station_answers_is_shown_as_text(station, operator, answer):
    command = stored(station, status="rejected", answer=answer, error_code=HOSTILE, error_description=HOSTILE)
    assert HOSTILE not in page_of(operator, command)
    assert HOSTILE not in operator.get("/admin/stations/command/").content.decode()


@pytest.mark.parametrize("effect", [[], "odd", {"steps": "odd"}, {"steps": [[]]}, {"steps": [["Installed", "x"]]}])
def test_an_odd_effect_breaks_no_page(station, operator, effect):
    page_of(operator, stored(station, status="accepted", effect_status="seen", effect=effect))
    assert operator.get("/admin/stations/command/").status_code == 200


# The list


def shown(client, query):
    return {row.pk for row in client.get(f"/admin/stations/command/?{query}").context["cl"].result_list}


def test_commands_are_found(station, operator):
    other = make_everything(2)["stations.chargepoint"]
    Command.objects.all().delete()
    batch = CommandBatch.objects.create(action="Reset")
    mine = stored(station, actor="anna", batch=batch, status="failed", effect_status=EffectStatus.MISSED)
    theirs = stored(other, action="ClearCache", actor="bert", created_at=timezone.now() - timedelta(days=20))
    everything = {mine.pk, theirs.pk}
    week = (timezone.now() - timedelta(days=7)).strftime("%Y-%m-%d %H:%M:%S%%2B00:00")
    expected = {
        "": everything,
        "q=CP-1": {mine.pk},
        "q=cp-2": {theirs.pk},
        "q=cp": everything,
        "q=cp+clearcache": {theirs.pk},
        "q=RESET": {mine.pk},
        "q=anna": {mine.pk},
        "q=nobody": set(),
        "action=Reset": {mine.pk},
        "action=Nonsense": everything,
        "in_batch=yes": {mine.pk},
        "in_batch=no": {theirs.pk},
        "status__exact=failed": {mine.pk},
        "effect_status__exact=missed": {mine.pk},
        f"batch__id__exact={batch.pk}": {mine.pk},
        f"charge_point__id__exact={other.pk}": {theirs.pk},
        f"created_at__gte={week}": {mine.pk},
    }
    assert {query: shown(operator, query) for query in expected} == expected


def test_the_list_counts_no_further_than_somebody_pages(station, operator, monkeypatch):
    monkeypatch.setattr(CappedPaginator, "cap", 3)
    for _ in range(5):
        stored(station)
    with CaptureQueriesContext(connection) as queries:
        page = operator.get("/admin/stations/command/").content.decode()
    assert "Only 3 rows" in page
    counts = [query["sql"] for query in queries if "COUNT(*)" in query["sql"] and "stations_command" in query["sql"]]
    assert counts
    assert all("LIMIT 3" in sql for sql in counts)
