"""Settings and About: what they say, to whom, and that they keep secrets."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from django.db import InterfaceError, OperationalError

from plugcontrol import VERSION
from stations.models import Command, Site

from ...conftest import make_station
from ...people import browser_of, person, person_at
from ..old_page import sent_by

pytestmark = pytest.mark.django_db


def test_settings_show_sites_and_what_the_environment_says(settings):
    settings.PUBLIC_URL = "https://charge.example.org"
    Site.objects.create(name="Garage", holders_may_start=True)
    page = browser_of(person("operator")).get("/settings/", secure=True).content.decode()
    assert "Garage" in page
    assert "https://charge.example.org" in page
    assert "UNKNOWN_CHARGE_POINTS" in page


def test_about_counts_the_commands_of_the_reader_s_sites():
    own, other = Site.objects.create(name="Own"), Site.objects.create(name="Other")
    for number, site in enumerate((own, other, None)):
        Command.objects.create(charge_point=make_station(f"CP{number}", site=site), action="Reset", payload={})
    for reader, count in ((person("operator"), 3), (person_at("viewer", own), 1)):
        assert browser_of(reader).get("/about/").context["waiting_commands"] == count


def test_settings_hold_no_secret(settings):
    settings.REDIS_URL = "redis://:s3cret@redis/0"
    page = browser_of(person("administrator")).get("/settings/").content.decode()
    assert "s3cret" not in page
    assert settings.SECRET_KEY not in page


def test_a_site_is_added_and_changed():
    anna = browser_of(person("operator"))
    assert anna.post("/settings/sites/add/", {"name": "Garage"}).url == "/settings/"
    site = Site.objects.get(name="Garage")
    anna.post(f"/settings/sites/{site.pk}/", {"name": "Garage North", "holders_may_start": "on"})
    site.refresh_from_db()
    assert (site.name, site.holders_may_start) == ("Garage North", True)


def test_an_old_page_of_a_site_does_not_open_it_to_holders_again():
    site, operator = Site.objects.create(name="Garage", holders_may_start=True), browser_of(person("operator"))
    old_page = sent_by(operator.get(f"/settings/sites/{site.pk}/"), "holders_may_start")
    Site.objects.update(holders_may_start=False)
    operator.post(f"/settings/sites/{site.pk}/", {**old_page, "address": "Street 1"})
    site.refresh_from_db()
    assert (site.address, site.holders_may_start) == ("Street 1", False)


def test_open_pages_hear_of_a_site_that_is_changed(monkeypatch):
    operator, told = browser_of(person("operator")), []
    site = Site.objects.create(name="Garage")
    station = make_station("BAY", site=site)
    monkeypatch.setattr("stations.changes.note", lambda *topics: told.extend(topics))
    operator.post(f"/settings/sites/{site.pk}/", {"name": "Yard", "holders_may_start": "on"})
    assert told == [f"station:{station.pk}"]


def test_a_second_site_of_the_same_name_is_refused_beside_the_field():
    Site.objects.create(name="Garage")
    response = browser_of(person("operator")).post("/settings/sites/add/", {"name": "Garage", "address": "Street 1"})
    assert response.status_code == 422
    assert "errorlist" in response.content.decode()
    assert "Street 1" in response.content.decode()
    assert Site.objects.count() == 1


def test_an_operator_of_one_site_changes_that_site_only():
    own, other = Site.objects.create(name="Own"), Site.objects.create(name="Other")
    operator = browser_of(person_at("operator", own))
    page = operator.get("/settings/").content.decode()
    assert "Own" in page
    assert "Other" not in page
    assert "UNKNOWN_CHARGE_POINTS" not in page
    assert operator.get(f"/settings/sites/{own.pk}/").status_code == 200
    assert operator.post(f"/settings/sites/{other.pk}/", {"name": "Mine"}).status_code == 404
    assert operator.post("/settings/sites/add/", {"name": "New"}).status_code == 403


def test_a_viewer_has_no_settings():
    assert browser_of(person("viewer")).get("/settings/").status_code == 403


def test_about_tells_version_and_health():
    page = browser_of(person("viewer")).get("/about/").content.decode()
    assert f"plugcontrol {VERSION}" in page
    assert "migrations" in page


def test_the_version_is_the_packages():
    project = tomllib.loads(Path("pyproject.toml").read_text())
    assert project["project"]["version"] == VERSION


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_while_the_database_is_away_the_page_says_so(client, monkeypatch, error):
    def away(*_args, **_kwargs):
        raise error("connection refused at 10.0.0.5")

    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", away)
    client.raise_request_exception = False
    client.cookies["sessionid"] = "x" * 32
    response = client.get("/about/")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert "The database is away" in response.content.decode()
    assert "10.0.0.5" not in response.content.decode()


def test_programs_are_told_in_json(client, monkeypatch):
    def away(*_args, **_kwargs):
        raise OperationalError("connection refused")

    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.load", away)
    client.raise_request_exception = False
    client.cookies["sessionid"] = "x" * 32
    response = client.get("/api/v1/charge-points/")
    assert response.status_code == 503
    assert response.json()["code"] == "unavailable"
