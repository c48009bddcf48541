"""The configuration tab: what a charger is set to, should be, and is told."""

from __future__ import annotations

import json

import pytest
from django.utils import timezone

from stations import credentials
from stations.models import ChargePoint, Command, ConfigurationKey, SecurityChange, Site, StationModel, TemplateKey

from ...people import browser, browser_of, person_at
from .pages import rows_of, text_of, words_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def station(house):
    return house.charger("BAY-1", vendor="ABB").charge_point


@pytest.fixture
def url(station):
    return f"/chargers/{station.pk}/"


def tab(url, query="", who="operator"):
    return browser(who).get(f"{url}?tab=configuration&{query}")


def press(url, path, who="operator"):
    return browser(who).post(f"{url}{path}/", {"next": f"{url}?tab=configuration"}, follow=True)


def template(station, **wanted):
    model = StationModel.objects.create(vendor=station.vendor)
    for key, value in wanted.items():
        TemplateKey.objects.create(station_model=model, key=key, value=value)


def queued():
    return [(row.action, row.payload, row.actor) for row in Command.objects.order_by("created_at")]


def test_keys_are_shown_as_read(station, url):
    ConfigurationKey.objects.create(charge_point=station, key="Beat", value="300", reboot_required=True)
    ConfigurationKey.objects.create(charge_point=station, key="Count", value="2", readonly=True)
    assert rows_of(tab(url, who="viewer")) == [
        "Beat 300 Reboot required just now",
        "Count 2 read-only just now",
    ]


def test_nothing_read_yet_says_what_to_do(url):
    assert "has not been read" in words_of(tab(url))


def test_a_key_is_changed_in_the_commands_form(station, url):
    ConfigurationKey.objects.create(charge_point=station, key="Beat", value="300")
    ConfigurationKey.objects.create(charge_point=station, key="Count", value="2", readonly=True)
    ConfigurationKey.objects.create(charge_point=station, key="AuthorizationKey", value="***")
    page = text_of(tab(url))
    assert f"/chargers/{station.pk}/send/ChangeConfiguration/?key=Beat&amp;value=300" in page
    assert page.count("ChangeConfiguration/?key=") == 1 * 2  # href and hx-get of the one that may be changed
    form = browser("operator").get(f"{url}send/ChangeConfiguration/?key=Beat&value=300")
    assert 'value="300"' in text_of(form)
    assert "/send/" not in text_of(tab(url, who="viewer"))


def test_reading_is_a_command(url):
    page = press(url, "configuration/read")
    assert "1 command queued." in words_of(page)
    assert queued() == [("GetConfiguration", {}, "operator")]


def test_the_template_is_compared_and_applied(station, url):
    assert "Should be" not in words_of(tab(url))
    template(station, A="1", B="2")
    ConfigurationKey.objects.create(charge_point=station, key="A", value="1")
    ConfigurationKey.objects.create(charge_point=station, key="b", value="<3>")
    page = tab(url)
    assert "Differs from the template" in words_of(page)
    assert "&lt;3&gt;" in text_of(page)
    [row] = rows_of(tab(url, "only=differences"))
    assert row.startswith("b &lt;3&gt; 2 differs")
    press(url, "configuration/apply")
    assert queued() == [("ChangeConfiguration", {"key": "b", "value": "2"}, "operator")]
    ConfigurationKey.objects.filter(key="b").update(value="2")
    assert "As the template" in words_of(tab(url))
    assert "Nothing to send." in words_of(press(url, "configuration/apply"))


def test_another_charger_is_compared(house, station, url):
    other = house.charger("BAY-2", name="Right").charge_point
    for row, value in ((station, "300"), (other, "900")):
        ConfigurationKey.objects.create(charge_point=row, key="Beat", value=value)
        ConfigurationKey.objects.create(charge_point=row, key="Same", value="1")
    ConfigurationKey.objects.create(charge_point=other, key="Extra", value="x")
    assert [row.split()[:3] for row in rows_of(tab(url, "with=bay-2&only=differences", "viewer"))] == [
        ["Beat", "300", "900"],
        ["Extra", "–", "x"],
    ]
    assert "Right" in words_of(tab(url, "with=right"))
    assert "No single charger is called so: nobody" in words_of(tab(url, "with=nobody"))


def test_a_charger_that_may_not_be_seen_is_not_compared(house, station, url):
    secret = house.charger("SECRET", site=Site.objects.create(name="Yard")).charge_point
    ConfigurationKey.objects.create(charge_point=secret, key="Beat", value="900")
    page = words_of(browser_of(person_at("operator", house.site)).get(f"{url}?tab=configuration&with=SECRET"))
    assert "No single charger is called so" in page
    assert "900" not in page


def test_the_configuration_is_downloaded_without_secrets(station, url):
    ConfigurationKey.objects.create(charge_point=station, key="AuthorizationKey", value="***")
    ConfigurationKey.objects.create(charge_point=station, key="Beat", value="ü<3>")
    response = browser("viewer").get(f"{url}configuration.json")
    assert response["Content-Disposition"] == 'attachment; filename="plugcontrol-bay-1-configuration.json"'
    content = json.loads(response.content)
    assert (content["identity"], content["vendor"]) == ("BAY-1", "ABB")
    assert [(row["key"], row["value"]) for row in content["keys"]] == [("AuthorizationKey", "***"), ("Beat", "ü<3>")]


# How the charger logs in


def test_the_password_is_rotated(station, url):
    credentials.generate_key(station)
    press(url, "password/rotate")
    [(action, payload, _actor)] = queued()
    assert (action, payload["key"], len(payload["value"])) == ("ChangeConfiguration", "AuthorizationKey", 40)
    assert SecurityChange.objects.count() == 1
    page = browser("operator").get(f"{url}?tab=details")
    assert "Waiting for the charger&#x27;s answer" in text_of(page)
    assert payload["value"] not in text_of(page)
    assert "under way" in words_of(press(url, "password/rotate"))
    assert len(queued()) == 1


def test_the_details_lead_to_the_way_up(station, url):
    words = {who: words_of(browser(who).get(f"{url}?tab=details")) for who in ("operator", "viewer")}
    assert ["Raise the security profile…" in words[who] for who in words] == [True, False]


BUTTONS = ("configuration/read", "configuration/apply", "password/rotate")


@pytest.mark.parametrize("path", BUTTONS)
def test_a_viewer_presses_nothing(url, path):
    assert press(url, path, "viewer").status_code == 403
    assert queued() == []


@pytest.mark.parametrize("path", BUTTONS)
def test_a_button_is_a_post_with_a_token(url, path):
    assert browser("operator").get(f"{url}{path}/").status_code == 405
    assert browser("operator", enforce_csrf_checks=True).post(f"{url}{path}/").status_code == 403
    assert queued() == []


def test_an_archived_charger_takes_no_commands(url):
    ChargePoint.objects.update(archived_at=timezone.now())
    assert "archived" in words_of(press(url, "configuration/read"))
    assert queued() == []
