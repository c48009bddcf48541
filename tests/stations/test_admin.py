"""Chargers in the admin."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from stations import credentials
from stations.models import ChargePoint, ConnectionAttempt, GatewayProcess, Message, Site
from tests.admin_cast import make_everything
from tests.people import browser
from tests.screens.old_page import sent_by

pytestmark = pytest.mark.django_db
LIST = "/admin/stations/chargepoint/"


@pytest.fixture
def rows():
    User.objects.create_superuser("root")
    return make_everything()


@pytest.fixture
def station(rows):
    return rows["stations.chargepoint"]


@pytest.fixture
def operator(rows):
    return browser("operator")


def act(client, action, *stations, url=LIST):
    return client.post(url, {"action": action, "_selected_action": [station.pk for station in stations]}, follow=True)


def fields(station, **changed):
    own = {name: getattr(station, name) for name in ("identity", "name", "notes", "minimum_security_profile")}
    return {**own, "site": station.site_id or "", **changed, **INLINES}


INLINES = {
    f"{prefix}-{name}": 0
    for prefix in ("connectors", "configuration_keys")
    for name in ("TOTAL_FORMS", "INITIAL_FORMS")
}


# Queries


def list_costs(client):
    """Queries per list of ours."""
    costs = {}
    for model in admin.site._registry:
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url).status_code == 200
        costs[url] = len(queries)
    return costs


def test_every_list_costs_the_same_with_10_and_with_100_rows(rows):
    client = browser("administrator")
    for number in range(2, 11):
        make_everything(number)
    list_costs(client)
    few = list_costs(client)
    for number in range(11, 101):
        make_everything(number)
    assert list_costs(client) == few
    assert max(few.values()) <= 14


def test_an_archived_charger_is_hidden_and_comes_back(station, operator):
    act(operator, "archive", station)
    assert station.identity not in operator.get(LIST).content.decode()
    assert station.identity in operator.get(f"{LIST}?archived=yes").content.decode()
    act(operator, "restore", station, url=f"{LIST}?archived=yes")
    assert station.identity in operator.get(LIST).content.decode()


def test_nobody_deletes_a_charger(station):
    root = User.objects.get(username="root")
    client = browser("administrator")
    client.force_login(root, backend="django.contrib.auth.backends.ModelBackend")
    assert client.post(f"{LIST}{station.pk}/delete/", {"post": "yes"}).status_code == 403
    act(client, "delete_selected", station)
    assert ChargePoint.objects.filter(pk=station.pk).exists()


# The form


def test_saving_leaves_what_the_gateway_writes_alone(station, operator, monkeypatch):
    later = timezone.now() + timedelta(hours=1)
    original = ChargePoint.save

    def meanwhile(self, *args, **kwargs):
        ChargePoint.objects.filter(pk=station.pk).update(last_seen_at=later, connection="new")
        return original(self, *args, **kwargs)

    monkeypatch.setattr(ChargePoint, "save", meanwhile)
    operator.post(f"{LIST}{station.pk}/change/", fields(station, name="Bay 3"))
    station.refresh_from_db()
    assert (station.name, station.connection, station.last_seen_at) == ("Bay 3", "new", later)


def test_the_minimum_security_profile_is_lowered(station, operator):
    ChargePoint.objects.update(minimum_security_profile=2)
    assert "lower it to let the charger come back" in operator.get(f"{LIST}{station.pk}/change/").content.decode()
    operator.post(f"{LIST}{station.pk}/change/", fields(station, minimum_security_profile=1))
    station.refresh_from_db()
    assert station.minimum_security_profile == 1


def test_a_password_is_nobodys_to_read(station, operator):
    credentials.generate_key(station)
    page = operator.get(f"{LIST}{station.pk}/change/").content.decode()
    assert station.credential_hash not in page
    assert 'type="password"' not in page


def test_the_way_to_the_chargers_page_is_shown(station, operator):
    assert f'href="/chargers/{station.pk}/"' in operator.get(f"{LIST}{station.pk}/change/").content.decode()


def test_a_charger_is_added_before_it_calls(operator):
    operator.post(f"{LIST}add/", {"identity": " garage-1 ", "name": "", "site": "", "notes": ""})
    assert ChargePoint.objects.get(identity="garage-1").registration_status == "Pending"


@pytest.mark.parametrize("identity", ["cp-1", "a\tb", ""])
def test_an_unusable_identity_is_refused(station, operator, identity):
    response = operator.post(f"{LIST}add/", {"identity": identity})
    assert response.status_code == 200
    assert ChargePoint.objects.count() == 1


# Lists


def test_online_and_offline_add_up(station, operator):
    dead = GatewayProcess.objects.create(channel="dead", host="h", pid=2, beat_at=timezone.now() - timedelta(hours=1))
    ChargePoint.objects.create(identity="LOST", gateway=dead, connection="2")
    ChargePoint.objects.create(identity="NEVER")

    def shown(query):
        return {row.identity for row in operator.get(f"{LIST}?{query}").context["cl"].queryset}

    assert shown("online=yes") == {station.identity}
    assert shown("online=no") == {"LOST", "NEVER"}


@pytest.mark.parametrize("query", ["security_profile=0", "registration_status__exact=Pending", "q=abb", "q=garage"])
def test_chargers_are_found(station, operator, query):
    assert station.identity in operator.get(f"{LIST}?{query}").content.decode()


def test_no_list_offers_a_filter_with_a_link_per_charger():
    for model, model_admin in admin.site._registry.items():
        if model._meta.app_label == "auth":
            continue
        names = [entry for entry in model_admin.list_filter if isinstance(entry, str)]
        assert not [name for name in names if model._meta.get_field(name).is_relation], model


def test_all_links_on_a_charger_open(station, operator):
    from stations.admin.charge_point import ChargePointAdmin

    for model, query, _label in ChargePointAdmin.related_lists(None, station):
        response = operator.get(f"/admin/{model.replace('.', '/')}/?{query}")
        assert response.status_code == 200, model


def test_a_message_is_shown_as_text_whatever_it_holds(station, operator):
    text = '[2,"1","BootNotification",{"chargePointVendor":"<script>alert(1)</script>"}]'
    message = Message.objects.create(charge_point=station, at=timezone.now(), direction="in", kind=2, text=text)
    page = operator.get(f"/admin/stations/message/{message.pk}/change/").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_messages_of_a_forgotten_charger_are_still_listed(operator):
    Message.objects.create(charge_point_id=999_999, at=timezone.now(), direction="in", kind=0, text="?")
    assert operator.get("/admin/stations/message/").status_code == 200


def test_every_reason_of_a_refused_handshake_has_a_remedy():
    from stations.attempts import FIXES

    assert {*FIXES} == {*ConnectionAttempt.Reason}


def test_a_site_with_chargers_is_not_deleted(rows, station):
    client = browser("administrator")
    client.post(f"/admin/stations/site/{station.site_id}/delete/", {"post": "yes"})
    assert Site.objects.filter(pk=station.site_id).exists()


# Who hears of it


def test_open_pages_hear_of_a_charger_and_of_its_site(station, operator, monkeypatch):
    told: list[str] = []
    monkeypatch.setattr("stations.changes.note", lambda *topics: told.extend(topics))
    assert operator.post(f"{LIST}{station.pk}/change/", fields(station, name="Bay 7")).status_code == 302
    assert told == [f"station:{station.pk}"]
    told.clear()
    site = Site.objects.create(name="Yard")
    ChargePoint.objects.update(site=site)
    assert operator.post(f"/admin/stations/site/{site.pk}/change/", {"name": "Court"}).status_code == 302
    assert told == [f"station:{station.pk}"]


def test_an_old_page_takes_back_nothing_that_somebody_else_has_entered(station, operator):
    url, site = f"{LIST}{station.pk}/change/", Site.objects.create(name="Yard", holders_may_start=True)
    old_page = sent_by(operator.get(url), "identity")
    ChargePoint.objects.update(minimum_security_profile=2, site=site)
    assert operator.post(url, {**old_page, "name": "Bay 7"}).status_code == 302
    station.refresh_from_db()
    assert (station.name, station.minimum_security_profile, station.site) == ("Bay 7", 2, site)
    old_page = sent_by(operator.get(f"/admin/stations/site/{site.pk}/change/"), "address")
    Site.objects.update(holders_may_start=False)
    operator.post(f"/admin/stations/site/{site.pk}/change/", {**old_page, "name": "Court"})
    site.refresh_from_db()
    assert (site.name, site.holders_may_start) == ("Court", False)
