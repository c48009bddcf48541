"""Two sites with a charger each, online, and a session's worth of rows at the first."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from stations.models import ChargePoint, Command
from tests.admin_cast import make_everything
from tests.people import browser, browser_of, person_at


@pytest.fixture
def rows():
    User.objects.create_superuser("root")
    return make_everything()


@pytest.fixture
def station(rows):
    station = rows["stations.chargepoint"]
    Command.objects.all().delete()
    return station


@pytest.fixture
def other(station) -> ChargePoint:
    """A charger at another site."""
    other = make_everything(2)["stations.chargepoint"]
    Command.objects.all().delete()
    return other


@pytest.fixture
def operator(station):
    return browser("operator")


@pytest.fixture
def local(station):
    """An operator of the first site only."""
    return browser_of(person_at("operator", station.site))
