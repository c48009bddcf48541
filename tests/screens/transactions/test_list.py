"""The list of sessions: columns, what runs on top, sums of the whole filter, files of exactly that filter."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from django.utils.html import escape

from stations.models import ChargePoint
from transactions.models import IdTag, OrphanedStop, Transaction

from ...people import browser, browser_of, person_at
from .conftest import LIST, body, lines, utc

HOSTILE = "<svg/onload=alert(1)>"
RTL = "\u202egnol"


@pytest.fixture
def viewer(sites):
    return browser("viewer")


@pytest.fixture
def operator(sites):
    return browser("operator")


def shown(response) -> list[int]:
    """Numbers of the sessions on the page, from top to bottom."""
    view = response.context["view"]
    return [row.pk for row in [*view.running, *response.context["rows"]]]


def test_a_session_stands_in_its_row(sites, operator):
    session = sites.session(flags=["clock_suspect"])
    page = body(operator.get(LIST))
    for text in (f"#{session.pk}", "Gate", "Anna Berg", "04A1B2C3D4F2", "1:00", "12.35", "12.3", "Car unplugged"):
        assert text in page
    assert "charger clock is off" in page
    assert "Needs review" in page
    assert f'href="/transactions/{session.pk}/"' in page


def test_numbers_and_dates_are_written_in_the_reader_s_way(sites, operator):
    sites.session(energy_wh=1234567)
    operator.cookies.load({"django_language": "de"})
    assert "1.234,57" in body(operator.get(LIST))


def test_the_newest_stand_first_and_what_runs_on_top(sites, operator):
    now = timezone.now()
    old, new = sites.session(now - timedelta(days=3)), sites.session(now - timedelta(days=1))
    stuck = sites.running(now - timedelta(days=200))
    running = sites.running(now - timedelta(days=2), connector=sites.other)
    sites.session(now - timedelta(days=40))
    assert shown(operator.get(LIST)) == [running.pk, stuck.pk, new.pk, old.pk]


def test_what_runs_is_kept_live_and_of_two_on_a_connector_the_newer(sites, operator):
    stuck, running = sites.running(timezone.now() - timedelta(days=2)), sites.running()
    response = operator.get(LIST)
    assert [row.pk for row in response.context["view"].running if row.is_live] == [running.pk]
    assert stuck.pk in shown(response)
    page = body(response)
    assert f'data-value="connector:{sites.connector.pk}:energy_wh" data-format="kwh">12.35<' in page
    assert 'data-on="transactions"' in page


def test_the_running_part_comes_alone(sites, operator):
    running, done = sites.running(), sites.session()
    headers = {"HX-Request": "true", "HX-Target": "running"}
    page = body(operator.get(LIST, headers=headers))
    assert page.startswith("<tbody")
    assert f"#{running.pk}<" in page
    assert f"#{done.pk}<" not in page


def test_on_the_second_page_nothing_is_pinned(sites, operator):
    sites.running()
    for minutes in range(55):
        sites.session(timezone.now() - timedelta(days=1, minutes=minutes))
    first, second = operator.get(LIST), operator.get(f"{LIST}?page=2")
    assert (len(shown(first)), len(shown(second))) == (51, 5)
    assert not {*shown(first)} & {*shown(second)}
    assert "56 transactions" in body(first)
    assert "56 transactions" in body(second)


@pytest.mark.parametrize(("sort", "order"), [("start", [1, 0, 2]), ("-start", [2, 0, 1]), ("nonsense", [2, 0, 1])])
def test_the_list_is_sorted_by_what_was_pressed(sites, operator, sort, order):
    now = timezone.now()
    made = [sites.session(now - timedelta(days=days)).pk for days in (2, 3, 1)]
    assert shown(operator.get(f"{LIST}?sort={sort}")) == [made[index] for index in order]


def test_no_session_at_all_offers_a_longer_period(sites, operator):
    sites.session(timezone.now() - timedelta(days=60))
    page = body(operator.get(LIST))
    assert "No transactions in this period" in page
    assert 'href="?period=12_months"' in page
    assert "#" in body(operator.get(f"{LIST}?period=12_months"))


def test_an_empty_filter_can_be_cleared(sites, operator):
    sites.session()
    page = body(operator.get(f"{LIST}?person=nobody"))
    assert "No transaction matches" in page
    assert "Clear filters" in page


@pytest.mark.parametrize(
    "query", ["since=yesterday", "period=soon", "site=x", "min_kwh=-1", "tag=%00", "since=0001-01-01"]
)
def test_a_filter_that_makes_no_sense_shows_why_and_no_rows(sites, operator, query):
    sites.session()
    response = operator.get(f"{LIST}?{query}")
    assert response.status_code == 200
    assert shown(response) == []
    assert 'class="errorlist"' in body(response)


# Sums and files


FILTERS = [
    "",
    "period=all",
    "period=all&state=running",
    "period=all&state=done",
    "period=all&state=review",
    "period=all&site={north}",
    "period=all&station=S1",
    "period=all&person=anna",
    "period=all&tag=BEN0000001",
    "period=all&group={group}",
    "period=all&reason=Local",
    "period=all&reason=superseded",
    "period=all&min_kwh=5&max_kwh=20.5",
    "since=2026-03-01&until=2026-03-31",
    "period=all&person=nobody",
    "period=all&sort=start&page=2",
]


@pytest.fixture
def many(sites):
    """Sixty sessions that differ in everything a filter asks for."""
    for number in range(60):
        at = utc(2026, 1 + number % 11, 1 + number % 27, number % 24, 7)
        sites.session(
            at,
            (sites.anna, sites.ben)[number % 2],
            connector=(sites.connector, sites.other)[number % 3 == 0],
            stopped_at=at + timedelta(minutes=number, seconds=number),
            energy_wh=number * 777,
            stop_reason=("Local", "Remote", "EVDisconnected")[number % 3],
            flags=["no_meter_stop"] if number % 5 == 0 else [],
            ended_by="superseded" if number % 13 == 0 else "station",
        )
    sites.running(energy_wh=4321)


@pytest.mark.parametrize("query", FILTERS)
def test_sums_and_files_are_of_the_same_whole_filter(sites, many, operator, query):
    query = query.format(north=sites.north.pk, group=sites.group.pk)
    sums = operator.get(f"{LIST}?{query}").context["view"].sums
    rows = lines(operator.get(f"{LIST}export/csv/?{query}"))
    assert sums.count == len(rows)
    assert Decimal(sums.energy_wh) / 1000 == sum(Decimal(row["energy_kwh"]) for row in rows)
    seconds = sum(int(row["duration_s"] or 0) for row in rows)
    assert (sums.time or timedelta(0)) == timedelta(seconds=seconds)
    assert sums.running == sum(row["status"] == "running" for row in rows)


def test_sums_stand_under_the_list_in_words(sites, operator):
    for _ in range(2):
        sites.session(timezone.now() - timedelta(days=1 + _))
    page = body(operator.get(LIST))
    assert "2 transactions in this filter" in page
    assert "24.69" in page
    assert "2:00" in page


@pytest.mark.parametrize(("format", "type"), [("csv", "text/csv"), ("csv_de", "text/csv"), ("xlsx", "spreadsheet")])
def test_each_format_is_offered_with_the_filter(sites, operator, format, type):  # noqa: A002
    session = sites.session()
    page = body(operator.get(f"{LIST}?person=anna&sort=start"))
    assert f'href="/transactions/export/{format}/?person=anna"' in page
    response = operator.get(f"/transactions/export/{format}/?person=anna")
    assert type in response.headers["Content-Type"]
    assert "attachment" in response.headers["Content-Disposition"]
    content = b"".join(response.streaming_content)
    assert content.startswith(b"PK") if format == "xlsx" else str(session.pk).encode() in content


def test_an_unknown_format_is_refused(sites, operator):
    assert operator.get("/transactions/export/pdf/").status_code == 400


def test_more_than_can_be_sent_at_once_becomes_a_job(sites, operator, monkeypatch):
    monkeypatch.setattr("screens.exports.DIRECT_ROWS", 1)
    monkeypatch.setattr("screens.transactions.listing.DIRECT_ROWS", 1)
    for _ in range(2):
        sites.session(timezone.now() - timedelta(days=1 + _))
    assert "a job makes the file" in body(operator.get(LIST))
    page = body(operator.get("/transactions/export/csv/?person=anna"))
    assert 'value="person=anna"' in page


# Who sees what


def test_who_is_not_logged_in_is_asked_to(sites):
    response = browser("anonymous").get(LIST)
    assert (response.status_code, response.url.partition("?")[0]) == (302, "/login/")


def test_a_tag_holder_is_refused(sites):
    client = browser("holder")
    for url in (LIST, "/transactions/export/csv/", "/transactions/stops/"):
        assert client.get(url).status_code == 403


def test_people_of_a_site_see_and_export_theirs_only(sites):
    mine, theirs = sites.session(), sites.session(connector=sites.other)
    client = browser_of(person_at("operator", sites.north))
    response = client.get(LIST)
    assert shown(response) == [mine.pk]
    assert response.context["view"].sums.count == 1
    rows = lines(client.get("/transactions/export/csv/?period=all"))
    assert [row["transaction_id"] for row in rows] == [str(mine.pk)]
    assert shown(client.get(f"{LIST}?station=S1")) == []
    assert 'class="errorlist"' in body(client.get(f"{LIST}?site={sites.south.pk}"))
    assert theirs.pk not in shown(client.get(f"{LIST}?person=anna"))


def test_a_viewer_sees_masked_numbers_and_cannot_find_one_letter_by_letter(sites, viewer):
    session = sites.session()
    page = body(viewer.get(LIST))
    assert "04A1…F2" in page
    assert "04A1B2C3D4F2" not in page
    assert shown(viewer.get(f"{LIST}?tag=04A1B")) == []
    assert shown(viewer.get(f"{LIST}?tag=04a1b2c3d4f2")) == [session.pk]
    assert lines(viewer.get("/transactions/export/csv/"))[0]["id_tag"] == "04A1…F2"


def test_without_the_rights_no_file_is_offered_and_no_name_shown(sites):
    from django.contrib.auth.models import Permission, User

    user = User.objects.create_user("looks")
    codenames = ("view_transaction", "view_chargepoint")
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    sites.session()
    client = browser_of(user)
    page = body(client.get(LIST))
    assert "/transactions/export/" not in page
    assert "Anna" not in page
    assert "04A1" not in page
    assert client.get("/transactions/export/csv/").status_code == 403


def test_loose_stops_are_told_to_those_who_may_see_them(sites, operator):
    assert "Stops without a session" not in body(operator.get(LIST))
    OrphanedStop.objects.create(
        charge_point=sites.other.charge_point, reported_transaction_id="7", stopped_at=timezone.now()
    )
    assert "Stops without a session" in body(operator.get(LIST))
    assert "Stops without a session" not in body(browser_of(person_at("operator", sites.north)).get(LIST))


# What chargers and people write


def test_what_others_wrote_is_text(sites, operator):
    ChargePoint.objects.update(name=HOSTILE)
    IdTag.objects.filter(pk=sites.anna.pk).update(holder=RTL + HOSTILE)
    sites.session(id_tag="<b>4</b>", stop_reason=HOSTILE)
    page = body(operator.get(LIST))
    assert HOSTILE not in page
    assert "<b>4</b>" not in page
    assert page.count(escape(HOSTILE)) >= 3
    assert "<bdi>\u202e" in page


def test_a_filter_is_shown_again_as_text(sites, operator):
    assert HOSTILE not in body(operator.get(LIST, {"person": HOSTILE, "tag": '"><script>'}))


def test_the_list_costs_the_same_for_three_and_for_sixty(sites, operator, django_assert_max_num_queries):
    def make(count):
        for number in range(count):
            tag = IdTag.objects.create(id_tag=f"T{number}-{count}", holder="H", group=sites.group)
            sites.session(timezone.now() - timedelta(hours=number + count), tag)
            sites.running(timezone.now() - timedelta(hours=number + 3 * count), tag)

    make(3)
    operator.get(LIST)
    with django_assert_max_num_queries(18) as few:
        operator.get(LIST)
    make(60)
    with django_assert_max_num_queries(len(few.captured_queries)):
        assert len(shown(operator.get(LIST))) == 50 + 20


def test_a_session_that_ended_in_the_database_is_done(sites, operator):
    session = sites.running()
    Transaction.objects.filter(pk=session.pk).update(ended_by="station", stopped_at=timezone.now())
    page = body(operator.get(LIST))
    assert "Running</span>" not in page
    assert "Done</span>" in page
