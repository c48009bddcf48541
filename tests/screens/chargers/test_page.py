"""A charger's page and its tabs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from stations.models import ChargePoint, Command, Connector, Message, Site
from transactions.models import MeterValue, Reservation

from ...people import browser, browser_of, person_at
from .pages import HOSTILE, RIGHT_TO_LEFT, text_of, words_of

pytestmark = pytest.mark.django_db
TABS = ("now", "transactions", "configuration", "messages", "commands", "reservations", "details", "history")


@pytest.fixture
def connector(house):
    return house.charger("BAY-1", "Charging", name="Bay 01")


@pytest.fixture
def url(connector):
    return f"/chargers/{connector.charge_point_id}/"


def read(url, who="operator"):
    response = browser(who).get(url)
    assert response.status_code == 200
    return words_of(response)


def button(response, label):
    """The tag of the button or link with this label."""
    page = text_of(response)
    end = page.index(f" {label}</")
    start = max(page.rfind("<a class", 0, end), page.rfind("<button", 0, end))
    return page[start : page.index(">", start) + 1]


# Above the tabs


def test_the_head_says_who_and_how_it_is(url):
    page = read(url)
    assert "Bay 01" in page
    assert "BAY-1" in page
    assert "Charging" in page
    assert "last seen just now OCPP 1.6 security profile 0" in page


def test_commands_of_the_whole_charger(connector, url):
    response = browser("operator").get(url)
    send = f"/chargers/{connector.charge_point_id}/send/"
    assert f'href="{send}TriggerMessage/?requested_message=StatusNotification' in button(response, "Trigger status")
    assert f'href="{send}Reset' in button(response, "Reset…")
    assert 'hx-target="#sheet"' in button(response, "Reset…")


def test_an_offline_charger_takes_no_commands_and_says_why(connector, url):
    ChargePoint.objects.update(connection="", gateway=None)
    response = browser("operator").get(url)
    for label in ("Trigger status", "Reset…", "Start…", "Unlock…", "Limit…", "Out of service…"):
        assert "disabled" in button(response, label)
    assert "The charger is not connected." in words_of(response)
    assert 'data-status="Offline"' in text_of(response)


def test_a_viewer_is_shown_no_button(connector, url):
    page = text_of(browser("viewer").get(url))
    for name in ("/send/", "/archive/", "/edit/", "/reject/"):
        assert name not in page


def test_a_waiting_charger_is_approved_with_its_name_and_site(house, connector, url):
    ChargePoint.objects.update(registration_status="Pending", accepted_at=None)
    yard = Site.objects.create(name="Yard")
    assert "New charger is waiting" in read(url)
    browser("operator").post(f"{url}approve/", {"name": "Left", "site": yard.pk})
    station = ChargePoint.objects.get()
    assert (station.registration_status, station.name, station.site) == ("Accepted", "Left", yard)
    assert "waiting" not in read(url)


def test_a_rejected_charger_can_still_be_approved(connector, url):
    browser("operator").post(f"{url}reject/")
    assert "This charger was rejected." in read(url)
    browser("operator").post(f"{url}approve/", {"name": "Bay 01", "site": connector.charge_point.site_id})
    assert ChargePoint.objects.get().registration_status == "Accepted"


def test_a_charger_of_another_site_is_not_found(house, url):
    person = person_at("operator", Site.objects.create(name="Yard"))
    assert browser_of(person).get(url).status_code == 404
    assert browser("anonymous").get(url).url == f"/login/?next={url}"
    assert browser("holder").get(url).status_code == 403


@pytest.mark.parametrize("pk", ["999999", "9" * 30])
def test_an_unknown_charger_is_not_found(url, pk):
    assert browser("operator").get(f"/chargers/{pk}/").status_code == 404


# Tabs


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_opens_for_viewers(house, connector, url, tab):
    house.session(connector)
    assert f'href="?tab={tab}" aria-current="page"' in text_of(browser("viewer").get(f"{url}?tab={tab}"))


@pytest.mark.parametrize("tab", TABS)
def test_a_tab_is_fetched_alone(connector, url, tab):
    response = browser("viewer").get(f"{url}?tab={tab}", headers={"HX-Request": "true", "HX-Target": "tab"})
    page = text_of(response)
    assert 'id="tab"' in page
    assert "<html" not in page


@pytest.mark.parametrize(("part", "expected"), [("cards", "Connector 1"), ("power-part", "Nothing was charged")])
def test_parts_of_the_first_tab_are_fetched_alone(url, part, expected):
    response = browser("viewer").get(url, headers={"HX-Request": "true", "HX-Target": part})
    assert expected in words_of(response)
    assert text_of(response).startswith(f'<section id="{part}"')


def test_the_buttons_above_are_fetched_alone(url):
    response = browser("operator").get(url, headers={"HX-Request": "true", "HX-Target": "acts"})
    assert "Trigger status" in text_of(response)
    assert 'id="tab"' not in text_of(response)


def test_an_unknown_tab_is_the_first(url):
    assert 'href="?tab=now" aria-current="page"' in text_of(browser("viewer").get(f"{url}?tab=nonsense"))


@pytest.mark.parametrize("tab", TABS)
def test_hostile_strings_are_text(house, connector, url, tab):
    station = connector.charge_point
    ChargePoint.objects.update(
        name=HOSTILE,
        vendor=HOSTILE,
        model=RIGHT_TO_LEFT,
        serial_number=HOSTILE,
        notes=HOSTILE,
        firmware_version=HOSTILE,
    )
    Connector.objects.update(status="Faulted", error_code=HOSTILE, info=HOSTILE * 20, vendor_error_code=HOSTILE)
    house.session(connector, id_tag=HOSTILE[:20], tag=None, stop_reason=HOSTILE)
    station.configuration_keys.create(key=HOSTILE, value=HOSTILE * 20)
    Message.objects.create(charge_point=station, at=timezone.now(), direction="in", kind=0, text=HOSTILE * 1000)
    Command.objects.create(charge_point=station, action=HOSTILE, actor=HOSTILE, answer={HOSTILE: HOSTILE})
    Reservation.objects.create(connector=connector, id_tag=HOSTILE[:20], expires_at=timezone.now(), answer=HOSTILE)
    station.security_events.create(type=HOSTILE, tech_info=HOSTILE * 50, occurred_at=timezone.now())
    connector.status_records.create(
        status=HOSTILE, error_code=HOSTILE, info=HOSTILE, reported_at=timezone.now(), received_at=timezone.now()
    )
    station.progress_reports.create(kind="firmware", status=HOSTILE)
    page = text_of(browser("administrator").get(f"{url}?tab={tab}"))
    assert "<svg/onload" not in page
    assert "&lt;svg/onload" in page


@pytest.mark.parametrize("tab", TABS)
def test_a_tab_costs_the_same_for_3_and_for_30_of_everything(house, connector, url, tab):
    station, client = connector.charge_point, browser("operator")

    def cost(count):
        now = timezone.now()
        while (number := Connector.objects.count()) < count:
            at = now - timedelta(minutes=number)
            other = Connector.objects.create(charge_point=station, connector_id=number + 1, status="Charging")
            session = house.session(other, started_at=at, start_reported_at=at)
            MeterValue.objects.create(connector=other, transaction=session, timestamp=at, power_w=1000)
            station.configuration_keys.create(key=f"Key{number}", value="1")
            Message.objects.create(charge_point=station, at=at, direction="in", kind=2, text="[]")
            Command.objects.create(charge_point=station, action="Reset", status="accepted", created_at=at)
            Reservation.objects.create(connector=other, id_tag="CAFE", expires_at=at)
            station.security_events.create(type="X", occurred_at=at)
            other.status_records.create(status="Charging", reported_at=at, received_at=at)
        client.get(f"{url}?tab={tab}")
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"{url}?tab={tab}").status_code == 200
        return len(queries)

    few = cost(3)
    assert cost(30) == few
    assert few <= 30


# Now


def test_a_running_session_is_shown_with_its_figures(house, connector, url):
    session = house.session(connector)
    MeterValue.objects.create(
        connector=connector, transaction=session, timestamp=timezone.now(), power_w=11_040, current_l1_a=16,
        current_l2_a="15.9", current_l3_a=16, voltage_l1_v=231, soc_percent=64, current_offered_a=16,
    )  # fmt: skip
    page = read(url)
    assert "11.0 kW · 6.42 kWh · 1:00 h" in page
    assert "Anna CAFE" in page
    assert "L1 16.0 A · L2 15.9 A · L3 16.0 A" in page
    assert "231 V" in page
    assert "64 %" in page
    assert f"#{session.pk}" in page


def test_a_viewer_sees_the_tags_number_masked(house, connector, url):
    house.session(connector, id_tag="04A1B2C3D4E5F2")
    page = read(url, "viewer")
    assert "04A1…F2" in page
    assert "04A1B2C3D4E5F2" not in page


def test_stop_is_possible_while_a_session_runs_and_start_is_not(house, connector, url):
    session = house.session(connector)
    response = browser("operator").get(url)
    assert f"/send/RemoteStopTransaction/?transaction_id={session.pk}&amp;" in button(response, "Stop…")
    assert "disabled" in button(response, "Start…")
    assert "Start: a session runs here." in words_of(response)


def test_start_is_possible_where_nothing_runs_and_stop_is_not(connector, url):
    Connector.objects.update(status="Preparing")
    response = browser("operator").get(url)
    assert "/send/RemoteStartTransaction/?connector_id=1&amp;" in button(response, "Start…")
    assert "disabled" in button(response, "Stop…")
    assert "Stop: no session runs here." in words_of(response)
    assert "/send/UnlockConnector/?connector_id=1" in button(response, "Unlock…")
    assert "/send/limit/?connector_id=1" in button(response, "Limit…")
    assert "type=Inoperative" in button(response, "Out of service…")


@pytest.mark.parametrize(
    ("status", "reason"),
    [("Faulted", "Start: the connector is faulted."), ("Unavailable", "Start: the connector is out of service.")],
)
def test_start_is_not_possible_on_a_connector_that_cannot(connector, url, status, reason):
    Connector.objects.update(status=status)
    response = browser("operator").get(url)
    assert "disabled" in button(response, "Start…")
    assert reason in words_of(response)


def test_a_connector_out_of_service_is_put_back(connector, url):
    Connector.objects.update(status="Unavailable")
    assert "type=Operative" in button(browser("operator").get(url), "Put into service…")


def test_a_fault_and_a_warning_say_their_code(connector, url):
    Connector.objects.update(status="Faulted", error_code="GroundFailure", info="RCD tripped", vendor_error_code="E12")
    assert "Error: GroundFailure · E12 · RCD tripped" in read(url)
    Connector.objects.update(status="Charging", error_code="WeakSignal", info="", vendor_error_code="")
    assert "Warning: WeakSignal" in read(url)


def test_the_last_hours_power_is_drawn_and_told(house, connector, url):
    session, now = house.session(connector), timezone.now()
    for minutes, watts in ((90, 22_000), (20, 11_000), (10, 7_400)):
        MeterValue.objects.create(
            connector=connector, transaction=session, timestamp=now - timedelta(minutes=minutes), power_w=watts
        )
    response = browser("viewer").get(url)
    [series] = response.context["chart"].data["series"]
    assert series["values"] == [11.0, 7.4]
    assert 'role="img"' in text_of(response)
    assert "at most 11.0 kW" in text_of(response)


def test_power_comes_from_the_register_where_none_is_sent(house, connector, url):
    session, now = house.session(connector), timezone.now()
    for minutes, register in ((20, 1000), (10, 2000)):
        MeterValue.objects.create(
            connector=connector, transaction=session, timestamp=now - timedelta(minutes=minutes), energy_wh=register
        )
    [series] = browser("viewer").get(url).context["chart"].data["series"]
    assert series["values"] == [6.0]


def test_from_one_register_to_the_other_is_no_power(house, connector, url):
    """Of the session in what names it, the meter's own by the clock."""
    session, now = house.session(connector, meter_start_wh=400_000), timezone.now()
    for minutes, register in ((22, 1000), (12, 2000), (7, 402_500), (2, 3000)):
        MeterValue.objects.create(
            connector=connector, transaction=session, timestamp=now - timedelta(minutes=minutes), energy_wh=register
        )
    [series] = browser("viewer").get(url).context["chart"].data["series"]
    assert series["values"] == [6.0, 6.0]


def test_a_first_reading_without_power_makes_no_spike(house, connector, url):
    session, now = house.session(connector), timezone.now()
    for minutes, register, watts in ((20, 1000, 11_000), (10, 90_000, None), (9, 90_100, 11_000)):
        MeterValue.objects.create(
            connector=connector,
            transaction=session,
            timestamp=now - timedelta(minutes=minutes),
            energy_wh=register,
            power_w=watts,
        )
    [series] = browser("viewer").get(url).context["chart"].data["series"]
    assert series["values"] == [11.0, 11.0]


def test_no_power_is_said_in_words(connector, url):
    assert "Nothing was charged in the last hour." in read(url)


def test_a_charger_without_connectors_says_what_to_do(url):
    Connector.objects.all().delete()
    assert "has not told of its connectors yet" in read(url)


def test_a_thousand_connectors_do_not_make_a_thousand_cards(connector, url):
    station = connector.charge_point
    Connector.objects.bulk_create(Connector(charge_point=station, connector_id=number) for number in range(2, 1001))
    response = browser("operator").get(url)
    assert len(response.context["cards"]) == 40
    assert "960 more connectors are not shown." in words_of(response)


# Records


def test_the_newest_records_are_listed_with_a_way_to_all(house, connector, url):
    station, now = connector.charge_point, timezone.now()
    session = house.session(connector)
    Message.objects.create(charge_point=station, at=now, direction="in", kind=2, action="Heartbeat", text='[2,"1"]')
    Command.objects.create(charge_point=station, action="Reset", actor="Zoe")
    Reservation.objects.create(connector=connector, id_tag="CAFE", expires_at=now)
    other = house.charger("OTHER").charge_point
    Message.objects.create(charge_point=other, at=now, direction="in", kind=2, action="Foreign", text="[]")
    for tab, expected, way in (
        ("transactions", f"#{session.pk} 1 Anna CAFE", "/transactions/?period=all&amp;station=BAY-1"),
        ("messages", "Heartbeat CALL", "/messages/?station=BAY-1"),
        ("commands", "Zoe", "/commands/?station=BAY-1"),
        ("reservations", "CAFE", "/reservations/?station=BAY-1"),
    ):
        response = browser("operator").get(f"{url}?tab={tab}")
        assert expected in words_of(response), tab
        assert way in text_of(response), tab
        assert "Foreign" not in words_of(response)
