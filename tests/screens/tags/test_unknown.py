"""Unknown tags: listed, entered in each of their spellings, ignored, looked at again."""

from __future__ import annotations

import pytest

from transactions.models import IdTag, UnknownIdTag
from transactions.unknown import still_unknown

from ...people import browser, browser_of, person_at
from ..chargers.pages import rows_of, text_of, words_of
from .counting import queries_of

pytestmark = pytest.mark.django_db
LIST = "/tags/unknown/"


@pytest.fixture
def bay(house):
    return house.charger("BAY-1", name="Bay 01").charge_point


@pytest.fixture
def stranger(bay):
    return UnknownIdTag.objects.create(id_tag="04STRANGER99", charge_point=bay, count=3)


def numbers(client=None, query=""):
    return [row.id_tag for row in (client or browser("operator")).get(f"{LIST}?{query}").context["rows"]]


def press(client, row, action):
    return client.post(f"{LIST}{row.pk}/{action}/", follow=True)


def test_a_row_says_who_knocked_and_where(stranger):
    response = browser("operator").get(LIST)
    [row] = rows_of(response)
    for expected in ("04STRANGER99", "3", "Bay 01", "Add", "Ignore"):
        assert expected in row
    site = stranger.charge_point.site_id
    assert f'href="/tags/add/?id_tag=04STRANGER99&amp;site={site}"' in text_of(response)
    assert 'data-on="tags"' in text_of(response)


@pytest.mark.parametrize(
    ("reported", "offered"),
    [
        ("1234ABCD_998877", ["1234ABCD_998877", "1234ABCD"]),
        ("1234ABCD_99887766554433221100", ["1234ABCD"]),
        ("x" * 21, []),
    ],
)
def test_each_spelling_can_be_entered(stranger, reported, offered):
    UnknownIdTag.objects.update(id_tag=reported)
    page = text_of(browser("operator").get(LIST))
    for number in ("1234ABCD_998877", "1234ABCD", "x" * 21):
        assert (f'href="/tags/add/?id_tag={number}&amp;' in page) == (number in offered)
    assert ("Longer than 20 characters" in page) == (not offered)


def test_one_that_was_entered_is_unknown_no_more(stranger):
    client = browser("operator")
    client.post("/tags/add/", {"id_tag": "04stranger99"})
    assert numbers(client) == []
    assert "04STRANGER99" not in text_of(client.get("/tags/"))


def test_an_ignored_one_is_listed_no_more_and_can_be_listed_again(stranger, house):
    other = UnknownIdTag.objects.create(id_tag="04STRANGER99", charge_point=house.charger("BAY-2").charge_point)
    client = browser("operator")
    assert "refused as before" in words_of(press(client, stranger, "ignore"))
    assert numbers(client) == []
    assert numbers(client, "ignored=yes") == ["04STRANGER99", "04STRANGER99"]
    assert "04STRANGER99" not in text_of(client.get("/tags/"))
    assert not still_unknown(UnknownIdTag.objects.all()).exists()
    press(client, other, "heed")
    assert len(numbers(client)) == 2


def test_they_are_found(stranger, house, yard):
    UnknownIdTag.objects.create(id_tag="OTHER", charge_point=house.charger("AWAY", site=yard).charge_point)
    assert numbers(query="q=stranger") == numbers(query="q=bay 01") == ["04STRANGER99"]
    assert numbers(query=f"site={yard.pk}") == ["OTHER"]
    assert numbers(query="sort=number") == ["04STRANGER99", "OTHER"]
    assert "No unknown tag matches." in words_of(browser("operator").get(f"{LIST}?q=none"))


def test_who_may_do_what(stranger, house, yard):
    viewer, there = browser("viewer"), browser_of(person_at("operator", yard))
    page = text_of(viewer.get(LIST))
    for absent in ("04STRANGER99", "/tags/add/", "/ignore/"):
        assert absent not in page
    assert press(viewer, stranger, "ignore").status_code == 403
    assert press(there, stranger, "ignore").status_code == 404
    assert numbers(there) == []
    assert browser("holder").get(LIST).status_code == 403
    assert browser("operator").get(f"{LIST}{stranger.pk}/ignore/").status_code == 405
    assert press(browser("operator"), stranger, "explode").status_code == 400
    stranger.refresh_from_db()
    assert stranger.ignored_at is None


def test_ignoring_stays_within_one_s_sites(stranger, house, yard):
    elsewhere = house.charger("AWAY", site=yard).charge_point
    away = UnknownIdTag.objects.create(id_tag="04STRANGER99", charge_point=elsewhere)
    press(browser_of(person_at("operator", house.site)), stranger, "ignore")
    assert [*UnknownIdTag.objects.filter(ignored_at=None)] == [away]


def test_the_box_of_the_list_is_a_part_of_its_own(stranger):
    headers = {"HX-Request": "true", "HX-Target": "unknown"}
    part = text_of(browser("operator").get("/tags/", headers=headers))
    assert part.startswith('<section id="unknown"')
    assert "04STRANGER99" in part


def test_the_number_of_queries_does_not_grow(stranger, house):
    client = browser("operator")
    few = queries_of(client, LIST)
    for number in range(30):
        station = house.charger(f"B{number}").charge_point
        UnknownIdTag.objects.create(id_tag=f"NEW{number}", charge_point=station)
    assert queries_of(client, LIST) == few
    assert not IdTag.objects.exists()
