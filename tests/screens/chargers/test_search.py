"""Search: one hit is opened, several are shown, what may not be seen is not found."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from stations.models import ChargePoint, Site
from transactions.models import IdTag

from ...people import browser, browser_of, holder, person_at
from .pages import HOSTILE, text_of, words_of

pytestmark = pytest.mark.django_db


def search(text, client=None):
    return (client or browser("operator")).get("/search/", {"q": text})


@pytest.mark.parametrize("text", ["bay-7", "left door", "SN-99"])
def test_the_only_charger_is_opened(house, text):
    station = house.charger("BAY-7", name="Left door", serial_number="SN-99").charge_point
    house.charger("OTHER")
    assert search(text).url == f"/chargers/{station.pk}/"


def test_the_only_tag_is_opened(house):
    tag = IdTag.objects.create(id_tag="04A1B2C3", holder="Anna Meier")
    IdTag.objects.create(id_tag="FFFF", holder="Bob")
    assert search("meier").url == search("a1b2").url == f"/tags/{tag.pk}/"


def test_a_session_is_opened_by_its_number(house):
    session = house.session(house.charger("X", "Charging"))
    assert search(f"#{session.pk}").url == f"/transactions/{session.pk}/"


def test_several_hits_are_shown_in_groups(house):
    house.charger("ANNA-1")
    house.charger("ANNA-2", archived_at=timezone.now())
    IdTag.objects.create(id_tag="CAFE", holder="Anna")
    page = words_of(search("anna"))
    assert "ANNA-1" in page
    assert "ANNA-2 Garage Archived" in page
    assert "Anna CAFE" in page


def test_more_than_twenty_lead_to_the_list(house):
    ChargePoint.objects.bulk_create(ChargePoint(identity=f"BAY-{number:02}") for number in range(25))
    response = search("bay")
    assert len(response.context["chargers"]) == 20
    assert 'href="/chargers/?q=bay"' in text_of(response)


@pytest.mark.parametrize("text", ["", "  ", "\0"])
def test_nothing_typed_says_what_can_be(house, text):
    house.charger("BAY-1")
    assert "Type a charger" in words_of(search(text))


@pytest.mark.parametrize("text", ["nobody", "99999999999999999999", "#2147483648", "²", HOSTILE, "%", "z " * 500])
def test_nothing_found_is_said(house, text):
    house.charger("BAY-1")
    response = search(text)
    assert response.status_code == 200
    assert "Nothing was found" in words_of(response)
    assert HOSTILE not in text_of(response)


def test_people_of_a_site_find_what_is_theirs(house):
    yard = Site.objects.create(name="Yard")
    there = house.charger("BAY-2", "Charging", site=yard)
    session = house.session(there)
    IdTag.objects.create(id_tag="BAYTAG", holder="Bay watch", site=yard)
    client = browser_of(person_at("operator", house.site))
    for text in ("bay", str(session.pk), "watch"):
        assert "Nothing was found" in words_of(search(text, client))


def test_a_masked_number_is_not_found_out_letter_by_letter(house):
    tag = IdTag.objects.create(id_tag="04A1B2C3D4E5F2", holder="Anna")
    viewer = browser("viewer")
    assert "Nothing was found" in words_of(search("04A1B2C3", viewer))
    assert search("04a1b2c3d4e5f2", viewer).url == f"/tags/{tag.pk}/"
    IdTag.objects.create(id_tag="CAFE", holder="Anna")
    page = text_of(search("anna", viewer))
    assert "04A1…F2" in page
    assert "04A1B2C3D4E5F2" not in page


def test_search_is_for_operators_viewers_and_administrators(house):
    assert search("x", browser_of(holder())).status_code == 403
    assert search("x", browser("anonymous")).url == "/login/?next=/search/%3Fq%3Dx"


def test_search_costs_the_same_for_3_and_for_30_hits(house):
    client = browser("operator")

    def cost(count):
        while (number := ChargePoint.objects.count()) < count:
            house.charger(f"ANNA-{number}")
            IdTag.objects.create(id_tag=f"ANNA{number}", holder="Anna")
        search("anna", client)
        with CaptureQueriesContext(connection) as queries:
            assert search("anna", client).status_code == 200
        return len(queries)

    few = cost(3)
    assert cost(30) == few
    assert few <= 15
