"""Closing by hand in the side sheet and as a page; stops that wait for their session."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from people.models import Preferences
from transactions.models import Correction, OrphanedStop

from ...people import browser, browser_of, person, person_at
from .conftest import URL, body, utc

STOPS = "/transactions/stops/"
START = utc(2026, 11, 10, 12)
SHEET = {"HX-Request": "true", "HX-Target": "sheet"}


@pytest.fixture
def operator(sites):
    user = person("operator")
    Preferences.objects.create(user=user, time_zone="Europe/Berlin")
    return browser_of(user)


@pytest.fixture
def stuck(sites):
    at = START + timedelta(minutes=30, microseconds=5)
    return sites.running(START, register_wh=5000, register_at=at, energy_wh=4000)


@pytest.fixture
def stop(sites):
    return OrphanedStop.objects.create(
        charge_point=sites.connector.charge_point,
        reported_transaction_id="9223372036854775807",
        stopped_at=START + timedelta(hours=2),
        meter_stop_wh=8000,
        reason="<b>PowerLoss</b>",
        id_tag="04A1B2C3D4F2",
    )


def close_url(session):
    return f"{URL % session.pk}close/"


def entered(**changes):
    return {"stopped_at": "2026-11-10T14:00:00", "meter_stop_kwh": "6.5", "reason": "Scrapped", **changes}


def test_the_form_is_filled_in_with_the_last_reading_in_the_reader_s_zone(operator, stuck):
    page = body(operator.get(close_url(stuck)))
    assert 'value="2026-11-10T13:30:01"' in page
    assert 'value="5.000"' in page
    assert "Europe/Berlin" in page
    assert "does not stop the charger" not in page


def test_who_closes_a_session_of_a_charger_that_is_online_is_warned(sites, operator, stuck):
    sites.connect(sites.connector)
    assert "does not stop the charger" in body(operator.get(close_url(stuck)))


def test_a_session_is_closed_and_the_page_tells_the_story(operator, stuck):
    response = operator.post(close_url(stuck), entered(reason="<b>Scrapped</b>"), follow=True)
    stuck.refresh_from_db()
    assert (stuck.ended_by, stuck.stopped_at, stuck.meter_stop_wh) == ("operator", utc(2026, 11, 10, 13), 6500)
    assert stuck.energy_wh == 5500
    correction = Correction.objects.get()
    assert (correction.actor, correction.energy_wh_before, correction.reason) == ("operator", 4000, "<b>Scrapped</b>")
    page = body(response)
    assert "operator closed the session by hand." in page
    assert "&lt;b&gt;Scrapped" in page
    assert "Closed by hand" in page
    assert "Correct the end…" in page
    assert "delivered 4.00 kWh" in " ".join(page.split())


@pytest.mark.parametrize("stopped", [utc(2026, 10, 25, 0, 30), utc(2026, 10, 25, 1, 30)])
def test_a_session_that_ended_in_the_hour_that_comes_twice_is_closed_as_shown(sites, operator, stopped):
    session = sites.running(utc(2026, 10, 25, 0, 10), register_wh=5000, register_at=stopped, energy_wh=4000)
    assert 'value="2026-10-25T02:30:00"' in body(operator.get(close_url(session)))
    response = operator.post(close_url(session), entered(stopped_at="2026-10-25T02:30:00"))
    assert response.status_code == 302
    session.refresh_from_db()
    assert session.stopped_at == stopped


def test_another_moment_of_that_hour_is_its_first_and_one_that_never_comes_is_refused(sites, operator):
    session = sites.running(utc(2026, 3, 28, 12), register_wh=5000, register_at=utc(2026, 3, 28, 13), energy_wh=4000)
    refused = operator.post(close_url(session), entered(stopped_at="2026-03-29T02:30:00"))
    assert refused.status_code == 422
    assert "may not exist" in body(refused)
    operator.post(close_url(session), entered(stopped_at="2026-10-25T02:45:00"))
    session.refresh_from_db()
    assert session.stopped_at == utc(2026, 10, 25, 0, 45)


def test_in_the_side_sheet_the_answer_is_a_way_on(operator, stuck):
    part = body(operator.get(close_url(stuck), headers=SHEET))
    assert "<html" not in part
    assert 'hx-target="#sheet"' in part
    response = operator.post(close_url(stuck), entered(), headers=SHEET)
    assert response.headers["HX-Redirect"] == URL % stuck.pk
    stuck.refresh_from_db()
    assert not stuck.is_running


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"stopped_at": "2026-11-10T12:59:59"}, "before it began"),
        ({"stopped_at": "2099-01-01T00:00:00"}, "in the future"),
        ({"stopped_at": ""}, "required"),
        ({"stopped_at": "yesterday"}, "valid date"),
        ({"meter_stop_kwh": "0.999"}, "below the first"),
        ({"meter_stop_kwh": "1e30"}, "errorlist"),
        ({"meter_stop_kwh": "-1"}, "errorlist"),
        ({"reason": " "}, "required"),
    ],
)
def test_a_mistake_stands_beside_its_field_and_nothing_typed_is_lost(operator, stuck, changes, complaint):
    response = operator.post(close_url(stuck), entered(**{"reason": "My reason", **changes}))
    page = body(response)
    assert response.status_code == 422
    assert complaint in page
    assert changes.get("reason", "My reason") in page
    stuck.refresh_from_db()
    assert stuck.is_running
    assert not Correction.objects.exists()


def test_without_a_final_reading_the_last_one_counts(operator, stuck):
    operator.post(close_url(stuck), entered(meter_stop_kwh=""))
    stuck.refresh_from_db()
    assert (stuck.meter_stop_wh, stuck.energy_wh) == (5000, 4000)


def test_what_the_charger_ended_is_final(sites, operator):
    session = sites.session()
    assert "Its word is final" in body(operator.get(close_url(session)))
    response = operator.post(close_url(session), entered(stopped_at="2026-11-21T00:00:00"))
    assert response.status_code == 422
    assert not Correction.objects.exists()


@pytest.mark.parametrize("who", ["viewer", "holder"])
def test_who_may_not_is_refused(sites, stuck, who):
    client = browser(who)
    assert client.get(close_url(stuck)).status_code == 403
    assert client.post(close_url(stuck), entered()).status_code == 403
    stuck.refresh_from_db()
    assert stuck.is_running


def test_a_form_of_another_site_is_refused(stuck):
    client = browser("operator", enforce_csrf_checks=True)
    assert client.post(close_url(stuck), entered()).status_code == 403
    stuck.refresh_from_db()
    assert stuck.is_running


# Stops without a session


def test_a_loose_stop_stands_beside_the_session_it_may_end(operator, stuck, stop):
    page = body(operator.get(URL % stuck.pk))
    assert "Stops of this charger without a session" in page
    assert "8.00 kWh" in page
    assert f'href="{STOPS}{stop.pk}/?transaction={stuck.pk}"' in page
    form = body(operator.get(f"{close_url(stuck)}?stop={stop.pk}"))
    assert 'value="2026-11-10T15:00:00"' in form
    assert 'value="8.000"' in form


@pytest.mark.parametrize("number", ["x", "9" * 40, "0", "\N{SUPERSCRIPT TWO}"])
def test_a_link_with_a_wrong_stop_still_opens_the_form(operator, stuck, number):
    assert 'value="5.000"' in body(operator.get(close_url(stuck), {"stop": number}))


def test_a_stop_is_attached_and_the_session_stays_as_it_is(operator, stuck, stop):
    url = f"{STOPS}{stop.pk}/"
    form = body(operator.get(f"{url}?transaction={stuck.pk}", headers=SHEET))
    assert f'value="{stuck.pk}"' in form
    assert "&lt;b&gt;PowerLoss" in form
    response = operator.post(url, {"transaction": stuck.pk}, headers=SHEET)
    assert response.headers["HX-Redirect"] == URL % stuck.pk
    stop.refresh_from_db()
    stuck.refresh_from_db()
    assert (stop.transaction, stuck.is_running, stop.reported_transaction_id) == (stuck, True, "9223372036854775807")
    page = body(operator.get(URL % stuck.pk))
    assert "A stop came that did not end this session" in page
    assert "Stops of this charger without a session" not in page
    operator.post(url, {"transaction": ""})
    stop.refresh_from_db()
    assert stop.transaction is None


@pytest.mark.parametrize("number", ["0", "-1", "99999999999999999999", "x", "2147483647"])
def test_a_stop_is_not_attached_to_what_is_none_of_its_charger(sites, operator, stuck, stop, number):
    elsewhere = sites.session(connector=sites.other)
    for tried in (number, elsewhere.pk):
        response = operator.post(f"{STOPS}{stop.pk}/", {"transaction": tried})
        assert response.status_code == 422
        assert 'class="errorlist"' in body(response)
    stop.refresh_from_db()
    assert stop.transaction is None


def test_the_list_of_loose_stops(sites, operator, stuck, stop):
    page = body(operator.get(STOPS))
    assert "9223372036854775807" in page
    assert "<b>PowerLoss" not in page
    operator.post(f"{STOPS}{stop.pk}/", {"transaction": stuck.pk})
    assert "Every stop found its session" in body(operator.get(STOPS))
    assert f"#{stuck.pk}" in body(operator.get(f"{STOPS}?attached=yes"))
    assert "9223372036854775807" in body(operator.get(f"{STOPS}?attached=all&station=Gate"))


def test_stops_of_another_site_are_not_found(sites, stop):
    client = browser_of(person_at("operator", sites.south))
    assert "9223372036854775807" not in body(client.get(STOPS))
    assert client.get(f"{STOPS}{stop.pk}/").status_code == 404
    assert client.post(f"{STOPS}{stop.pk}/", {"transaction": ""}).status_code == 404


def test_a_viewer_reads_stops_and_attaches_none(sites, stuck, stop):
    client = browser("viewer")
    page = body(client.get(STOPS))
    assert "04A1…F2" in page
    assert "Attach…" not in page
    assert client.post(f"{STOPS}{stop.pk}/", {"transaction": stuck.pk}).status_code == 403
    stop.refresh_from_db()
    assert stop.transaction is None


def test_the_list_of_stops_costs_the_same_for_three_and_for_sixty(sites, operator, django_assert_max_num_queries):
    def make(count):
        OrphanedStop.objects.bulk_create(
            OrphanedStop(
                charge_point=sites.connector.charge_point,
                reported_transaction_id=f"{count}-{number}",
                stopped_at=timezone.now(),
            )
            for number in range(count)
        )

    make(3)
    operator.get(STOPS)
    with django_assert_max_num_queries(15) as few:
        operator.get(STOPS)
    make(60)
    with django_assert_max_num_queries(len(few.captured_queries)):
        operator.get(STOPS)


def test_kwh_are_stored_to_the_watt_hour(operator, stuck):
    operator.post(close_url(stuck), entered(meter_stop_kwh="6.543"))
    assert Correction.objects.get().meter_stop_wh == int(Decimal("6.543") * 1000)
