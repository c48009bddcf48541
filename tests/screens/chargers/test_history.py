"""Who changed what, and what else happened to a charger."""

from __future__ import annotations

from datetime import timedelta

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from api.keys import create_key
from api.models import Scope
from people.models import Membership
from stations import credentials, presence
from stations.models import ChargePoint, GatewayProcess
from transactions.models import IdTag

from ...people import browser, person
from .pages import words_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def connector(house):
    return house.charger("BAY-1", name="Bay 01")


@pytest.fixture
def station(connector):
    LogEntry.objects.all().delete()
    return connector.charge_point


def log_of(station):
    return LogEntry.objects.get_for_object(station).get()


def history(station, query=""):
    return words_of(browser("viewer").get(f"/chargers/{station.pk}/?tab=history&{query}"))


def test_a_change_says_who_and_what(station):
    data = {"name": "Left", "site": station.site_id, "minimum_security_profile": 0, "recipe_mode": ""}
    browser("operator").post(f"/chargers/{station.pk}/edit/", data)
    page = history(station)
    assert "Changed by operator" in page
    assert "Name: Bay 01 → Left" in page
    entry = log_of(station)
    assert (entry.actor.username, entry.remote_addr) == ("operator", "127.0.0.1")


def test_a_forged_address_is_not_believed(station):
    browser("operator").post(f"/chargers/{station.pk}/archive/", headers={"X-Forwarded-For": "not an address"})
    assert log_of(station).remote_addr == "127.0.0.1"
    assert "Archive: archived" in history(station)


def test_approval_is_part_of_it(station):
    browser("operator").post(f"/chargers/{station.pk}/reject/")
    assert "Registration: Accepted → Rejected" in history(station)


def test_a_new_password_is_named_and_nothing_of_it_kept(station):
    password = credentials.generate_key(station)
    stored = ChargePoint.objects.get().credential_hash
    assert "Password: changed" in history(station)
    for entry in LogEntry.objects.all():
        assert stored not in str(entry.changes)
        assert stored.split("$")[-1][-20:] not in str(entry.changes)
        assert password not in str(entry.changes)


def test_what_stations_do_is_no_change_of_people(station):
    ChargePoint.objects.get().save()
    gateway = GatewayProcess.objects.create(channel="c", host="h", pid=2)
    line = presence.Line(
        gateway_id=gateway.pk, connection="1", protocol="ocpp1.6", remote_address="192.168.1.57",
        subprotocol_missing=False, security_profile=1,
    )  # fmt: skip
    presence.connect(station.pk, line, at=timezone.now())
    presence.disconnect(station.pk, "1", at=timezone.now())
    assert not LogEntry.objects.exists()
    station.refresh_from_db()
    assert (station.security_profile, station.minimum_security_profile) == (1, 1)


def test_a_connection_reads_the_charger_once_and_writes_it_once(station):
    gateway = GatewayProcess.objects.create(channel="c", host="h", pid=2)
    line = presence.Line(
        gateway_id=gateway.pk, connection="1", protocol="ocpp1.6", remote_address="192.168.1.57",
        subprotocol_missing=False, security_profile=0,
    )  # fmt: skip
    with CaptureQueriesContext(connection) as queries:
        presence.connect(station.pk, line, at=timezone.now())
    # of SQLite's executemany the log says how often first
    said = [query["sql"].removeprefix("1 times: ").split()[0] for query in queries]
    assert said == ["SELECT", "UPDATE"]


def test_security_states_and_firmware_are_merged_by_time(station, connector):
    now = timezone.now()
    station.security_events.create(type="TamperDetectionActivated", tech_info="lid", occurred_at=now, received_at=now)
    station.progress_reports.create(kind="firmware", status="Downloaded", received_at=now - timedelta(minutes=1))
    at = now - timedelta(minutes=2)
    connector.status_records.create(status="Faulted", error_code="GroundFailure", reported_at=at, received_at=at)
    page = history(station)
    positions = [page.index(word) for word in ("TamperDetectionActivated", "Downloaded", "Connector 1: Faulted")]
    assert positions == sorted(positions)
    assert "Error: GroundFailure" in page
    assert "Downloaded" not in history(station, "what=states")
    assert "Faulted" in history(station, "what=states")
    assert "Faulted" in history(station, "what=nonsense")


def test_another_chargers_history_is_its_own(house, station):
    other = house.charger("OTHER").charge_point
    other.name = "Elsewhere"
    other.save(update_fields=["name"])
    assert "Elsewhere" not in history(station)


# What is followed beside chargers


def test_a_program_is_named_by_its_keys_owner():
    _key, secret = create_key("Billing", user=person("administrator"), scope=Scope.ADMIN)
    client = Client(headers={"authorization": f"Token {secret}"})
    response = client.post("/api/v1/id-tags/", {"id_tag": "CAFE", "holder": "Anna"}, content_type="application/json")
    assert response.status_code == 201
    entry = LogEntry.objects.get_for_object(IdTag.objects.get()).get()
    assert (entry.actor.username, entry.action) == ("administrator", LogEntry.Action.CREATE)


def test_tags_and_people_are_followed_without_secrets():
    tag = IdTag.objects.create(id_tag="CAFE", holder="Anna")
    tag.blocked = True
    tag.save()
    assert LogEntry.objects.get_for_object(tag).first().changes == {"blocked": ["False", "True"]}
    user = person("operator")
    LogEntry.objects.all().delete()
    user.set_password("another horse battery staple")
    user.save()
    [entry] = LogEntry.objects.get_for_object(user)
    assert entry.changes == {"password": ["•••", "•••"]}
    user.groups.add(Group.objects.get(name="Viewers"))
    assert "Viewers" in str(LogEntry.objects.get_for_object(user).latest().changes)


def test_roles_at_sites_are_followed(house):
    membership = Membership.objects.create(user=person("viewer"), site=house.site, role="Operators")
    assert "Operators" in str(LogEntry.objects.get_for_object(membership).get().changes)


def test_a_login_is_no_change(house):
    person("viewer")
    LogEntry.objects.all().delete()
    browser("viewer").get("/chargers/")
    assert not LogEntry.objects.exists()


def test_the_log_is_read_by_administrators(station):
    browser("operator").post(f"/chargers/{station.pk}/archive/")
    url = f"/admin/auditlog/logentry/{log_of(station).pk}/change/"
    page = browser("administrator").get(url)
    assert page.status_code == 200
    assert "archived_at" in page.content.decode()
    assert browser("operator").get(url).status_code == 403
    assert browser("administrator").post(url, {"object_repr": "forged"}).status_code == 403
