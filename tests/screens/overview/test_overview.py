"""The overview: who sees what of which chargers, as tiles and as sites."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from stations.models import ChargePoint, RegistrationStatus, Site
from transactions.models import IdTag, PowerRecord

from ...people import browser_of, holder, person, person_at

pytestmark = pytest.mark.django_db


def text_of(response) -> str:
    return " ".join(response.content.decode().split())


def test_without_a_charger_the_overview_leads_to_the_welcome_page():
    assert browser_of(person("administrator")).get("/").url == "/welcome/"


def test_who_is_not_logged_in_is_asked_to():
    person("viewer")
    response = Client().get("/?state=charging")
    assert response.status_code == 302
    assert response.url == "/login/?next=/%3Fstate%3Dcharging"


def test_a_tag_holder_lands_on_their_own_page():
    assert browser_of(holder(IdTag.objects.create(id_tag="CAFE"))).get("/").url == "/mine/"


def test_a_running_session_stands_on_its_connectors_tile(house):
    house.session(house.charger("BAY-1", "Charging", name="Bay 01"))
    page = text_of(browser_of(person("viewer")).get("/"))
    assert "Bay 01" in page
    assert "6.42</span> kWh" in page
    assert "Anna" in page


def test_an_offline_chargers_tile_does_not_show_its_last_state(house):
    house.gone("BAY-2")
    page = text_of(browser_of(person("viewer")).get("/"))
    assert 'data-status="Offline"' in page
    assert 'data-status="Available"' not in page


def test_chips_filter_by_state(house):
    house.charger("BAY-1", "Charging")
    house.charger("BAY-2", "Available")
    page = text_of(browser_of(person("viewer")).get("/?state=charging"))
    assert ">BAY-1<" in page.replace("<bdi>", "").replace("</bdi>", "") or "BAY-1" in page
    tiles = page.split('class="tiles"')[1].split('class="columns"')[0]
    assert "BAY-1" in tiles
    assert "BAY-2" not in tiles


def test_with_many_connectors_the_page_opens_on_the_sites(house, monkeypatch):
    monkeypatch.setattr("screens.overview.overview.MOST_TILES", 1)
    house.charger("BAY-1", "Faulted")
    house.charger("BAY-2", site=None)
    page = text_of(browser_of(person("viewer")).get("/"))
    assert 'class="tiles"' not in page
    assert "Garage" in page
    assert "without a site" in page


def test_somebody_of_one_site_sees_nothing_of_another(house):
    other = Site.objects.create(name="Elsewhere")
    house.session(house.charger("BAY-1", "Charging"))
    house.session(house.charger("FAR-1", "Charging", site=other), id_tag="BEEF", energy_wh=99_000)
    page = text_of(browser_of(person_at("viewer", house.site)).get("/"))
    assert "BAY-1" in page
    assert "FAR-1" not in page
    assert "99.00" not in page
    assert "Elsewhere" not in page


def test_another_sites_number_in_the_address_changes_nothing(house):
    other = Site.objects.create(name="Elsewhere")
    house.charger("BAY-1")
    house.charger("FAR-1", site=other)
    page = text_of(browser_of(person_at("viewer", house.site)).get(f"/?site={other.pk}"))
    assert "FAR-1" not in page


@pytest.mark.parametrize("query", ["site=x", "site=99999999999999999999", "state=<svg>", "page=-1", "site=%00"])
def test_nonsense_in_the_address_is_no_error(house, query):
    house.charger("BAY-1")
    assert browser_of(person("viewer")).get(f"/?{query}").status_code == 200


def test_power_of_the_day_is_drawn_and_told(house):
    house.charger("BAY-1")
    soon = timezone.now() + timedelta(minutes=1)  # of the day of the page, whenever that begins
    PowerRecord.objects.create(site=house.site, at=soon, power_w=18_200)
    page = text_of(browser_of(person("viewer")).get("/"))
    assert "at most 18.2 kW" in page
    assert "power-data" in page


def test_queries_do_not_grow_with_chargers(house, django_assert_max_num_queries):
    anna = browser_of(person("operator"))
    for number in range(30):
        connector = house.charger(f"BAY-{number}", "Charging" if number % 2 else "Available")
        if number % 2:
            house.session(connector, meter_start_wh=number)
    with django_assert_max_num_queries(60):
        assert anna.get("/").status_code == 200


def test_an_operator_approves_with_name_and_site(house):
    waiting = ChargePoint.objects.create(identity="NEW-1", last_seen_at=timezone.now(), vendor="<svg/onload=alert(1)>")
    anna = browser_of(person("operator"))
    page = anna.get("/").content.decode()
    assert "NEW-1" in page
    assert "<svg/onload" not in page
    anna.post(f"/chargers/{waiting.pk}/approve/", {"name": "Bay 07", "site": house.site.pk, "next": "/"})
    waiting.refresh_from_db()
    assert (waiting.registration_status, waiting.name, waiting.site) == ("Accepted", "Bay 07", house.site)


def test_whoever_approves_second_leaves_its_name_and_place(house):
    waiting = ChargePoint.objects.create(identity="NEW-1", last_seen_at=timezone.now())
    anna, approve = browser_of(person("operator")), f"/chargers/{waiting.pk}/approve/"
    anna.post(approve, {"name": "Bay 07", "site": house.site.pk})
    told = anna.post(approve, {"name": "", "site": "", "next": "/"}, follow=True).content.decode()
    waiting.refresh_from_db()
    assert (waiting.name, waiting.site) == ("Bay 07", house.site)
    assert "Bay 07 is approved" in told


def test_rejecting_keeps_the_name_as_it_was(house):
    waiting = ChargePoint.objects.create(identity="NEW-1", last_seen_at=timezone.now())
    browser_of(person("operator")).post(f"/chargers/{waiting.pk}/reject/", {"name": "x"})
    waiting.refresh_from_db()
    assert (waiting.registration_status, waiting.name) == (RegistrationStatus.REJECTED, "")


def test_a_viewer_sees_who_waits_but_cannot_decide(house):
    house.charger("BAY-1")
    waiting = ChargePoint.objects.create(identity="NEW-1", last_seen_at=timezone.now())
    viewer = browser_of(person("viewer"))
    page = viewer.get("/").content.decode()
    assert "NEW-1" in page
    assert "/approve/" not in page
    assert viewer.post(f"/chargers/{waiting.pk}/approve/", {}).status_code == 403
    waiting.refresh_from_db()
    assert waiting.registration_status == RegistrationStatus.PENDING


def test_an_operator_of_one_site_cannot_approve_a_stranger(house):
    stranger = ChargePoint.objects.create(identity="NEW-1")
    operator = browser_of(person_at("operator", house.site))
    assert operator.post(f"/chargers/{stranger.pk}/approve/", {"site": house.site.pk}).status_code == 404


def test_energy_of_the_same_day_last_week_stands_beside_todays(house):
    from transactions.clock import local_day
    from transactions.models import DailyEnergy

    connector = house.charger("BAY-1")
    today = local_day(timezone.now())
    for day in (today, today + timedelta(days=1)):  # one of them is the page's, whenever that begins
        DailyEnergy.objects.create(connector=connector, day=day, energy_wh=128_400)
        DailyEnergy.objects.create(connector=connector, day=day - timedelta(days=7), energy_wh=100_000)
    page = text_of(browser_of(person("viewer")).get("/"))
    assert "128.40" in page
    assert "100.00 kWh a week ago" in page


@pytest.mark.parametrize("path", ["/transactions/export/csv/?since=never", "/chargers/export/?format=csv&site=x"])
def test_a_file_of_a_filter_that_makes_no_sense_is_refused(house, path):
    house.charger("BAY-1")
    assert browser_of(person("operator")).get(path).status_code == 400
