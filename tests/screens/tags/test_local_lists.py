"""Local lists: seen, switched, published."""

from __future__ import annotations

import pytest

from stations.models import Command
from transactions.models import LocalList

from ...people import browser, browser_of, person_at
from ..chargers.pages import rows_of, text_of, words_of
from .counting import queries_of

pytestmark = pytest.mark.django_db
LIST = "/tags/local-lists/"
CHANGE = f"{LIST}change/"
ON = f"{LIST}switch-on/"


@pytest.fixture
def bay(house):
    return house.charger("BAY-1", name="Bay 01").charge_point


@pytest.fixture
def kept(bay):
    return LocalList.objects.create(
        charge_point=bay, state="up_to_date", revision=0, version=3, last_version=3, tag_count=12
    )


def act(client, action, *rows):
    return client.post(CHANGE, {"action": action, "lists": [row.pk for row in rows]}, follow=True)


def test_a_row_says_how_it_stands_and_why(kept):
    LocalList.objects.update(reason="too_many", detail="7", left_out=7)
    [row] = rows_of(browser("viewer").get(LIST))
    for expected in ("Bay 01", "Garage", "up to date", "12", "3", "Not all tags fit (LocalAuthListMaxLength): 7 are"):
        assert expected in row


@pytest.mark.parametrize(
    ("action", "state", "then", "command"),
    [
        ("publish", "up_to_date", "pending", "GetLocalListVersion"),
        ("publish", "refused", "pending", "GetLocalListVersion"),
        ("publish_in_full", "up_to_date", "pending", "GetLocalListVersion"),
        ("switch_off", "up_to_date", "off", "SendLocalList"),
        ("switch_on", "off", "pending", "GetLocalListVersion"),
    ],
)
def test_one_list_is_changed_at_once(kept, action, state, then, command):
    LocalList.objects.update(state=state)
    assert "1 local list changed." in words_of(act(browser("operator"), action, kept))
    kept.refresh_from_db()
    assert kept.state == then
    row = Command.objects.get()
    assert (row.action, row.source, row.actor) == (command, "screen", "operator")
    assert (kept.revision is None) == (action in ("publish_in_full", "switch_on", "switch_off"))


@pytest.mark.parametrize(
    ("action", "before", "state", "revision"),
    [
        ("publish", "up_to_date", "pending", 0),
        ("publish", "off", "off", 0),
        ("publish_in_full", "refused", "pending", None),
        ("switch_off", "up_to_date", "off", None),
        ("switch_on", "off", "pending", None),
        ("switch_on", "up_to_date", "up_to_date", 0),
    ],
)
def test_several_are_left_to_the_clock(house, kept, action, before, state, revision):
    other = LocalList.objects.create(charge_point=house.charger("BAY-2").charge_point, revision=0, last_version=3)
    LocalList.objects.update(state=before)
    act(browser("operator"), action, kept, other)
    for row in LocalList.objects.all():
        assert (row.state, row.revision) == (state, revision)


def test_one_that_is_off_is_not_published(kept):
    LocalList.objects.update(state="off")
    assert "is switched off." in words_of(act(browser("operator"), "publish", kept))
    assert not Command.objects.exists()


def test_a_charger_s_list_is_switched_on(bay):
    client = browser("operator")
    response = client.post(ON, {"charger": "bay-1"}, follow=True)
    assert "1 local list is published within the next minutes." in words_of(response)
    assert LocalList.objects.get().state == "pending"
    assert "There is no such charger." in words_of(client.post(ON, {"charger": "nowhere"}, follow=True))


def test_every_charger_at_once(bay, house, yard):
    house.charger("AWAY", site=yard)
    client = browser_of(person_at("operator", yard))
    client.post(ON, {"all": "yes"})
    assert [row.charge_point.identity for row in LocalList.objects.all()] == ["AWAY"]
    assert "1 local list is" in words_of(browser("operator").post(ON, {"all": "yes"}, follow=True))
    assert LocalList.objects.count() == 2


def test_lists_are_found(kept, house, yard):
    LocalList.objects.create(charge_point=house.charger("AWAY", site=yard).charge_point, state="refused")

    def shown(query):
        return [row.charge_point.identity for row in browser("viewer").get(f"{LIST}?{query}").context["rows"]]

    assert shown("") == ["AWAY", "BAY-1"]
    assert shown("state=refused") == shown(f"site={yard.pk}") == shown("q=away") == ["AWAY"]
    assert shown("sort=-charger") == ["BAY-1", "AWAY"]


def test_who_may_do_what(kept, yard):
    viewer, there = browser("viewer"), browser_of(person_at("operator", yard))
    page = text_of(viewer.get(LIST))
    assert CHANGE in page  # the form of the rows, without a button
    for absent in ('name="action"', 'name="lists"', ON):
        assert absent not in page
    assert act(viewer, "publish", kept).status_code == 403
    assert viewer.post(ON, {"all": "yes"}).status_code == 403
    assert rows_of(there.get(LIST)) == []
    for action in ("publish", "switch_off"):
        act(there, action, kept)
    kept.refresh_from_db()
    assert (kept.state, Command.objects.exists()) == ("up_to_date", False)
    assert there.post(ON, {"charger": "BAY-1"}, follow=True).status_code == 200
    assert not Command.objects.exists()
    assert browser("operator").get(CHANGE).status_code == browser("operator").get(ON).status_code == 405
    assert act(browser("operator"), "explode", kept).status_code == 400
    assert browser("operator", enforce_csrf_checks=True).post(CHANGE, {"action": "publish"}).status_code == 403


def test_the_number_of_queries_does_not_grow(kept, house):
    client = browser("operator")
    few = queries_of(client, LIST)
    for number in range(30):
        station = house.charger(f"B{number}").charge_point
        command = Command.objects.create(charge_point=station, action="SendLocalList")
        LocalList.objects.create(charge_point=station, command=command)
    assert queries_of(client, LIST) == few
