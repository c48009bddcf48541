from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone, translation

from charging_profiles.models import Assignment, ChargingProfile
from charging_profiles.payloads import payload_of
from stations.connectors import get_connector
from stations.models import ChargePoint, GatewayProcess, Site
from tests.conftest import make_station
from tests.people import browser, browser_of, person_at

MIDNIGHT = datetime(2026, 11, 16, tzinfo=UTC)  # a Monday


def make_profile(name: str = "By day", **fields: Any) -> ChargingProfile:
    """16 A from 7 to 19 o'clock UTC, else 32 A, unless told otherwise."""
    daily = {
        "recurrency": "Daily",
        "starts_at": MIDNIGHT + timedelta(hours=7),
        "periods": [{"start": 0, "limit": "16.0"}, {"start": 12 * 3600, "limit": "32.0"}],
    }
    return ChargingProfile.objects.create(name=name, **{**daily, **fields})


def give(
    station: ChargePoint, profile: ChargingProfile, connector_id: int = 0, state: str = "installed", number: int = 7
) -> Assignment:
    """The station holds the profile since an hour."""
    at = timezone.now() - timedelta(hours=1)
    return Assignment.objects.create(
        charge_point=station,
        connector_id=connector_id,
        profile=profile,
        charging_profile_id=number,
        purpose=profile.purpose,
        stack_level=profile.stack_level,
        payload=payload_of(profile, charging_profile_id=number, at=at),
        state=state,
        asked_at=at,
        installed_at=at if state in ("installed", "uncertain") else None,
    )


@pytest.fixture
def station(db: None) -> ChargePoint:
    """Connected, with two connectors, at a site."""
    gateway = GatewayProcess.objects.create(channel="c", host="h", pid=1)
    station = make_station(gateway=gateway, connection="1", site=Site.objects.create(name="Garage"))
    for number in (1, 2):
        get_connector(station.pk, number)
    return station


@pytest.fixture
def elsewhere(station: ChargePoint) -> ChargePoint:
    """A charger at another site."""
    return make_station("CP2", gateway=station.gateway, connection="2", site=Site.objects.create(name="Depot"))


@pytest.fixture
def operator(station: ChargePoint) -> Any:
    return browser("operator")


@pytest.fixture
def local(station: ChargePoint) -> Any:
    """Somebody who operates the garage only."""
    return browser_of(person_at("operator", station.site))


@pytest.fixture
def entered() -> Callable[..., dict[str, Any]]:
    """`entered([("7:00", "16"), …], name="x")`: the editor's form, filled in."""

    def fill(rows: list[tuple[str, ...]], **said: Any) -> dict[str, Any]:
        form = {"name": "By day", "purpose": "TxDefaultProfile", "rhythm": "daily", "unit": "A", "stack_level": "0"}
        table: dict[str, Any] = {"periods-TOTAL_FORMS": len(rows), "periods-INITIAL_FORMS": 0}
        for number, row in enumerate(rows):
            names = ("begins", "limit", "phases", "day")
            table |= {f"periods-{number}-{name}": value for name, value in zip(names, row, strict=False)}
        return {**form, **table, **said}

    return fill


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    """Whatever language the test before has left behind."""
    with translation.override("en"):
        yield
