"""Chargers are added, renamed, given passwords, archived; and how a charger finds its way here."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from stations import credentials
from stations.models import ChargePoint, ConnectionAttempt, CredentialKind, Site

from ...people import browser, browser_of, person_at
from ..old_page import sent_by
from .pages import text_of, words_of

pytestmark = pytest.mark.django_db
ADD = "/chargers/add/"


@pytest.fixture
def station(house):
    return house.charger("BAY-1", name="Bay 01").charge_point


@pytest.fixture
def url(station):
    return f"/chargers/{station.pk}/"


def entered(station, **changed):
    own = {name: getattr(station, name) for name in ("name", "notes", "minimum_security_profile", "recipe_mode")}
    return {**own, "site": station.site_id or "", **changed}


# Adding


def test_a_charger_is_added_with_a_password_shown_once(db):
    client = browser("operator")
    response = client.post(ADD, {"identity": " garage-1 ", "name": "G1", "generate_password": "on", "approve": "on"})
    station = ChargePoint.objects.get(identity="garage-1")
    assert (station.registration_status, station.name, station.discovered) == ("Accepted", "G1", False)
    password = response.context["password"]
    assert password in text_of(response)
    assert response["Cache-Control"] == "no-store"
    assert credentials.matches_key(station.credential_hash, bytes.fromhex(password))
    assert "/ocpp/garage-1" in text_of(response)
    assert password not in text_of(client.get(f"/chargers/{station.pk}/?tab=details"))


def test_a_charger_is_added_without_password_to_wait_for_approval(db):
    response = browser("operator").post(ADD, {"identity": "garage-1"})
    station = ChargePoint.objects.get()
    assert response.url == f"/chargers/{station.pk}/"
    assert (station.registration_status, station.credential_kind) == ("Pending", CredentialKind.NONE)


@pytest.mark.parametrize("identity", ["bay-1", "a\tb", ""])
def test_an_unusable_identity_is_refused(station, identity):
    response = browser("operator").post(ADD, {"identity": identity, "name": "typed"})
    assert response.status_code == 422
    assert "errorlist" in text_of(response)
    assert 'value="typed"' in text_of(response)
    assert ChargePoint.objects.count() == 1


def test_people_of_a_site_add_to_their_site_only(house):
    yard = Site.objects.create(name="Yard")
    client = browser_of(person_at("operator", house.site))
    for site in (yard.pk, ""):
        assert client.post(ADD, {"identity": "X", "site": site}).status_code == 422
    client.post(ADD, {"identity": "X", "site": house.site.pk})
    assert ChargePoint.objects.get().site == house.site


def test_adding_is_not_for_viewers(db):
    assert browser("viewer").get(ADD).status_code == 403
    assert browser("viewer").post(ADD, {"identity": "X"}).status_code == 403
    assert not ChargePoint.objects.exists()


# Editing


def test_name_site_and_rules_are_edited(station, url):
    yard = Site.objects.create(name="Yard")
    changed = entered(station, name="Left", site=yard.pk, notes="By the door", strict="on", minimum_security_profile=1)
    response = browser("operator").post(f"{url}edit/", changed, follow=True)
    assert "Saved." in words_of(response)
    station.refresh_from_db()
    assert (station.name, station.site, station.notes) == ("Left", yard, "By the door")
    assert (station.strict, station.minimum_security_profile) == (True, 1)


def test_saving_leaves_what_the_gateway_writes_alone(station, url, monkeypatch):
    later = timezone.now() + timedelta(hours=1)
    original = ChargePoint.save

    def meanwhile(self, *args, **kwargs):
        ChargePoint.objects.filter(pk=station.pk).update(last_seen_at=later, connection="new")
        return original(self, *args, **kwargs)

    monkeypatch.setattr(ChargePoint, "save", meanwhile)
    browser("operator").post(f"{url}edit/", entered(station, name="Left"))
    station.refresh_from_db()
    assert (station.name, station.connection, station.last_seen_at) == ("Left", "new", later)


def test_an_old_page_takes_back_nothing_that_somebody_else_has_entered(house, station, url):
    """Neither where the charger stands, and who sees it there, nor how safely it has to connect."""
    client, yard = browser("operator"), Site.objects.create(name="Yard")
    old_page = sent_by(client.get(f"{url}?tab=details"), "minimum_security_profile")
    ChargePoint.objects.update(site=yard, minimum_security_profile=2, strict=True)
    assert client.post(f"{url}edit/", {**old_page, "notes": "Beside the gate"}).status_code == 302
    station.refresh_from_db()
    assert (station.notes, station.site, station.minimum_security_profile) == ("Beside the gate", yard, 2)
    assert station.strict
    new_page = sent_by(client.get(f"{url}edit/"), "minimum_security_profile")
    del new_page["strict"]
    client.post(f"{url}edit/", {**new_page, "site": house.site.pk, "minimum_security_profile": "0"})
    station.refresh_from_db()
    assert (station.site, station.minimum_security_profile, station.strict) == (house.site, 0, False)


def test_open_pages_hear_of_a_charger_that_is_added_or_moved(station, url, monkeypatch):
    client, told = browser("operator"), []
    monkeypatch.setattr("stations.changes.note", lambda *topics: told.extend(topics))
    client.post(f"{url}edit/", entered(station, site=Site.objects.create(name="Yard").pk))
    assert told == [f"station:{station.pk}"]
    told.clear()
    client.post(ADD, {"identity": "garage-1"})
    assert told == [f"station:{ChargePoint.objects.get(identity='garage-1').pk}"]


def test_what_is_typed_wrong_is_marked_and_kept(station, url):
    response = browser("operator").post(f"{url}edit/", entered(station, name="x" * 101, notes="typed"))
    assert response.status_code == 422
    assert "typed" in text_of(response)
    station.refresh_from_db()
    assert station.name == "Bay 01"


def test_a_charger_is_not_moved_to_a_site_of_others(house, station, url):
    yard = Site.objects.create(name="Yard")
    client = browser_of(person_at("operator", house.site))
    assert "Yard" not in text_of(client.get(f"{url}?tab=details"))
    assert client.post(f"{url}edit/", entered(station, site=yard.pk)).status_code == 422
    station.refresh_from_db()
    assert station.site == house.site


def test_a_charger_is_archived_and_comes_back(station, url):
    browser("operator").post(f"{url}archive/")
    station.refresh_from_db()
    assert station.archived_at is not None
    page = browser("operator").get(url)
    assert "Archived" in words_of(page)
    assert "The charger is archived." in words_of(page)
    browser("operator").post(f"{url}restore/")
    station.refresh_from_db()
    assert station.archived_at is None


# Passwords


def test_a_password_is_generated_and_shown_once(station, url):
    response = browser("operator").post(f"{url}password/generate/")
    station.refresh_from_db()
    password = response.context["password"]
    assert len(password) == 40
    assert password in text_of(response)
    assert response["Cache-Control"] == "no-store"
    assert credentials.matches_key(station.credential_hash, bytes.fromhex(password))
    details = text_of(browser("operator").get(f"{url}?tab=details"))
    assert password not in details
    assert station.credential_hash not in details


def test_a_password_is_set_and_never_shown(station, url):
    response = browser("operator").post(f"{url}password/set/", {"password": "a long enough secret"}, follow=True)
    station.refresh_from_db()
    assert station.credential_kind == CredentialKind.PASSWORD
    assert credentials.matches_password(station.credential_hash, b"a long enough secret")
    assert "The password was set." in words_of(response)
    assert "a long enough secret" not in text_of(response)


def test_a_short_password_is_taken_with_a_warning(station, url):
    response = browser("operator").post(f"{url}password/set/", {"password": "short"}, follow=True)
    assert "it is short" in words_of(response)
    station.refresh_from_db()
    assert station.credential_kind == CredentialKind.PASSWORD


def test_an_empty_password_is_refused(station, url):
    assert browser("operator").post(f"{url}password/set/", {"password": ""}).status_code == 422
    station.refresh_from_db()
    assert station.credential_kind == CredentialKind.NONE


def test_a_password_is_removed(station, url):
    credentials.generate_key(station)
    ChargePoint.objects.update(minimum_security_profile=1)
    browser("operator").post(f"{url}password/remove/")
    station.refresh_from_db()
    assert (station.credential_kind, station.credential_hash) == (CredentialKind.NONE, "")
    assert station.minimum_security_profile == 0


# Connection help


def test_the_address_is_shown_as_text_and_picture(station, url):
    page = text_of(browser("viewer").get(f"{url}?tab=details"))
    assert '<code id="address">ws://testserver/ocpp/BAY-1</code>' in page
    assert 'src="data:image/svg+xml' in page


def test_an_odd_identity_is_quoted_in_the_address(house):
    station = house.charger("A B/ü?").charge_point
    page = text_of(browser("viewer").get(f"/chargers/{station.pk}/?tab=details"))
    assert "/ocpp/A%20B%2F%C3%BC%3F</code>" in page


def test_an_identity_too_long_for_a_picture_is_shown_as_text(house):
    station = house.charger("ü" * 255, connection="1").charge_point
    response = browser("viewer").get(f"/chargers/{station.pk}/?tab=details")
    assert response.status_code == 200
    assert "data:image" not in text_of(response)


def test_refused_attempts_say_why_and_what_to_do(station, url):
    for identity, reason in (("bay-1", "wrong_password"), ("OTHER", "unknown")):
        ConnectionAttempt.objects.create(
            identity=identity, path="/ocpp", remote_address="192.168.1.57", reason=reason, status_code=401, count=3
        )
    page = words_of(browser("viewer").get(f"{url}?tab=details"))
    assert "192.168.1.57 wrong password Type the same password into the charger and here, or remove it here. 3" in page
    assert "unknown charger" not in page


# Who may

POSTS = ("archive", "restore", "edit", "password/generate", "password/set", "password/remove")


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(("who", "code"), [("viewer", 403), ("holder", 403), ("anonymous", 302)])
def test_who_may_not_changes_nothing(station, url, path, who, code):
    before = ChargePoint.objects.values().get(pk=station.pk)
    assert browser(who).post(f"{url}{path}/", {"password": "x", "name": "x"}).status_code == code
    assert ChargePoint.objects.values().get(pk=station.pk) == before


@pytest.mark.parametrize("path", POSTS)
def test_people_of_another_site_find_nothing(station, url, path):
    client = browser_of(person_at("operator", Site.objects.create(name="Yard")))
    before = ChargePoint.objects.values().get(pk=station.pk)
    assert client.post(f"{url}{path}/", {"password": "x", "name": "x"}).status_code == 404
    assert ChargePoint.objects.values().get(pk=station.pk) == before


@pytest.mark.parametrize("path", POSTS)
def test_a_post_needs_its_token(station, url, path):
    before = ChargePoint.objects.values().get(pk=station.pk)
    assert browser("operator", enforce_csrf_checks=True).post(f"{url}{path}/").status_code == 403
    assert ChargePoint.objects.values().get(pk=station.pk) == before


@pytest.mark.parametrize("path", ["archive", "restore", "password/generate", "password/remove"])
def test_opening_an_address_changes_nothing(station, url, path):
    before = ChargePoint.objects.values().get(pk=station.pk)
    assert browser("operator").get(f"{url}{path}/").status_code == 405
    assert ChargePoint.objects.values().get(pk=station.pk) == before


def test_a_viewer_sees_no_form(station, url):
    page = text_of(browser("viewer").get(f"{url}?tab=details"))
    assert "/password/" not in page
    assert "/edit/" not in page
