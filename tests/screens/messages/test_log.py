"""The OCPP log: what is found, how far back, who sees it, what it costs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from screens.messages import download, search
from stations.models import ChargePoint, Command, Message, Site
from tests.conftest import make_station
from tests.people import browser, browser_of, person_at

pytestmark = pytest.mark.django_db
LOG = "/messages/"
NOW = datetime(2026, 11, 21, 13, 0, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def stations():
    User.objects.create_superuser("root")
    return [make_station(f"CP-{number}", site=Site.objects.create(name=f"Site {number}")) for number in (1, 2)]


@pytest.fixture
def operator(stations):
    return browser("operator")


def say(station, text=None, *, seconds=0.0, direction="in", kind=2, action="Heartbeat", unique_id="1"):
    """A message in the log, `seconds` after NOW."""
    frame = text or json.dumps([kind, unique_id, action, {}] if kind == 2 else [kind, unique_id, {}])
    return Message.objects.create(
        charge_point=station,
        at=NOW + timedelta(seconds=seconds),
        direction=direction,
        kind=kind,
        action=action,
        unique_id=unique_id,
        text=frame,
    )


def exchange(station, *, seconds=0.0, ms=35, **said):
    """A CALL of the station and our answer."""
    call = say(station, seconds=seconds, **said)
    return call, say(station, seconds=seconds + ms / 1000, **{**said, "direction": "out", "kind": 3})


def shown(client, query=""):
    response = client.get(f"{LOG}?{query}")
    assert response.status_code == 200
    return [line.message.pk for line in response.context["lines"]]


# What is found


def test_the_newest_come_first_with_what_they_say(stations, operator):
    older, newer = exchange(stations[0], ms=35)
    page = operator.get(LOG).content.decode()
    assert shown(operator) == [newer.pk, older.pk]
    assert "35 ms" in page
    assert f"{timezone.localtime(NOW):%H:%M:%S}.035" in page
    assert "from charger" in page
    assert "to charger" in page
    assert "kept 14 days" in page


def test_messages_are_filtered(stations, operator):
    one, two = stations
    beat = say(one, unique_id="a")
    error = say(two, direction="out", kind=4, action="Authorize", unique_id="b", seconds=60)
    odd = say(two, "{nonsense", kind=0, action="", unique_id="", seconds=3600)
    at = timezone.localtime(NOW + timedelta(seconds=60)).strftime("%Y-%m-%dT%H:%M:%S")
    expected = {
        "": [odd.pk, error.pk, beat.pk],
        "station=CP-1": [beat.pk],
        "station=cp-2": [odd.pk, error.pk],
        "station=cp": [odd.pk, error.pk, beat.pk],
        "station=nobody": [],
        "direction=out": [error.pk],
        "direction=sideways": [],
        "action=Heartbeat": [beat.pk],
        "action=Nonsense": [],
        "only=errors": [odd.pk, error.pk],
        "message_id=b": [error.pk],
        "message_id=B": [],
        f"since={at}": [odd.pk, error.pk],
        f"until={at}": [beat.pk],
        f"station=cp-2&until={at}": [],
        f"station=cp-2&since={at}&only=errors": [odd.pk, error.pk],
        "since=9999-12-31T23:59:59": [],
        "until=0001-01-01T00:00:00": [],
        "since=yesterday": [],
        "station=%00": [],
    }
    assert {query: shown(operator, query) for query in expected} == expected


def test_a_charger_is_meant_by_its_identity_before_others_that_contain_it(stations, operator):
    longer = make_station("CP-11")
    exact, other = say(stations[0]), say(longer)
    assert shown(operator, "station=cp-1") == [exact.pk]
    assert shown(operator, "station=cp-11") == [other.pk]


@pytest.mark.parametrize("query", ["", "station=CP-1", "station=CP"])
def test_pages_go_back_without_gap_or_repetition(stations, operator, query):
    rows = [say(stations[0], seconds=number // 3, unique_id=str(number)).pk for number in range(120)]
    seen, link = [], f"?{query}"
    for _ in range(3):
        response = operator.get(f"{LOG}{link}")
        seen += [line.message.pk for line in response.context["lines"]]
        link = f"?{query}&before={response.context['found'].older}"
    assert seen == rows[::-1]
    assert response.context["found"].older is None


@pytest.mark.parametrize("query", ["only=errors", "only=errors&station=CP-1"])
def test_a_search_stops_after_a_stretch_and_goes_on_when_asked(stations, operator, query, monkeypatch):
    monkeypatch.setattr(search, "STRETCH", 30)
    monkeypatch.setattr(search, "STATION_STRETCH", 30)
    wanted = say(stations[0], kind=4, action="Reset", unique_id="e")
    for number in range(70):
        say(stations[0], seconds=number + 1, unique_id=str(number))
    link, looks = f"?{query}", 0
    while not (response := operator.get(f"{LOG}{link}")).context["lines"]:
        page = response.content.decode()
        assert "Nothing found so far." in page
        assert "Looked back to" in page
        link, looks = f"?{query}&before={response.context['found'].older}", looks + 1
    assert looks == 2
    assert [line.message.pk for line in response.context["lines"]] == [wanted.pk]


def test_a_period_is_found_among_many(stations, operator, monkeypatch):
    monkeypatch.setattr(search, "COARSE", 4)
    monkeypatch.setattr(search, "SLACK", 2)
    rows = [say(stations[number % 2], seconds=number * 60) for number in range(200)]
    at = [timezone.localtime(NOW + timedelta(minutes=m)).strftime("%Y-%m-%dT%H:%M:%S") for m in (50, 60)]
    assert shown(operator, f"since={at[0]}&until={at[1]}") == [row.pk for row in rows[59:49:-1]]


@pytest.mark.parametrize("before", ["x", "-1", "9" * 25, "²", "1.5"])
def test_an_odd_place_in_the_log_is_not_found(stations, operator, before):
    assert operator.get(f"{LOG}?before={before}").status_code == 404


@pytest.mark.parametrize("before", ["0", "1", "9223372036854775807"])
@pytest.mark.parametrize("station", ["", "CP-1"])
def test_any_place_in_the_log_is_a_page(stations, operator, before, station):
    say(stations[0])
    assert operator.get(f"{LOG}?before={before}&station={station}").status_code == 200


def test_an_empty_log_says_so(stations, operator):
    assert "No message is kept." in operator.get(LOG).content.decode()
    assert "No message matches." in operator.get(f"{LOG}?only=errors").content.decode()


# Pairs


def test_an_answer_belongs_to_the_nearest_call_with_its_id(stations, operator):
    exchange(stations[0], ms=20)
    exchange(stations[0], ms=40, seconds=10)
    exchange(stations[1], ms=80, seconds=5)
    say(stations[0], direction="out", unique_id="lonely", seconds=20)
    lines = operator.get(LOG).context["lines"]
    assert [line.ms for line in lines] == [None, 80, 80, 40, 40, 20, 20]


def test_a_call_on_the_page_before_is_still_known(stations, operator):
    call, answer = say(stations[0], unique_id="x"), None
    for number in range(49):
        say(stations[0], unique_id=f"n{number}", seconds=1)
    answer = say(stations[0], unique_id="x", direction="out", kind=3, seconds=2)
    first = operator.get(LOG).context["lines"]
    assert (first[0].message.pk, first[0].partner.pk, first[0].ms) == (answer.pk, call.pk, 2000)
    assert call.pk not in [line.message.pk for line in first]


def test_an_id_used_again_much_later_is_no_answer(stations, operator):
    say(stations[0], unique_id="x")
    say(stations[0], unique_id="x", direction="out", kind=3, seconds=3600)
    assert {line.ms for line in operator.get(LOG).context["lines"]} == {None}


# A message


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true", "HX-Target": "sheet"}])
def test_a_message_is_shown_whole_with_its_other_half(stations, operator, headers):
    command = Command.objects.create(charge_point=stations[0], action="Reset")
    text = f'[2,"{command.pk}","Reset",{{"type":"Soft"}}]'
    said = {"action": "Reset", "unique_id": str(command.pk)}
    call = say(stations[0], text, direction="out", **said)
    answer = say(stations[0], kind=3, text=f'[3,"{command.pk}",{{"status":"Accepted"}}]', seconds=0.4, **said)
    for message in (call, answer):
        page = operator.get(f"{LOG}{message.pk}/", headers=headers).content.decode()
        assert "&quot;type&quot;: &quot;Soft&quot;" in page
        assert "&quot;status&quot;: &quot;Accepted&quot;" in page
        assert "400 ms" in page
        assert f"/commands/{command.pk}/" in page
        assert ("<html" in page) != bool(headers)


@pytest.mark.parametrize(
    "text",
    [
        '[2,"1","Heartbeat",{"x":"' + HOSTILE + '"}]',
        HOSTILE,
        "\u202e[torn",
        "[" * 5000,
        '{"a": NaN}',
        '{"a": 1e400}',
        '[2,"1","DataTransfer",{"data":"\\ud800"}]',
        "x" * 100_000,
    ],
)
def test_whatever_a_station_says_is_shown_as_text(stations, operator, text):
    message = say(stations[0], text, action=HOSTILE[:50], unique_id=HOSTILE)
    for url in (LOG, f"{LOG}{message.pk}/", f"{LOG}download/"):
        response = operator.get(url)
        assert response.status_code == 200
        if not response.streaming:
            assert "<script>alert" not in response.content.decode()
        else:
            assert [
                json.loads(line, parse_constant=pytest.fail)["message_id"] for line in response.getvalue().splitlines()
            ] == [HOSTILE]


def test_a_charger_that_is_gone_leaves_its_messages(stations, operator):
    message = say(stations[0])
    ChargePoint.objects.filter(pk=stations[0].pk).delete()
    assert "forgotten" in operator.get(LOG).content.decode()
    assert "forgotten" in operator.get(f"{LOG}{message.pk}/").content.decode()


# Following


def test_a_followed_charger_is_live_and_a_log_of_all_looks_again(stations, operator):
    say(stations[0])
    assert "data-on" not in operator.get(f"{LOG}?station=CP-1").content.decode()
    page = operator.get(f"{LOG}?station=CP-1&follow=1").content.decode()
    assert f'data-on="station:{stations[0].pk}"' in page
    assert 'http-equiv="refresh"' in page
    assert 'hx-trigger="every 3s"' in operator.get(f"{LOG}?follow=1").content.decode()
    older = operator.get(f"{LOG}?follow=1&before=5").content.decode()
    assert "every 3s" not in older


def test_the_list_comes_alone(stations, operator):
    say(stations[0])
    for target in ("list", "messages"):
        part = operator.get(LOG, headers={"HX-Request": "true", "HX-Target": target}).content.decode()
        assert part.strip().startswith('<section id="messages"')


# Who sees what


def test_everybody_sees_the_messages_of_their_sites(stations):
    mine, theirs = say(stations[0]), say(stations[1])
    local = browser_of(person_at("viewer", stations[0].site))
    assert shown(local) == [mine.pk]
    assert shown(local, "station=CP-2") == []
    assert shown(browser("viewer")) == [theirs.pk, mine.pk]
    assert local.get(f"{LOG}{mine.pk}/").status_code == 200
    assert local.get(f"{LOG}{theirs.pk}/").status_code == 404
    lines = [json.loads(line) for line in local.get(f"{LOG}download/").getvalue().splitlines()]
    assert [line["station"] for line in lines] == ["CP-1"]


@pytest.mark.parametrize(("who", "code"), [("anonymous", 302), ("holder", 403)])
def test_others_see_none(stations, who, code):
    message = say(stations[0])
    for url in (LOG, f"{LOG}{message.pk}/", f"{LOG}download/"):
        assert browser(who).get(url).status_code == code


@pytest.mark.parametrize(("who", "number"), [("viewer", "CAFE…88"), ("operator", "CAFE0088")])
def test_numbers_of_tags_are_for_those_who_keep_tags(stations, who, number):
    text = '[2,"1","Authorize",{"idTag":"CAFE0088"}]'
    message = say(stations[0], text, action="Authorize")
    client = browser(who)
    for page in (client.get(LOG).content, client.get(f"{LOG}{message.pk}/").content):
        assert number in page.decode()
        assert who == "operator" or b"CAFE0088" not in page
    (line,) = client.get(f"{LOG}download/").getvalue().splitlines()
    assert json.loads(line)["frame"][3] == {"idTag": number}


def test_secrets_are_masked_even_if_they_were_kept(stations, operator):
    text = '[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"hunter2hunter2"}]'
    message = say(stations[0], text)
    assert b"hunter2" not in operator.get(f"{LOG}{message.pk}/").content
    assert b"hunter2" not in operator.get(LOG).content
    assert b"hunter2" not in operator.get(f"{LOG}download/").getvalue()


# The file


def test_the_file_holds_what_the_filter_finds(stations, operator):
    call, answer = exchange(stations[0])
    say(stations[1])
    response = operator.get(f"{LOG}download/?station=CP-1")
    assert response.headers["Content-Type"] == "application/x-ndjson"
    assert response.headers["Content-Disposition"].endswith('.jsonl"')
    lines = [json.loads(line) for line in response.getvalue().splitlines()]
    assert lines == [
        {
            "at": at,
            "station": "CP-1",
            "direction": message.direction,
            "action": "Heartbeat",
            "message_id": "1",
            "frame": json.loads(message.text),
        }
        for message, at in ((answer, "2026-11-21T13:00:00.035Z"), (call, "2026-11-21T13:00:00.000Z"))
    ]


def test_a_file_has_an_end_and_says_so(stations, operator, monkeypatch):
    monkeypatch.setattr(download, "CAP", 5)
    monkeypatch.setattr(download, "AT_ONCE", 2)
    for number in range(7):
        say(stations[0], unique_id=str(number))
    *lines, note = [json.loads(line) for line in operator.get(f"{LOG}download/").getvalue().splitlines()]
    assert [line["message_id"] for line in lines] == ["6", "5", "4", "3", "2"]
    assert "Only the newest 5 messages" in note["note"]


def test_a_file_goes_back_through_all_stretches(stations, operator, monkeypatch):
    monkeypatch.setattr(search, "STRETCH", 3)
    for number in range(10):
        say(stations[0], unique_id=str(number), action="Heartbeat" if number % 9 else "Authorize")
    lines = [json.loads(line) for line in operator.get(f"{LOG}download/?action=Authorize").getvalue().splitlines()]
    assert [line["message_id"] for line in lines] == ["9", "0"]


# What it costs


@pytest.mark.parametrize("query", ["", "station=CP-1", "station=CP", "only=errors"])
def test_many_messages_cost_no_more_queries_and_none_counts_them(stations, operator, query):
    def queries():
        with CaptureQueriesContext(connection) as queries:
            assert operator.get(f"{LOG}?{query}").status_code == 200
        return [row["sql"] for row in queries if "INSERT" not in row["sql"]]

    for number in range(3):
        say(stations[0], kind=4, unique_id=str(number))
    queries()
    few = queries()
    for number in range(90):
        say(stations[number % 2], kind=4, unique_id=f"n{number}", seconds=number)
    many = queries()
    assert len(many) == len(few) <= 17
    assert not [sql for sql in many if "COUNT(" in sql]
