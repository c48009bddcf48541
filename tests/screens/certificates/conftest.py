"""A charger at a site with one of everything about certificates."""

from __future__ import annotations

from typing import Any

import pytest

from stations.models import ChargePoint, Site

from ...certificates.cast import make_all
from ...conftest import make_station


@pytest.fixture
def site(db: None) -> Site:
    return Site.objects.create(name="Garage")


@pytest.fixture
def station(site: Site) -> ChargePoint:
    return make_station("BAY-1", serial_number="SN-1", site=site)


@pytest.fixture
def rows(station: ChargePoint) -> dict[str, Any]:
    return make_all(1, station)
