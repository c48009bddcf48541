"""The list of commands: what it shows to whom, how it is filtered, what it costs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from stations.models import CommandBatch, EffectStatus
from stations.pagination import CappedPaginator
from tests.people import browser

from . import HOSTILE, stored, url_of

pytestmark = pytest.mark.django_db
LIST = "/commands/"


def shown(client, query=""):
    response = client.get(f"{LIST}?{query}")
    assert response.status_code == 200
    return {row.pk for row in response.context["rows"]}


def test_commands_are_found(station, other, operator):
    batch = CommandBatch.objects.create(action="Reset")
    old = timezone.now() - timedelta(days=20)
    mine = stored(station, actor="anna", batch=batch, status="failed", effect_status=EffectStatus.MISSED)
    theirs = stored(other, action="ClearCache", actor="bert", status="accepted", created_at=old)
    everything, week_ago = {mine.pk, theirs.pk}, timezone.localdate() - timedelta(days=7)
    expected = {
        "": everything,
        "station=CP-1": {mine.pk},
        "station=cp-2": {theirs.pk},
        "station=cp": everything,
        "station=nobody": set(),
        f"site={station.site_id}": {mine.pk},
        "action=Reset": {mine.pk},
        "action=Nonsense": set(),
        "who=Anna": {mine.pk},
        "who=nobody": set(),
        "status=failed": {mine.pk},
        "status=wrong": {mine.pk},
        "status=unfinished": set(),
        "effect=missed": {mine.pk},
        f"since={week_ago}": {mine.pk},
        f"until={week_ago}": {theirs.pk},
        "since=9999-12-31": set(),
        "until=0001-01-01": set(),
        "station=%00": set(),
        "station=CP-1&status=accepted": set(),
    }
    assert {query: shown(operator, query) for query in expected} == expected


def test_each_row_tells_its_life_and_the_failed_stand_out(station, operator):
    bad = stored(station, status="rejected", answer={"status": "Rejected"}, sent_at=timezone.now())
    page = operator.get(LIST).content.decode()
    assert '<tr data-row class="bad">' in page
    assert "Answered “Rejected”" in page
    assert url_of(bad) in page


def test_the_newest_page_is_live_and_comes_alone(station, operator):
    stored(station)
    assert 'data-on="commands"' in operator.get(LIST).content.decode()
    for target in ("list", "commands"):
        part = operator.get(LIST, headers={"HX-Request": "true", "HX-Target": target}).content.decode()
        assert part.strip().startswith('<section id="commands"')


def test_only_what_has_not_been_sent_can_be_ticked(station, operator):
    queued, over = stored(station), stored(station, status="accepted")
    page = operator.get(LIST).content.decode()
    assert f'name="commands" value="{queued.pk}"' in page
    assert f'name="commands" value="{over.pk}"' not in page
    assert 'name="commands"' not in browser("viewer").get(LIST).content.decode()


def test_everybody_sees_the_commands_of_their_sites(station, other, local):
    mine, theirs = stored(station), stored(other)
    assert shown(local) == {mine.pk}
    assert shown(browser("viewer")) == {mine.pk, theirs.pk}
    assert shown(local, "station=CP-2") == set()
    assert browser("holder").get(LIST).status_code == 403


def test_what_stations_say_is_shown_as_text(station, operator):
    station.name = "<svg/onload=alert(1)>\u202eevil"
    station.save()
    stored(station, status="failed", error_code=HOSTILE, error_description="x" * 20_000)
    page = operator.get(LIST).content.decode()
    assert "<svg/onload" not in page
    assert HOSTILE not in page
    assert "x" * 500 not in page


def test_the_list_counts_no_further_than_somebody_pages(station, operator, monkeypatch):
    monkeypatch.setattr(CappedPaginator, "cap", 3)
    for _ in range(5):
        stored(station)
    with CaptureQueriesContext(connection) as queries:
        page = operator.get(LIST).content.decode()
    assert "Only the newest 3" in page
    counts = [query["sql"] for query in queries if "COUNT(*)" in query["sql"] and "stations_command" in query["sql"]]
    assert counts
    assert all("LIMIT 3" in sql for sql in counts)


def queries_of(client, url):
    client.get(url)  # the session and the site's settings are known from here on
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


@pytest.mark.parametrize("who", ["operator", "local"])
def test_many_commands_cost_no_more_queries(request, station, other, who):
    client = request.getfixturevalue(who)
    effect = {"status": "accepted", "effect_status": "seen", "effect": {"transaction": 5}}
    for _ in range(3):
        stored(station, **effect)
    few = queries_of(client, LIST)
    for number in range(40):
        stored((station, other)[number % 2], **effect)
    assert queries_of(client, LIST) == few <= 15
