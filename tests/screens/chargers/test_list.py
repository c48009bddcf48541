"""The list of chargers: what it shows, finds, sorts, exports, and to whom."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from stations.models import ChargePoint, ConfigurationKey, Connector, Site, StationModel, TemplateKey
from transactions.clock import local_day
from transactions.models import DailyEnergy, MeterValue

from ...people import browser, browser_of, person_at
from .pages import HOSTILE, RIGHT_TO_LEFT, rows_of, text_of, words_of

pytestmark = pytest.mark.django_db
LIST = "/chargers/"


def shown(query="", client=None):
    response = (client or browser("viewer")).get(f"{LIST}?{query}")
    return {row.station.identity for row in response.context["rows"]}


def test_a_row_says_what_the_charger_is_and_does(house):
    connector = house.charger(
        "BAY-1", "Charging", name="Bay 01", vendor="ABB", model="TAC", firmware_version="1.8.32", serial_number="S7"
    )
    session = house.session(connector)
    MeterValue.objects.create(connector=connector, transaction=session, timestamp=timezone.now(), power_w=11_000)
    DailyEnergy.objects.create(connector=connector, day=local_day(timezone.now()), energy_wh=6420)
    [row] = rows_of(browser("viewer").get(LIST))
    for expected in ("Charging", "Bay 01", "BAY-1", "Garage", "11.0", "6.42", "ABB TAC", "1.8.32", "just now"):
        assert expected in row


def test_connectors_are_named_with_their_states(house):
    station = house.charger("BAY-1", "Available").charge_point
    Connector.objects.create(charge_point=station, connector_id=2, status="Faulted")
    response = browser("viewer").get(LIST)
    [row] = response.context["rows"]
    assert [(outlet.number, outlet.status) for outlet in row.outlets] == [(1, "Available"), (2, "Faulted")]
    assert row.state == "Faulted"  # what deserves attention
    assert f'data-state="station:{station.pk}"' in text_of(response)


def test_chargers_are_filtered(house):
    charging = house.charger("CHARGING", "Charging", vendor="ABB", model="Terra", firmware_version="2.1")
    house.gone("GONE")
    ChargePoint.objects.create(identity="NEW", registration_status="Pending")
    ChargePoint.objects.create(identity="NO", registration_status="Rejected")
    ChargePoint.objects.create(identity="OLD", archived_at=timezone.now())
    own = charging.charge_point
    assert shown() == {"CHARGING", "GONE", "NEW", "NO"}
    assert shown("state=Charging") == shown("online=yes") == {"CHARGING"}
    assert shown("state=Available") == set()  # the state of what is away is not known
    assert shown("state=Offline") == {"GONE"}
    assert shown("state=Pending") == shown("approval=Pending") == {"NEW"}
    assert shown("state=Rejected") == {"NO"}
    assert shown("online=no") == {"GONE", "NEW", "NO"}
    assert shown("archived=yes") == {"OLD"}
    assert shown("vendor=ab") == shown("model=terra") == shown("firmware=2.1") == {"CHARGING"}
    assert shown(f"site={own.site_id}") == {"CHARGING", "GONE"}
    assert shown("site=null") == {"NEW", "NO"}


@pytest.mark.parametrize("query", ["q=garage-7", "q=south%20seven", "q=SN-99", "q=box-3"])
def test_chargers_are_found(house, query):
    house.charger("GARAGE-7", name="South seven", serial_number="SN-99", box_serial_number="BOX-3")
    house.charger("OTHER")
    assert shown(query) == {"GARAGE-7"}


def test_chargers_that_differ_from_their_template_are_found(house):
    model = StationModel.objects.create(vendor="ABB")
    TemplateKey.objects.create(station_model=model, key="HeartbeatInterval", value="300")
    for identity, value in (("GOOD", "300"), ("BAD", "900")):
        station = house.charger(identity, vendor="ABB").charge_point
        ConfigurationKey.objects.create(charge_point=station, key="HeartbeatInterval", value=value)
    assert (shown("template=differs"), shown("template=same")) == ({"BAD"}, {"GOOD"})


@pytest.mark.parametrize("query", ["state=Nonsense", "site=x", "site=999999", "q=%00", "online=maybe"])
def test_nonsense_in_the_address_is_marked_and_shows_nothing(house, query):
    house.charger("BAY-1")
    response = browser("viewer").get(f"{LIST}?{query}")
    assert response.status_code == 200
    assert "errorlist" in text_of(response)
    assert response.context["rows"] == []


def test_an_empty_list_says_what_to_do(house):
    assert "No charger yet." in words_of(browser("viewer").get(LIST))
    house.charger("BAY-1")
    assert "No charger matches. Clear filters" in words_of(browser("viewer").get(f"{LIST}?q=nothing"))


def test_chargers_are_sorted(house):
    now = timezone.now()
    for identity, name, minutes in (("C", "", 1), ("A", "Zoo", 3), ("B", "Attic", 2)):
        house.charger(identity, name=name, last_seen_at=now - timedelta(minutes=minutes))

    def order(sort):
        return [row.station.identity for row in browser("viewer").get(f"{LIST}?sort={sort}").context["rows"]]

    assert order("") == ["B", "C", "A"]  # by what they are called
    assert (order("identity"), order("-identity")) == (["A", "B", "C"], ["C", "B", "A"])
    assert order("seen") == ["C", "B", "A"]
    house.charger("NEW", last_seen_at=None)
    assert order("seen") == ["C", "B", "A", "NEW"]  # on every database, whichever way
    assert order("-seen") == ["A", "B", "C", "NEW"]


def test_the_list_alone_is_fetched_when_a_filter_changes(house):
    house.charger("BAY-1")
    response = browser("viewer").get(LIST, headers={"HX-Request": "true", "HX-Target": "list"})
    assert "BAY-1" in text_of(response)
    assert "<html" not in text_of(response)


def test_people_of_a_site_see_its_chargers_only(house):
    here = house.charger("HERE").charge_point
    elsewhere = Site.objects.create(name="Yard")
    house.charger("THERE", site=elsewhere)
    house.charger("NOWHERE", site=None)
    client = browser_of(person_at("operator", house.site))
    assert shown(client=client) == {"HERE"}
    assert "Yard" not in text_of(client.get(LIST))
    assert shown(f"site={elsewhere.pk}", client=client) == set()
    assert client.get(f"{LIST}{here.pk}/").status_code == 200


def test_buttons_are_for_those_who_may_press_them(house):
    house.charger("BAY-1")
    viewer, operator = (text_of(browser(who).get(LIST)) for who in ("viewer", "operator"))
    for name in ('value="approve"', 'value="Reset"', "/firmware/campaigns/add/", 'value="archive"', "/chargers/add/"):
        assert name in operator
        assert name not in viewer
    assert 'value="export-xlsx"' in viewer


def test_hostile_strings_are_text(house):
    house.charger("BAY-1", name=HOSTILE, vendor=HOSTILE, model=RIGHT_TO_LEFT, firmware_version=HOSTILE)
    Site.objects.update(name=HOSTILE)
    page = text_of(browser("administrator").get(LIST))
    assert HOSTILE not in page
    assert "&lt;svg/onload=alert(1)&gt;" in page
    assert f"<bdi>{RIGHT_TO_LEFT}</bdi>" in page


def test_the_list_costs_the_same_for_3_and_for_30_chargers(house):
    client = browser("operator")

    def cost(count):
        while (number := ChargePoint.objects.count()) < count:
            connector = house.charger(f"BAY-{number}", "Charging")
            session = house.session(connector)
            MeterValue.objects.create(connector=connector, transaction=session, timestamp=timezone.now(), power_w=1)
        client.get(LIST)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(LIST).status_code == 200
        return len(queries)

    few = cost(3)
    assert cost(30) == few
    assert few <= 20


# Files


def table(response):
    text = b"".join(response.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_the_export_is_exactly_the_filter(house):
    house.charger("ONE", vendor="ABB", name="=cmd()")
    house.charger("TWO")
    rows = table(browser("viewer").get(f"{LIST}export/?format=csv&vendor=abb"))
    assert [(row["identity"], row["name"], row["site"]) for row in rows] == [("ONE", "'=cmd()", "Garage")]


def test_an_xlsx_file_is_a_download(house):
    house.charger("ONE")
    response = browser("viewer").get(f"{LIST}export/?format=xlsx")
    assert "plugcontrol-chargers-" in response["Content-Disposition"]
    assert b"".join(response.streaming_content)[:2] == b"PK"


def test_people_of_a_site_export_its_chargers(house):
    house.charger("HERE")
    house.charger("THERE", site=Site.objects.create(name="Yard"))
    client = browser_of(person_at("viewer", house.site))
    assert [row["identity"] for row in table(client.get(f"{LIST}export/?format=csv"))] == ["HERE"]


def test_an_unknown_format_is_refused(house):
    assert browser("viewer").get(f"{LIST}export/?format=exe").status_code == 400
