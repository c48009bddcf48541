"""Models of chargers in the admin, with their templates and recipes."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from stations.models import RecipeKey, StationModel, TemplateKey
from tests.admin_cast import make_everything
from tests.people import browser

pytestmark = pytest.mark.django_db
MODELS = "/admin/stations/stationmodel/"


@pytest.fixture
def station():
    User.objects.create_superuser("root")
    station = make_everything()["stations.chargepoint"]
    StationModel.objects.all().delete()
    return station


@pytest.fixture
def operator(station):
    return browser("operator")


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
    page = operator.get(f"/admin/stations/chargepoint/{station.pk}/change/").content.decode()
    assert "unless it was configured by hand" in page
