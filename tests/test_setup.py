"""First run: from the link in the terminal to the first administrator."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import RequestFactory

from plugcontrol.addresses import charger_address
from plugcontrol.setup import create_first_administrator, needs_setup, setup_token
from stations.models import Site

pytestmark = pytest.mark.django_db
FORM = {
    "username": "anna",
    "password1": "correct horse battery",
    "password2": "correct horse battery",
    "site_name": "Garage",
    "language": "de",
    "time_zone": "Europe/Berlin",
}


@pytest.mark.parametrize("path", ["/", "/admin/login/"])
def test_without_users_every_way_leads_to_the_setup_page(client, path):
    assert client.get(path, follow=True).redirect_chain[-1][0] == "/setup/"
    page = client.get("/setup/")
    assert page.status_code == 403
    assert b"terminal" in page.content


def test_the_admin_itself_leads_to_the_setup_page_too(client):
    assert client.get("/admin/", follow=True).redirect_chain[-1][0] == "/setup/"


def test_the_first_administrator_is_made_and_logged_in(client):
    url = f"/setup/?token={setup_token()}"
    assert client.get(url).status_code == 200
    response = client.post(url, FORM)
    assert response.url == "/welcome/"
    user = User.objects.get()
    assert (user.username, user.is_superuser, user.is_staff) == ("anna", True, True)
    assert [group.name for group in user.groups.all()] == ["Administrators"]
    assert client.get("/admin/").status_code == 200
    assert (user.preferences.language, user.preferences.time_zone) == ("de", "Europe/Berlin")
    assert Site.objects.get().name == "Garage"


def test_a_time_zone_that_does_not_exist_is_refused_beside_the_field(client):
    page = client.post(f"/setup/?token={setup_token()}", {**FORM, "time_zone": "Europe/Nowhere"})
    assert "There is no time zone of this name." in page.content.decode()
    assert "Garage" in page.content.decode()
    assert not User.objects.exists()


@pytest.mark.parametrize("token", ["", "x", "a:b:c", "%00"])
def test_a_wrong_token_makes_nobody(client, token):
    assert client.post(f"/setup/?token={token}", FORM).status_code == 403
    assert needs_setup()


def test_a_token_is_good_for_a_week(client, monkeypatch):
    token = setup_token()
    monkeypatch.setattr("plugcontrol.setup.MAX_AGE_S", -1)
    assert client.get(f"/setup/?token={token}").status_code == 403


def test_once_there_is_a_user_the_link_is_worthless(client):
    url = f"/setup/?token={setup_token()}"
    create_first_administrator("anna", "correct horse battery")
    assert client.get(url).url == "/login/"
    assert client.post(url, {**FORM, "username": "eve"}).url == "/login/"
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"password2": "something else"},
        {"password1": "short", "password2": "short"},
        {"password1": "123456789012", "password2": "123456789012"},
        {"username": ""},
        {"username": "no spaces"},
    ],
)
def test_a_bad_name_or_password_is_explained(client, wrong):
    response = client.post(f"/setup/?token={setup_token()}", {**FORM, **wrong})
    assert response.status_code == 200
    assert b"errorlist" in response.content
    assert needs_setup()


def test_post_without_a_csrf_token_is_refused():
    from django.test import Client

    response = Client(enforce_csrf_checks=True).post(f"/setup/?token={setup_token()}", FORM)
    assert response.status_code == 403
    assert needs_setup()


@pytest.mark.parametrize(
    ("username", "password"), [("anna", "short"), ("", "correct horse battery"), ("a b", "x" * 20)]
)
def test_unattended_the_same_rules_hold(username, password):
    with pytest.raises(ValidationError):
        create_first_administrator(username, password)
    assert needs_setup()


def test_there_is_only_one_first_administrator():
    create_first_administrator("anna", "correct horse battery")
    with pytest.raises(ValidationError):
        create_first_administrator("eve", "correct horse battery")


@pytest.mark.parametrize(
    ("public_url", "host", "address"),
    [
        ("https://charge.example.org", "localhost:8000", "wss://charge.example.org/ocpp/"),
        ("http://10.0.0.5:8080", "localhost", "ws://10.0.0.5:8080/ocpp/"),
        ("", "192.168.1.20:8000", "ws://192.168.1.20:8000/ocpp/"),
        ("", "localhost:8000", "ws://192.168.1.9:8000/ocpp/"),
        ("", "127.0.0.1:8000", "ws://192.168.1.9:8000/ocpp/"),
        ("", "[::1]:8000", "ws://192.168.1.9:8000/ocpp/"),
        ("", "127.0.0.1", "ws://192.168.1.9/ocpp/"),
    ],
)
def test_the_charger_address_is_never_localhost(settings, monkeypatch, public_url, host, address):
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = public_url, ["*"]
    monkeypatch.setattr("plugcontrol.addresses.lan_addresses", lambda: ["192.168.1.9"])
    assert charger_address(RequestFactory(headers={"host": host}).get("/")) == address


@pytest.mark.parametrize("path", ["/", "/setup/", "/admin/login/", "/nowhere/"])
def test_pages_carry_a_strict_policy(client, path):
    policy = client.get(path)["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
