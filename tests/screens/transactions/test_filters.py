"""What each filter finds; days are those of the reader, on the days the clocks change too."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from people.models import Preferences
from screens.periods import Period, days_of, span_of, start_of
from stations.models import ChargePoint
from transactions.models import IdTag

from ...conftest import make_station
from ...people import browser, browser_of, person, person_at
from .conftest import LIST, body, utc


def found(client, query):
    view = client.get(f"{LIST}?{query}").context["view"]
    return {row.pk for row in view.filtered}


@pytest.fixture
def operator(sites):
    return browser("operator")


# Periods


@pytest.mark.parametrize(
    ("period", "first", "after"),
    [
        (Period.TODAY, date(2026, 3, 31), date(2026, 4, 1)),
        (Period.YESTERDAY, date(2026, 3, 30), date(2026, 3, 31)),
        (Period.LAST_30_DAYS, date(2026, 3, 2), date(2026, 4, 1)),
        (Period.THIS_MONTH, date(2026, 3, 1), date(2026, 4, 1)),
        (Period.LAST_MONTH, date(2026, 2, 1), date(2026, 3, 1)),
        (Period.LAST_12_MONTHS, date(2025, 3, 1), date(2026, 4, 1)),
        (Period.THIS_YEAR, date(2026, 1, 1), date(2026, 4, 1)),
        (Period.LAST_YEAR, date(2025, 1, 1), date(2026, 1, 1)),
        (Period.ALL, None, None),
    ],
)
def test_periods_are_whole_days(period, first, after):
    assert days_of(period, date(2026, 3, 31)) == (first, after)


@pytest.mark.parametrize("today", [date(2024, 2, 29), date(2026, 1, 1), date(2026, 12, 31), date(2026, 3, 31)])
@pytest.mark.parametrize("period", Period)
def test_every_day_of_the_calendar_has_its_periods(today, period):
    first, after = days_of(period, today)
    assert (first is None) == (after is None)
    assert first is None or first < after


@pytest.mark.parametrize(
    ("zone", "day", "begin", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), utc(2026, 3, 28, 23), 23),
        ("Europe/Berlin", date(2026, 10, 25), utc(2026, 10, 24, 22), 25),
        ("Europe/Berlin", date(2026, 7, 1), utc(2026, 6, 30, 22), 24),
        ("Asia/Kolkata", date(2026, 7, 1), utc(2026, 6, 30, 18, 30), 24),
        ("Africa/Cairo", date(2026, 4, 24), utc(2026, 4, 23, 22), 23),  # has no midnight
        ("UTC", date(2026, 7, 1), utc(2026, 7, 1), 24),
    ],
)
def test_a_day_begins_at_the_reader_s_midnight(zone, day, begin, hours):
    with timezone.override(ZoneInfo(zone)):
        assert start_of(day).astimezone(ZoneInfo("UTC")) == begin
        after = start_of(day + timedelta(days=1)).astimezone(ZoneInfo("UTC"))
        assert after - begin == timedelta(hours=hours)


def test_today_is_the_reader_s():
    with timezone.override(ZoneInfo("Pacific/Kiritimati")):
        span = span_of(Period.TODAY)
        assert span.begin <= timezone.now() < span.end


@pytest.mark.parametrize(
    ("zone", "inside"),
    [("Europe/Berlin", [False, True, True, False]), ("UTC", [False, False, True, True])],
)
def test_from_and_to_are_days_of_the_reader(sites, zone, inside):
    """On 25 October 2026 a day in Berlin has 25 hours: from 22:00 to 23:00 UTC."""
    moments = [utc(2026, 10, 24, 21, 59), utc(2026, 10, 24, 22), utc(2026, 10, 25, 22, 59), utc(2026, 10, 25, 23)]
    made = [sites.session(at, id_tag=f"T{number}").pk for number, at in enumerate(moments)]
    user = person("operator")
    Preferences.objects.create(user=user, time_zone=zone)
    assert found(browser_of(user), "since=2026-10-25&until=2026-10-25") == {
        pk for pk, is_inside in zip(made, inside, strict=True) if is_inside
    }


def test_today_and_yesterday_meet_at_midnight(sites):
    user = person("operator")
    Preferences.objects.create(user=user, time_zone="America/New_York")
    zone = ZoneInfo("America/New_York")
    today = timezone.now().astimezone(zone).date()
    midnight = datetime(today.year, today.month, today.day, tzinfo=zone)
    before, after = sites.session(midnight - timedelta(seconds=1)), sites.session(midnight)
    client = browser_of(user)
    assert found(client, "period=today") == {after.pk}
    assert found(client, "period=yesterday") == {before.pk}
    assert found(client, "period=all") == {before.pk, after.pk}


def test_times_are_shown_in_the_reader_s_zone_with_utc_at_hand(sites):
    user = person("operator")
    Preferences.objects.create(user=user, time_zone="Asia/Tokyo")
    sites.session(utc(2026, 11, 20, 20, 30))
    page = body(browser_of(user).get(f"{LIST}?period=all"))
    assert "05:30" in page
    assert "2026-11-20 20:30:00 UTC" in page


# Everything else


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("state=running", "r"),
        ("state=done", "ab"),
        ("state=review", "b"),
        ("person=BERG+anna", "ar"),
        ("person=ben", "b"),
        ("person=account", "b"),
        ("tag=a1b2", "ar"),
        ("tag=04a1b2c3d4f2", "ar"),
        ("tag=UNKNOWN", "b"),
        ("station=Gate", "ar"),
        ("station=s1", "b"),
        ("station=nowhere", ""),
        ("reason=Local", "a"),
        ("reason=superseded", "b"),
        ("reason=operator", ""),
        ("min_kwh=12.345", "br"),
        ("min_kwh=12.3441", "br"),
        ("max_kwh=12.344", "a"),
        ("max_kwh=12.3449", "a"),
        ("min_kwh=12.345&max_kwh=12.345", "r"),
        ("person=berg&state=done", "a"),
        ("card={anna}", "ar"),
        ("group={group}", "ar"),
        ("site={south}", "b"),
        ("period=all", "abr"),
    ],
)
def test_each_filter_finds_its_own(sites, operator, query, expected):
    sites.ben.user = User.objects.create_user("account")
    sites.ben.save()
    now = timezone.now()
    made = {
        sites.session(now - timedelta(days=2), energy_wh=12344, stop_reason="Local").pk: "a",
        sites.session(
            now - timedelta(days=1),
            sites.ben,
            connector=sites.other,
            id_tag="unknown",
            energy_wh=99999,
            ended_by="superseded",
            stop_reason="",
            flags=["stop_missing"],
        ).pk: "b",
        sites.running(energy_wh=12345).pk: "r",
    }
    query = query.format(anna=sites.anna.pk, group=sites.group.pk, south=sites.south.pk)
    assert "".join(sorted(made[pk] for pk in found(operator, query))) == expected


@pytest.mark.parametrize("name", ["person", "tag"])
def test_a_text_that_means_too_many_tags_is_to_be_longer(sites, operator, monkeypatch, name):
    monkeypatch.setattr("screens.transactions.filters.MAX_TAGS", 2)
    for number in range(3):
        tag = IdTag.objects.create(id_tag=f"XMANY{number}", holder=f"Xmany {number}")
        sites.session(timezone.now() - timedelta(hours=number + 1), tag)
    response = operator.get(f"{LIST}?{name}=xmany")
    assert not response.context["view"].filtered
    assert "More than 2 tags match: type more." in body(response)
    assert len(found(operator, f"{name}=xmany1" if name == "tag" else "person=xmany+1")) == 1


def test_a_text_may_mean_any_number_of_chargers(sites, operator):
    ChargePoint.objects.bulk_create(ChargePoint(identity=f"BAY-{number}") for number in range(600))
    last = make_station("BAY-LAST").connectors.create(connector_id=1)
    session = sites.session(timezone.now(), connector=last)
    assert found(operator, "station=bay") == {session.pk}


def test_a_text_that_means_too_many_tags_makes_no_empty_file(sites, operator, monkeypatch):
    monkeypatch.setattr("screens.transactions.filters.MAX_TAGS", 2)
    for number in range(3):
        sites.session(tag=IdTag.objects.create(id_tag=f"XMANY{number}", holder=f"Xmany {number}"))
    assert operator.get("/transactions/export/csv/?person=xmany").status_code == 400
    assert operator.get("/transactions/export/csv/?person=nobody").status_code == 200


def test_groups_and_cards_of_elsewhere_cannot_be_asked_for(sites):
    sites.ben.group = elsewhere = type(sites.group).objects.create(parent_id_tag="OTHER")
    sites.ben.site = sites.south
    sites.ben.save()
    client = browser_of(person_at("viewer", sites.north))
    for query in (f"group={elsewhere.pk}", f"card={sites.ben.pk}"):
        view = client.get(f"{LIST}?{query}").context["view"]
        assert view.filterset.form.errors
        assert not view.filtered
    sites.session()
    assert len(found(client, f"group={sites.group.pk}&card={sites.anna.pk}")) == 1


@pytest.mark.parametrize("value", ["9" * 30, "1e999", "NaN", "-1", "0x10", "\N{BENGALI DIGIT ONE}"])
@pytest.mark.parametrize("name", ["card", "site", "group", "min_kwh", "page"])
def test_no_number_brings_the_page_down(sites, operator, name, value):
    sites.session()
    assert operator.get(LIST, {name: value}).status_code == 200
