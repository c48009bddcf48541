"""Reservations in the admin: records, with a way to where they are made and cancelled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
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
def operator():
    User.objects.create_superuser("root")
    return browser("operator")


@pytest.fixture
def reserved(operator):
    IdTag.objects.create(id_tag="CAFE")
    gateway = GatewayProcess.objects.create(channel="c", host="h", pid=1)
    connector = get_connector(make_station(gateway=gateway, connection="1").pk, 1)
    reservation = reservations.reserve(connector, "CAFE", timezone.now() + timedelta(hours=1))
    Reservation.objects.update(status="active")
    return reservation


def test_a_record_leads_to_where_it_is_cancelled(operator, reserved):
    assert 'href="/reservations/"' in operator.get(f"{LIST}{reserved.pk}/change/").content.decode()


def test_nobody_adds_edits_or_deletes_one(operator, reserved):
    assert operator.get(f"{LIST}add/").status_code == 403
    assert operator.post(f"{LIST}{reserved.pk}/change/", {"status": "expired"}).status_code == 403
    assert operator.post(f"{LIST}{reserved.pk}/delete/", {"post": "yes"}).status_code == 403
    reserved.refresh_from_db()
    assert (reserved.status, Command.objects.count()) == ("active", 1)


@pytest.mark.parametrize(("zone", "year"), [("Europe/Berlin", 9999), ("America/New_York", 1)])
def test_an_end_that_the_page_s_zone_does_not_have(operator, reserved, settings, zone, year):
    settings.TIME_ZONE = zone
    end = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC) if year == 9999 else datetime(1, 1, 1, tzinfo=UTC)
    Reservation.objects.update(expires_at=end)
    for url in (LIST, f"{LIST}{reserved.pk}/change/"):
        response = operator.get(url)
        assert response.status_code == 200
        assert f"{end:%H:%M:%S} UTC" in response.content.decode()
