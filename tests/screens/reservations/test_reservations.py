"""Reservations: made and cancelled by asking the station, seen by those of the site."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from stations.connectors import get_connector
from stations.models import ChargePoint, Command, ConfigurationKey, GatewayProcess, Site
from tests.conftest import make_station
from tests.people import browser, browser_of, person, person_at
from transactions import reservations
from transactions.models import IdTag, Reservation

pytestmark = pytest.mark.django_db
LIST = "/reservations/"
NEW = f"{LIST}new/"
IN_SHEET = {"HX-Request": "true", "HX-Target": "sheet"}
HOSTILE = "<svg/onload=alert(1)>"


@pytest.fixture
def station():
    User.objects.create_superuser("root")
    IdTag.objects.create(id_tag="CAFE0088", holder="Anna")
    gateway = GatewayProcess.objects.create(channel="c", host="h", pid=1)
    station = make_station(gateway=gateway, connection="1", site=Site.objects.create(name="Garage"))
    get_connector(station.pk, 1)
    return station


@pytest.fixture
def other(station):
    """A charger at another site."""
    other = make_station("CP2", gateway=station.gateway, connection="2", site=Site.objects.create(name="Depot"))
    get_connector(other.pk, 1)
    return other


@pytest.fixture
def operator(station):
    return browser("operator")


@pytest.fixture
def local(station):
    return browser_of(person_at("operator", station.site))


def entered(minutes=60, **said):
    until = timezone.localtime(timezone.now() + timedelta(minutes=minutes))
    return {"station": "CP1", "connector": 1, "id_tag": "CAFE0088", "until": f"{until:%Y-%m-%dT%H:%M:%S}", **said}


def reserve(station, number=1, *, status="active", hours=1):
    until = timezone.now() + timedelta(hours=hours)
    reservation = reservations.reserve(get_connector(station.pk, number), "CAFE0088", until)
    Command.objects.update(status="accepted")
    Reservation.objects.filter(pk=reservation.pk).update(status=status)
    return reservation


@pytest.fixture
def reserved(station):
    return reserve(station)


def cancel_url(reservation):
    return f"{LIST}{reservation.pk}/cancel/"


def shown(client, query=""):
    response = client.get(f"{LIST}?{query}")
    assert response.status_code == 200
    return {row.pk for row, _holder in response.context["rows"]}


# New


def test_a_new_one_asks_the_station(station, operator):
    response = operator.post(NEW, entered(), REMOTE_ADDR="192.0.2.7", follow=True)
    reservation, command = Reservation.objects.get(), Command.objects.get()
    assert (reservation.status, reservation.command_id, reservation.id_tag) == ("requested", command.pk, "CAFE0088")
    assert (command.action, command.created_by, command.remote_address) == (
        "ReserveNow",
        person("operator"),
        "192.0.2.7",
    )
    assert f"#{reservation.pk}: the charger was asked to keep the connector." in response.content.decode()


def test_in_the_sheet_the_life_of_the_command_is_shown(station, operator):
    page = operator.post(NEW, entered(), headers=IN_SHEET).content.decode()
    assert f'id="command-{Command.objects.get().pk}"' in page
    assert "<html" not in page


def test_any_connector_is_number_0(station, operator):
    operator.post(NEW, entered(connector=0))
    assert Reservation.objects.get().connector.connector_id == 0


def test_what_is_refused_at_once_is_said(station, operator):
    ChargePoint.objects.update(connection="")
    page = operator.post(NEW, entered(), follow=True).content.decode()
    assert "was refused: Not delivered." in page
    assert Reservation.objects.get().status == "refused"


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"id_tag": "NEW"}, "id_tag"),
        ({"id_tag": ""}, "id_tag"),
        ({"id_tag": "x" * 21}, "id_tag"),
        ({"minutes": -5}, "until"),
        ({"minutes": 600_000}, "until"),
        ({"until": "soon"}, "until"),
        ({"connector": 7}, "connector"),
        ({"connector": -1}, "connector"),
        ({"station": "nobody"}, "station"),
        ({"station": "\0"}, "station"),
        ({"station": ""}, "station"),
    ],
)
def test_what_makes_no_sense_is_said_beside_its_field(station, operator, said, field):
    response = operator.post(NEW, entered(**said))
    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert not Reservation.objects.exists()
    assert not Command.objects.exists()


def test_several_chargers_are_not_one(station, other, operator):
    response = operator.post(NEW, entered(station="CP"))
    assert "Several chargers match" in response.content.decode()
    assert not Reservation.objects.exists()


def test_a_connector_that_is_taken_is_said_in_the_form(station, operator, reserved):
    response = operator.post(NEW, entered())
    assert "connector" in response.context["form"].errors
    assert "reserved already" in response.content.decode()
    assert Reservation.objects.count() == 1


def test_an_archived_charger_is_not_offered_and_takes_none(station, operator):
    ChargePoint.objects.update(archived_at=timezone.now())
    assert 'value="CP1"' not in operator.get(NEW).content.decode()
    assert operator.post(NEW, entered()).status_code == 422
    assert not Reservation.objects.exists()


def test_a_link_fills_in_the_form(station, operator):
    form = operator.get(f"{NEW}?station=CP1&connector=2&id_tag=CAFE0088").context["form"]
    assert [form[name].value() for name in ("station", "connector", "id_tag")] == ["CP1", "2", "CAFE0088"]


# What speaks against it


def against(client, **said):
    response = client.get(f"{LIST}conflicts/", {"station": "CP1", "connector": 1, **said})
    assert response.status_code == 200
    return response.content.decode()


def test_what_speaks_against_it_is_said_before_it_is_sent(station, operator, reserved):
    words = against(operator)
    assert "Connector 1 is reserved until" in words
    assert "Connector 1 is reserved until" in operator.get(f"{NEW}?station=CP1&connector=1").content.decode()
    assert "Connector 1 is reserved until" in operator.post(NEW, entered(minutes=-5)).content.decode()
    Reservation.objects.update(status="used")
    assert not against(operator).strip()
    assert Command.objects.count() == 1


def test_states_and_sessions_speak_against_it(station, operator):
    connector = get_connector(station.pk, 1)
    connector.status = "Faulted"
    connector.save()
    assert "Connector 1: Faulted." in against(operator)
    ChargePoint.objects.update(connection="")
    assert "The charger is offline" in against(operator)
    ConfigurationKey.objects.create(charge_point=station, key="ReserveConnectorZeroSupported", value="false")
    assert "single connectors only" in against(operator, connector=0)
    for odd in ({"station": "nobody"}, {"connector": "x"}, {"station": "\0"}, {"connector": "9" * 30}):
        assert not against(operator, **odd).strip()


# Cancelling


def test_one_is_cancelled_in_the_list(operator, reserved):
    assert f'action="{cancel_url(reserved)}"' in operator.get(LIST).content.decode()
    page = operator.post(cancel_url(reserved), follow=True).content.decode()
    assert "the charger was asked to cancel it" in page
    assert Command.objects.get(action="CancelReservation").payload == {"reservationId": reserved.pk}


def test_one_that_has_not_been_sent_is_taken_back(station, operator):
    operator.post(NEW, entered())
    page = operator.post(cancel_url(Reservation.objects.get()), follow=True).content.decode()
    assert "was cancelled before the charger heard of it" in page
    assert Reservation.objects.get().status == "cancelled"


def test_what_is_over_has_no_button_and_is_not_cancelled(operator, reserved):
    Reservation.objects.update(status="used")
    assert "/cancel/" not in operator.get(LIST).content.decode()
    assert "This reservation is over." in operator.post(cancel_url(reserved), follow=True).content.decode()
    assert not Command.objects.filter(action="CancelReservation").exists()


# Who may


@pytest.mark.parametrize(("who", "code"), [("viewer", 403), ("holder", 403), ("anonymous", 302)])
def test_who_may_not_reserve_sees_no_way_and_is_refused(station, reserved, who, code):
    client = browser(who)
    assert client.get(NEW).status_code == code
    assert client.post(NEW, entered()).status_code == code
    assert client.get(f"{LIST}conflicts/").status_code == code
    assert client.post(cancel_url(reserved)).status_code == code
    assert (Reservation.objects.count(), Command.objects.count()) == (1, 1)
    if who == "viewer":
        page = client.get(LIST).content.decode()
        assert "/cancel/" not in page
        assert NEW not in page
    else:
        assert client.get(LIST).status_code == code


def test_an_operator_of_one_site_reserves_there_only(station, other, local):
    theirs = reserve(other)
    assert "There is no such charger." in local.post(NEW, entered(station="CP2")).content.decode()
    assert not against(local, station="CP2").strip()
    assert "CP2" not in local.get(NEW).content.decode()
    assert local.post(cancel_url(theirs)).status_code == 404
    assert shown(local) == set()
    assert local.post(NEW, entered()).status_code == 302
    assert shown(local) == {Reservation.objects.get(connector__charge_point=station).pk}


def test_buttons_need_a_token_and_a_post(station, reserved):
    client = browser("operator", enforce_csrf_checks=True)
    assert client.post(cancel_url(reserved)).status_code == 403
    assert client.post(NEW, entered()).status_code == 403
    assert browser("operator").get(cancel_url(reserved)).status_code == 405
    assert (Reservation.objects.count(), Command.objects.count()) == (1, 1)


# The list


def test_a_name_may_mean_any_number_of_tags(station, operator):
    mine = reserve(station)
    IdTag.objects.all().delete()
    IdTag.objects.bulk_create(IdTag(id_tag=f"FLEET{number}", holder="Fleet") for number in range(600))
    IdTag.objects.create(id_tag="CAFE0088", holder="Fleet")
    assert shown(operator, "person=fleet") == {mine.pk}


def test_reservations_are_found(station, other, operator):
    mine, theirs = reserve(station), reserve(other, status="used")
    Reservation.objects.filter(pk=theirs.pk).update(
        created_at=timezone.now() - timedelta(days=10), expires_at=timezone.now() - timedelta(days=9)
    )
    everything, today = {mine.pk, theirs.pk}, timezone.localdate()
    expected = {
        "": everything,
        "station=CP1": {mine.pk},
        f"site={other.site_id}": {theirs.pk},
        "state=open": {mine.pk},
        "state=used": {theirs.pk},
        "state=nonsense": set(),
        "person=anna": everything,
        "person=bert": set(),
        "person=cafe0088": everything,
        "person=cafe": set(),
        f"since={today - timedelta(days=5)}": {mine.pk},
        f"until={today - timedelta(days=5)}": {theirs.pk},
        "person=%00": set(),
        "sort=until": everything,
        "sort=-until": everything,
    }
    assert {query: shown(operator, query) for query in expected} == expected


@pytest.mark.parametrize(("who", "number"), [("viewer", "CAFE…88"), ("operator", "CAFE0088")])
def test_numbers_of_tags_are_for_those_who_keep_tags(reserved, who, number):
    page = browser(who).get(LIST).content.decode()
    assert number in page
    assert "Anna" in page


def test_the_days_to_come_are_drawn_with_words(station, other, operator):
    reserve(station, hours=1 / 60)
    reserve(other, hours=24 * 30)
    page = operator.get(LIST).content.decode()
    assert "The next seven days" in page
    assert "connector 1 · <bdi>Anna</bdi> · until" in page
    assert '<td colspan="1">' in page or '<td colspan="2">' in page  # a minute before midnight it reaches tomorrow
    assert '<td colspan="7">' in page
    strip = operator.get(f"{LIST}?station=CP2").context["strip"]
    assert [(row, [bar.days for bar in bars]) for row, bars in strip.rows] == [(other, [7])]
    assert "The next seven days" not in operator.get(f"{LIST}?state=used").content.decode()


@pytest.mark.parametrize(("zone", "year"), [("Europe/Berlin", 9999), ("America/New_York", 1)])
def test_an_end_that_the_page_s_zone_does_not_have(operator, reserved, settings, zone, year):
    settings.TIME_ZONE = zone
    end = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC) if year == 9999 else datetime(1, 1, 1, tzinfo=UTC)
    Reservation.objects.update(expires_at=end)
    assert f"{end:%H:%M} UTC" in operator.get(LIST).content.decode()


def test_hostile_names_are_shown_as_text(station, operator, reserved):
    ChargePoint.objects.update(name=HOSTILE)
    IdTag.objects.update(holder=f"{HOSTILE}\u202e")
    Reservation.objects.update(status="refused", answer=HOSTILE)
    for url in (LIST, NEW, f"{LIST}?station=%3Csvg"):
        assert HOSTILE not in operator.get(url).content.decode()


def test_the_list_comes_alone_and_is_live(operator, reserved):
    for target in ("list", "reservations"):
        part = operator.get(LIST, headers={"HX-Request": "true", "HX-Target": target}).content.decode()
        assert part.strip().startswith('<section id="reservations" data-on="commands transactions"')


def test_many_reservations_cost_no_more_queries(station, other, operator):
    def queries():
        with CaptureQueriesContext(connection) as queries:
            assert operator.get(LIST).status_code == 200
        return len(queries)

    reserve(station)
    reserve(other)
    queries()
    few = queries()
    for number in range(2, 40):
        reserve((station, other)[number % 2], number)
    assert queries() == few <= 18
