"""Reservations in the admin: made and cancelled by asking the station, read-only otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from stations.connectors import get_connector
from stations.models import Command, GatewayProcess
from tests.conftest import make_station
from tests.people import browser
from transactions import reservations
from transactions.models import IdTag, Reservation

pytestmark = pytest.mark.django_db
LIST = "/admin/transactions/reservation/"


@pytest.fixture
def station():
    User.objects.create_superuser("root")
    IdTag.objects.create(id_tag="CAFE")
    gateway = GatewayProcess.objects.create(channel="c", host="h", pid=1)
    return make_station(gateway=gateway, connection="1")


@pytest.fixture
def operator(station):
    return browser("operator")


def form(connector, minutes=60, **said):
    until = timezone.localtime(timezone.now() + timedelta(minutes=minutes))
    end = {"expires_at_0": f"{until:%Y-%m-%d}", "expires_at_1": f"{until:%H:%M:%S}"}
    return {"connector": connector.pk, "id_tag": "CAFE", **end, **said}


@pytest.fixture
def reserved(station):
    connector = get_connector(station.pk, 1)
    reservation = reservations.reserve(connector, "CAFE", timezone.now() + timedelta(hours=1))
    Command.objects.update(status="accepted")
    Reservation.objects.update(status="active")
    return reservation


def test_adding_one_asks_the_station(station, operator):
    response = operator.post(f"{LIST}add/", form(get_connector(station.pk, 1)), follow=True)
    assert response.status_code == 200
    reservation, command = Reservation.objects.get(), Command.objects.get()
    assert (reservation.status, reservation.command_id) == ("requested", command.pk)
    assert (command.action, command.source, command.actor) == ("ReserveNow", "admin", "operator")
    assert command.remote_address == "127.0.0.1"


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"id_tag": "NEW"}, "id_tag"),
        ({"minutes": -5}, "expires_at"),
        ({"minutes": 600_000}, "expires_at"),
        ({"id_tag": ""}, "id_tag"),
    ],
)
def test_what_makes_no_sense_is_said_in_the_form(station, operator, said, field):
    response = operator.post(f"{LIST}add/", form(get_connector(station.pk, 1), **said))
    assert response.status_code == 200
    assert [*response.context["errors"].data] != []
    assert field in response.context["adminform"].form.errors
    assert not Reservation.objects.exists()
    assert not Command.objects.exists()


def test_a_connector_that_is_taken_is_said_in_the_form(station, operator, reserved):
    response = operator.post(f"{LIST}add/", form(reserved.connector))
    assert "reserved already" in response.content.decode()
    assert Reservation.objects.count() == 1


def test_a_station_archived_meanwhile_is_said_on_the_list(station, operator):
    station.archived_at = timezone.now()
    station.save()
    response = operator.post(f"{LIST}add/", form(get_connector(station.pk, 1)), follow=True)
    assert "is archived" in response.content.decode()
    assert not Reservation.objects.exists()


def test_one_is_cancelled_on_its_page(operator, reserved):
    page = operator.get(f"{LIST}{reserved.pk}/change/").content.decode()
    url = reverse("admin:transactions_reservation_cancel", args=[reserved.pk])
    assert f'action="{url}"' in page
    assert "the charger was asked" in operator.post(url, follow=True).content.decode()
    assert Command.objects.get(action="CancelReservation").payload == {"reservationId": reserved.pk}


def test_several_are_cancelled_in_the_list(operator, reserved):
    operator.post(LIST, {"action": "cancel", "_selected_action": [reserved.pk]}, follow=True)
    assert Command.objects.filter(action="CancelReservation", actor="operator").count() == 1


def test_what_is_over_has_no_button_and_is_not_cancelled(operator, reserved):
    Reservation.objects.update(status="used")
    page = operator.get(f"{LIST}{reserved.pk}/change/").content.decode()
    assert "/cancel/" not in page
    response = operator.post(reverse("admin:transactions_reservation_cancel", args=[reserved.pk]), follow=True)
    assert "This reservation is over." in response.content.decode()
    assert not Command.objects.filter(action="CancelReservation").exists()


@pytest.mark.parametrize(("zone", "year"), [("Europe/Berlin", 9999), ("America/New_York", 1)])
def test_an_end_that_the_page_s_zone_does_not_have(operator, reserved, settings, zone, year):
    settings.TIME_ZONE = zone
    end = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC) if year == 9999 else datetime(1, 1, 1, tzinfo=UTC)
    Reservation.objects.update(expires_at=end)
    for url in (LIST, f"{LIST}{reserved.pk}/change/"):
        response = operator.get(url)
        assert response.status_code == 200
        assert f"{end:%H:%M:%S} UTC" in response.content.decode()


def test_nobody_edits_one(operator, reserved):
    response = operator.post(f"{LIST}{reserved.pk}/change/", {"status": "expired"})
    assert response.status_code == 403
    reserved.refresh_from_db()
    assert reserved.status == "active"


def test_a_viewer_neither_reserves_nor_cancels(station, reserved):
    viewer = browser("viewer")
    assert viewer.post(f"{LIST}add/", form(get_connector(station.pk, 2))).status_code == 403
    assert viewer.post(reverse("admin:transactions_reservation_cancel", args=[reserved.pk])).status_code == 403
    assert "/cancel/" not in viewer.get(f"{LIST}{reserved.pk}/change/").content.decode()
    assert 'value="cancel"' not in viewer.get(LIST).content.decode()
    assert Command.objects.count() == 1


def test_the_button_needs_a_token_and_a_post(reserved):
    url = reverse("admin:transactions_reservation_cancel", args=[reserved.pk])
    assert browser("operator", enforce_csrf_checks=True).post(url).status_code == 403
    assert browser("operator").get(url).status_code == 405
    assert not Command.objects.filter(action="CancelReservation").exists()
