"""Local lists in the admin: switched on and off, published by a POST, read-only otherwise."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from stations.models import Command, GatewayProcess
from tests.conftest import make_station
from tests.people import browser
from transactions.models import LocalList

pytestmark = pytest.mark.django_db
LISTS = "/admin/transactions/locallist/"


@pytest.fixture
def station():
    User.objects.create_superuser("root")
    gateway = GatewayProcess.objects.create(channel="c", host="h", pid=1)
    return make_station(gateway=gateway, connection="1")


@pytest.fixture
def operator(station):
    return browser("operator")


@pytest.fixture
def local_list(station):
    return LocalList.objects.create(charge_point=station, state="up_to_date", revision=0, version=3, last_version=3)


def button(name, row):
    return reverse(f"admin:transactions_locallist_{name}", args=[row.pk])


def test_adding_a_charger_switches_its_list_on(station, operator):
    operator.post(f"{LISTS}add/", {"charge_point": station.pk}, follow=True)
    row, command = LocalList.objects.get(), Command.objects.get()
    assert (row.state, row.command_id) == ("pending", command.pk)
    assert (command.action, command.source, command.actor) == ("GetLocalListVersion", "admin", "operator")


@pytest.mark.parametrize(
    ("name", "state", "then", "action"),
    [
        ("publish", "up_to_date", "pending", "GetLocalListVersion"),
        ("publish", "refused", "pending", "GetLocalListVersion"),
        ("switch_off", "up_to_date", "off", "SendLocalList"),
        ("switch_on", "off", "pending", "GetLocalListVersion"),
    ],
)
def test_a_button_of_the_page(operator, local_list, name, state, then, action):
    LocalList.objects.update(state=state)
    assert button(name, local_list) in operator.get(f"{LISTS}{local_list.pk}/change/").content.decode()
    assert "1 local list changed." in operator.post(button(name, local_list), follow=True).content.decode()
    local_list.refresh_from_db()
    assert local_list.state == then
    assert Command.objects.get().action == action


@pytest.mark.parametrize(
    ("name", "before", "state", "revision"),
    [
        ("publish", "up_to_date", "pending", 0),
        ("publish", "off", "off", 0),
        ("publish_in_full", "refused", "pending", None),
        ("switch_off", "up_to_date", "off", None),
        ("switch_on", "off", "pending", None),
        ("switch_on", "up_to_date", "up_to_date", 0),
    ],
)
def test_an_action_of_the_list(operator, local_list, name, before, state, revision):
    LocalList.objects.update(state=before)
    operator.post(LISTS, {"action": name, "_selected_action": [local_list.pk]}, follow=True)
    local_list.refresh_from_db()
    assert (local_list.state, local_list.revision) == (state, revision)


def test_one_that_is_off_is_not_published(operator, local_list):
    LocalList.objects.update(state="off")
    response = operator.post(button("publish", local_list), follow=True)
    assert "is switched off." in response.content.decode()
    assert not Command.objects.exists()


def test_every_charger_at_once(station, operator):
    assert "Switch on for every charger" in operator.get(LISTS).content.decode()
    response = operator.post(reverse("admin:transactions_locallist_switch_on_all"), follow=True)
    assert "1 local list is published within the next minutes." in response.content.decode()
    assert LocalList.objects.get().state == "pending"


def test_the_page_says_why(operator, local_list):
    LocalList.objects.update(reason="too_many", detail="7", left_out=7)
    assert "Not all tags fit (LocalAuthListMaxLength): 7 are left out." in operator.get(LISTS).content.decode()


@pytest.mark.parametrize("name", ["publish", "switch_on", "switch_off", "switch_on_all"])
def test_a_viewer_presses_nothing_and_neither_does_a_get(local_list, name):
    url = reverse(f"admin:transactions_locallist_{name}", args=[] if name == "switch_on_all" else [local_list.pk])
    assert browser("viewer").post(url).status_code == 403
    assert browser("operator").get(url).status_code == 405
    assert browser("operator", enforce_csrf_checks=True).post(url).status_code == 403
    for page in (LISTS, f"{LISTS}{local_list.pk}/change/"):
        assert url not in browser("viewer").get(page).content.decode()
    assert not Command.objects.exists()
