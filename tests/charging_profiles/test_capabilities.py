"""What speaks against a profile: by itself, at a place, at a station; and what is only worth knowing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from charging_profiles import capabilities
from charging_profiles.models import Assignment, ChargingProfile, Kind, Purpose
from charging_profiles.rules import contradictions
from stations.connectors import get_connector
from stations.models import ChargePoint

from .conftest import MIDNIGHT, end_session, make_profile, make_session, set_key

pytestmark = pytest.mark.django_db


def problems(profile: ChargingProfile, station: ChargePoint, connector_id: int = 1, **more: Any) -> str:
    return " ".join(capabilities.problems(profile, station, connector_id, **more))


# By itself


def test_nothing_speaks_against_a_sound_one() -> None:
    for number, kind in enumerate(Kind.values):
        assert contradictions(make_profile(str(number), kind=kind)) == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"recurrency": ""}, "how often it is repeated"),
        ({"kind": "Absolute", "recurrency": "Daily"}, "Only a profile that is repeated"),
        ({"starts_at": None}, "when the schedule begins"),
        ({"kind": "Relative", "recurrency": "", "starts_at": MIDNIGHT}, "no moment of its own"),
        (
            {"kind": "Relative", "recurrency": "", "starts_at": None, "purpose": "ChargePointMaxProfile"},
            "cannot begin with a session",
        ),
        ({"valid_from": MIDNIGHT, "valid_to": MIDNIGHT}, "ends before it becomes valid"),
        ({"duration_s": 0}, "at least a second"),
        ({"min_rate": Decimal("6.55")}, "one decimal at most"),
        ({"periods": []}, "at least one limit"),
        ({"periods": {"start": 0}}, "at least one limit"),
        ({"periods": [7]}, "after how many seconds"),
        ({"periods": [{"start": "0", "limit": "16"}]}, "after how many seconds"),
        ({"periods": [{"start": -1, "limit": "16"}]}, "after how many seconds"),
        ({"periods": [{"start": 60, "limit": "16"}]}, "first limit begins at 0:00"),
        ({"periods": [{"start": 0, "limit": "16"}, {"start": 0, "limit": "8"}]}, "after the one before"),
        (
            {"periods": [{"start": 0, "limit": "16"}, {"start": 9, "limit": "8"}, {"start": 5, "limit": "8"}]},
            "after the",
        ),
        ({"periods": [{"start": 0, "limit": "16.05"}]}, "one decimal at most"),
        ({"periods": [{"start": 0, "limit": "-1"}]}, "from 0 on"),
        ({"periods": [{"start": 0, "limit": "NaN"}]}, "from 0 on"),
        ({"periods": [{"start": 0, "limit": "much"}]}, "from 0 on"),
        ({"periods": [{"start": 0}]}, "from 0 on"),
        ({"periods": [{"start": 0, "limit": "16", "phases": 4}]}, "one, two or three phases"),
    ],
)
def test_what_no_station_is_told(fields: dict[str, Any], said: str) -> None:
    known = {"name": "x", "kind": "Recurring", "recurrency": "Daily", "starts_at": MIDNIGHT}
    profile = ChargingProfile(**{**known, "periods": [{"start": 0, "limit": "16.0"}], **fields})
    assert said in " ".join(contradictions(profile))


# At its place


@pytest.mark.parametrize(
    ("fields", "connector_id", "said"),
    [
        ({"purpose": Purpose.CHARGE_POINT_MAX}, 1, "belongs to connector 0"),
        ({"purpose": Purpose.TX}, 1, "choose the session"),
        ({"valid_to": MIDNIGHT}, 1, "is over"),
        ({"kind": Kind.ABSOLUTE, "duration_s": 3600}, 1, "is over"),
        ({"archived_at": MIDNIGHT}, 1, "archived"),
    ],
)
def test_the_wrong_place_or_time(online: ChargePoint, fields: dict[str, Any], connector_id: int, said: str) -> None:
    assert said in problems(make_profile(**fields), online, connector_id)


def test_sessions(online: ChargePoint) -> None:
    of_session = make_profile(purpose=Purpose.TX, kind=Kind.RELATIVE)
    session = make_session(online)
    assert problems(of_session, online, transaction=session) == ""
    assert "does not run on this connector" in problems(of_session, online, 2, transaction=session)
    assert "Only a profile for one running session" in problems(make_profile("B"), online, transaction=session)
    end_session(session)
    session.refresh_from_db()
    assert "is over" in problems(of_session, online, transaction=session)


def test_connectors_that_the_charger_has(online: ChargePoint) -> None:
    profile = make_profile()
    assert problems(profile, online, 3) == ""  # it has not told us of any
    get_connector(online.pk, 1)
    assert "no connector 3" in problems(profile, online, 3)
    set_key(online, "NumberOfConnectors", "3")
    assert problems(profile, online, 3) == ""
    assert "no connector 4" in problems(profile, online, 4)
    assert problems(profile, online, 0) == ""


# At a station


def test_what_a_station_says_of_itself(online: ChargePoint) -> None:
    unknown = capabilities.of(online)
    assert unknown == capabilities.Capabilities(None, frozenset(), None, None, None, None)
    for key, value in {
        "ChargeProfileMaxStackLevel": "0",
        "ChargingScheduleAllowedChargingRateUnit": "Current, 'power'",
        "chargingschedulemaxperiods": "24",
        "MaxChargingProfilesInstalled": "5",
        "ConnectorSwitch3to1PhaseSupported": "FALSE",
        "SupportedFeatureProfiles": "Core,SmartCharging",
    }.items():
        set_key(online, key, value)
    assert capabilities.of(online) == capabilities.Capabilities(0, frozenset({"A", "W"}), 24, 5, False, True)


@pytest.mark.parametrize("unit", ["W", "Power", " power "])
def test_a_unit_it_does_not_take(online: ChargePoint, unit: str) -> None:
    set_key(online, "ChargingScheduleAllowedChargingRateUnit", unit)
    assert "takes limits in W only" in problems(make_profile(), online)
    assert problems(make_profile("B", unit="W"), online) == ""


def test_a_level_it_does_not_have(online: ChargePoint) -> None:
    set_key(online, "ChargeProfileMaxStackLevel", "0")
    assert "highest level of this charger is 0, the profile has 1" in problems(make_profile(stack_level=1), online)
    assert problems(make_profile("B"), online) == ""


@pytest.mark.parametrize(("most", "said"), [("1", "only 1 limit in a profile"), ("2", "")])
def test_more_periods_than_it_takes(online: ChargePoint, most: str, said: str) -> None:
    set_key(online, "ChargingScheduleMaxPeriods", most)
    found = problems(make_profile(), online)
    assert said in found
    assert bool(found) == bool(said)


def test_more_profiles_than_it_holds(online: ChargePoint, give: Callable[..., Assignment]) -> None:
    set_key(online, "MaxChargingProfilesInstalled", "2")
    give(make_profile("A"))
    give(make_profile("B"), 2)
    assert "2 profiles at most" in problems(make_profile("C", stack_level=1), online)
    assert problems(make_profile("D"), online, 2) == ""  # it takes the place of another one


def test_all_reasons_at_once(online: ChargePoint) -> None:
    set_key(online, "ChargeProfileMaxStackLevel", "0")
    set_key(online, "ChargingScheduleAllowedChargingRateUnit", "Power")
    assert len(capabilities.problems(make_profile(stack_level=1), online, 1)) == 2


# Worth knowing


@pytest.mark.parametrize(
    ("fields", "make", "keys", "said"),
    [
        ({"periods": [{"start": 0, "limit": "16"}, {"start": 86_400, "limit": "8"}]}, "", {}, "next repetition"),
        ({"duration_s": 3600}, "", {}, "after the end of the schedule"),
        ({"periods": [{"start": 0, "limit": "5.9"}]}, "", {}, "Below 6 A"),
        ({}, "", {"ConnectorSwitch3to1PhaseSupported": "false"}, "cannot switch phases"),
        ({}, "", {"SupportedFeatureProfiles": "Core"}, "smart charging"),
        ({}, "", {}, "read its configuration first"),
        ({"stack_level": 1}, "ABB", {}, "level 0 only"),
        ({"stack_level": 1}, "Wallbox Chargers", {}, "level 0 only"),
        ({}, "Wallbox Chargers", {}, "only profiles that begin with the session"),
        ({}, "Huawei", {}, "in W only"),
        ({"purpose": Purpose.CHARGE_POINT_MAX}, "United Chargers Grizzl-E", {}, "ignore limits for the whole"),
        ({}, "NEcharge", {}, "6, 8, 10, 13 and 16 A"),
    ],
)
def test_hints(online: ChargePoint, fields: dict[str, Any], make: str, keys: dict[str, str], said: str) -> None:
    for key, value in keys.items():
        set_key(online, key, value)
    online.vendor = make
    assert said in " ".join(capabilities.hints(make_profile(**fields), online))


def test_no_hints_without_a_reason(online: ChargePoint) -> None:
    set_key(online, "ChargingScheduleAllowedChargingRateUnit", "Current")
    online.vendor = "Acme"
    assert capabilities.hints(make_profile(), online) == []
    assert capabilities.hints(ChargingProfile(periods=[]), online) == []


def test_a_profile_that_is_not_over(online: ChargePoint) -> None:
    soon = timezone.now() + timedelta(hours=1)
    assert problems(make_profile(kind=Kind.ABSOLUTE, starts_at=soon, duration_s=3600, valid_to=soon), online) == ""
