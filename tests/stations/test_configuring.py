"""Reading, setting and securing chargers in the admin; models of chargers with their templates and recipes."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from stations import credentials
from stations.models import (
    ChargePoint,
    Command,
    CommandSource,
    ConfigurationKey,
    RecipeKey,
    SecurityChange,
    StationModel,
    TemplateKey,
)
from tests.admin_cast import make_everything
from tests.people import browser

pytestmark = pytest.mark.django_db
LIST = "/admin/stations/chargepoint/"
MODELS = "/admin/stations/stationmodel/"


@pytest.fixture
def station():
    User.objects.create_superuser("root")
    station = make_everything()["stations.chargepoint"]
    Command.objects.all().delete()
    StationModel.objects.all().delete()
    return station


@pytest.fixture
def operator(station):
    return browser("operator")


def press(client, button, station):
    return client.post(reverse(f"admin:stations_chargepoint_{button}", args=[station.pk]), follow=True)


def act(client, action, *stations):
    return client.post(LIST, {"action": action, "_selected_action": [row.pk for row in stations]}, follow=True)


def template(station, **wanted):
    model = StationModel.objects.create(vendor=station.vendor)
    for key, value in wanted.items():
        TemplateKey.objects.create(station_model=model, key=key, value=value)
    return model


def queued():
    rows = Command.objects.order_by("created_at")
    return [(row.action, row.payload, row.source, row.actor) for row in rows]


def test_read_configuration(station, operator):
    page = press(operator, "read_configuration", station).content.decode()
    assert "1 command queued." in page
    assert queued() == [("GetConfiguration", {}, CommandSource.ADMIN, "operator")]
    act(operator, "read_configuration", station)
    assert len(queued()) == 2


def test_apply_template(station, operator):
    template(station, A="1", B="2")
    ConfigurationKey.objects.create(charge_point=station, key="A", value="1")
    press(operator, "apply_template", station)
    act(operator, "apply_template", station)
    assert queued() == [
        ("ChangeConfiguration", {"key": "B", "value": "2"}, CommandSource.ADMIN, "operator"),
        ("ChangeConfiguration", {"key": "B", "value": "2"}, CommandSource.ADMIN, "operator"),
    ]


def test_drift_is_shown_and_filtered(station, operator):
    page = operator.get(f"{LIST}{station.pk}/change/").content.decode()
    assert "should have" not in page
    template(station, HeartbeatInterval="300")
    other = ChargePoint.objects.create(identity="FINE", vendor=station.vendor)
    ConfigurationKey.objects.create(charge_point=station, key="HeartbeatInterval", value="<900>")
    ConfigurationKey.objects.create(charge_point=other, key="HeartbeatInterval", value="300")
    page = operator.get(f"{LIST}{station.pk}/change/").content.decode()
    assert "<td>&lt;900&gt;</td><td>300</td><td>differs</td>" in page
    differ, same = (operator.get(f"{LIST}?drift={value}").content.decode() for value in ("yes", "no"))
    assert (station.identity in differ, other.identity in differ) == (True, False)
    assert (f"/{station.pk}/change/" in same, f"/{other.pk}/change/" in same) == (False, True)


def test_rotate_key(station, operator):
    credentials.generate_key(station)
    press(operator, "rotate_key", station)
    [(action, payload, _source, _actor)] = queued()
    assert (action, payload["key"], len(payload["value"])) == ("ChangeConfiguration", "AuthorizationKey", 40)
    change = SecurityChange.objects.get(command__action="ChangeConfiguration")
    page = operator.get(f"{LIST}{station.pk}/change/").content.decode()
    assert "Waiting for the charger&#x27;s answer" in page
    for url in (f"{LIST}{station.pk}/change/", f"/admin/stations/securitychange/{change.pk}/change/"):
        assert payload["value"] not in operator.get(url).content.decode()
    assert "under way" in press(operator, "rotate_key", station).content.decode()
    assert "under way" in act(operator, "rotate_key", station).content.decode()
    assert len(queued()) == 1


def test_raise_the_security_profile(station, operator):
    assert "no password yet" in press(operator, "raise_profile", station).content.decode()
    credentials.generate_key(station)
    assert "Raise to security profile 2" in operator.get(f"{LIST}{station.pk}/change/").content.decode()
    press(operator, "raise_profile", station)
    assert [payload for _action, payload, *_who in queued()] == [{"key": "SecurityProfile", "value": "2"}]
    ChargePoint.objects.update(minimum_security_profile=2)
    assert "Raise to" not in operator.get(f"{LIST}{station.pk}/change/").content.decode()
    assert "already" in press(operator, "raise_profile", station).content.decode()


def test_a_viewer_is_shown_no_button(station):
    page = browser("viewer").get(f"{LIST}{station.pk}/change/").content.decode()
    assert not any(
        f"/{name}/" in page for name in ("read-configuration", "apply-template", "rotate-key", "raise-profile")
    )


def test_an_archived_charger_takes_no_commands(station, operator):
    ChargePoint.objects.update(archived_at=timezone.now())
    assert "archived" in press(operator, "read_configuration", station).content.decode()
    assert queued() == []


# Models of chargers


def entered(recipe="", template=(), recipe_keys=(), **fields):
    data = {"vendor": "Acme", "model": "", "command_timeout_s": 30, "recipe": recipe, "recipe_triggers_status": "on"}
    for prefix, rows in (("template_keys", template), ("recipe_keys", recipe_keys)):
        data |= {f"{prefix}-TOTAL_FORMS": len(rows), f"{prefix}-INITIAL_FORMS": 0}
        for number, row in enumerate(rows):
            data |= {f"{prefix}-{number}-{name}": value for name, value in row.items()}
    return data | fields


def test_a_template_is_entered(operator):
    operator.post(f"{MODELS}add/", entered(template=[{"key": "A", "value": "1"}, {"key": "B", "value": ""}]))
    assert list(TemplateKey.objects.values_list("key", "value")) == [("A", "1"), ("B", "")]


def test_a_new_recipe_starts_with_what_is_recommended(operator):
    operator.post(f"{MODELS}add/", entered())
    assert not RecipeKey.objects.exists()
    model = StationModel.objects.get()
    operator.post(f"{MODELS}{model.pk}/change/", entered(recipe="own"))
    assert RecipeKey.objects.filter(key="MeterValuesSampledData").exists()
    RecipeKey.objects.all().delete()
    operator.post(f"{MODELS}{model.pk}/change/", entered(recipe="own"))
    assert not RecipeKey.objects.exists()  # somebody wanted it empty


@pytest.mark.parametrize("prefix", ["template", "recipe_keys"])
def test_a_key_is_listed_once(operator, prefix):
    rows = [
        {"key": "a", "value": "1", "values_text": "1", "position": 1},
        {"key": "A", "value": "2", "values_text": "2", "position": 2},
    ]
    page = operator.post(f"{MODELS}add/", entered(**{prefix: rows})).content.decode()
    assert "This key is listed twice." in page
    assert not StationModel.objects.exists()


@pytest.mark.parametrize("key", ["AuthorizationKey", "SecurityProfile"])
def test_a_key_of_its_own_is_not_in_a_template(operator, key):
    page = operator.post(f"{MODELS}add/", entered(template=[{"key": key, "value": "1"}])).content.decode()
    assert "charger by charger" in page


def test_the_same_model_twice_is_refused(operator):
    operator.post(f"{MODELS}add/", entered())
    assert "There are already settings" in operator.post(f"{MODELS}add/", entered(vendor="ACME")).content.decode()


def test_the_switch_of_a_charger(station, operator):
    page = operator.get(f"{LIST}{station.pk}/change/").content.decode()
    assert "unless it was configured by hand" in page
