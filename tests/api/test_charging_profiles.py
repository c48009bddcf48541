"""Charging profiles over HTTP: the library, what stations are told, what they hold and say."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from charging_profiles.models import Assignment, ChargingProfile, CompositeReading
from stations.connectors import get_connector
from stations.models import Command, GatewayProcess
from tests.admin_cast import make_transaction
from tests.conftest import make_station

pytestmark = pytest.mark.django_db
LIBRARY = "/api/v1/charging-profiles/"
ASSIGNED = "/api/v1/assigned-profiles/"
STATION = "/api/v1/charge-points/CP1"
PERIODS = [{"start": 0, "limit": "16"}, {"start": 3600, "limit": "8.5", "phases": 1}]
PROFILE = {"name": "By day", "kind": "Relative", "periods": PERIODS}


@pytest.fixture
def connected(db):
    """A station on the line, with one connector."""
    gateway = GatewayProcess.objects.create(channel="c", host="h", pid=1)
    station = make_station(gateway=gateway, connection="1")
    get_connector(station.pk, 1)
    return station


@pytest.fixture
def profile(db):
    periods = [{"start": 0, "limit": "16.0"}]
    return ChargingProfile.objects.create(name="By day", kind="Relative", periods=periods)


@pytest.fixture
def post(administrator):
    return lambda url, **body: administrator.post(url, body, content_type="application/json")


def test_a_profile_is_made_read_and_changed(administrator, post):
    made = post(LIBRARY, **PROFILE)
    assert made.status_code == 201
    stored = ChargingProfile.objects.get()
    assert stored.periods == [{"start": 0, "limit": "16.0"}, {"start": 3600, "limit": "8.5", "phases": 1}]
    assert stored.created_by.username == "administrator"
    assert made.json()["periods"] == stored.periods
    url = f"{LIBRARY}{stored.pk}/"
    changed = administrator.patch(url, {"stack_level": 2}, content_type="application/json").json()
    assert (changed["stack_level"], changed["name"]) == (2, "By day")
    assert changed["changed_at"] > made.json()["changed_at"]
    archived = administrator.patch(url, {"archived": True}, content_type="application/json").json()
    assert archived["archived_at"] is not None
    assert administrator.get(LIBRARY).json()["results"] == []
    assert len(administrator.get(f"{LIBRARY}?archived=true").json()["results"]) == 1


WRONG = [
    {"periods": []},
    {"periods": "x"},
    {"periods": [{"start": 5, "limit": "16"}]},
    {"periods": [{"start": 0, "limit": "16"}, {"start": 0, "limit": "8"}]},
    {"periods": [{"start": 0, "limit": "-1"}]},
    {"periods": [{"start": 0, "limit": "1.55"}]},
    {"periods": [{"start": 0, "limit": "NaN"}]},
    {"periods": [{"start": 2**40, "limit": "16"}]},
    {"periods": [{"start": 0, "limit": "16", "phases": 4}]},
    {"kind": "Recurring"},
    {"kind": "Absolute"},
    {"recurrency": "Daily"},
    {"purpose": "ChargePointMaxProfile"},
    {"stack_level": 2**31},
    {"duration_s": 0},
    {"valid_from": "2027-01-02T00:00:00Z", "valid_to": "2027-01-01T00:00:00Z"},
    {"kind": "Absolute", "starts_at": "9999-12-31T23:30:00Z", "duration_s": 86_400},
    {"kind": "Absolute", "starts_at": "0001-01-01T00:00:00Z"},
    {"valid_from": "0001-01-01T00:00:00Z"},
    {"valid_to": "9999-12-31T23:30:00Z"},
]


@pytest.mark.parametrize("said", WRONG, ids=str)
def test_what_contradicts_itself_is_refused(post, problem, said):
    problem(post(LIBRARY, **{**PROFILE, **said}), 400)
    assert not ChargingProfile.objects.exists()


def test_a_name_in_use_is_taken(post, problem, profile):
    found = problem(post(LIBRARY, **{**PROFILE, "name": "BY DAY"}), 400)
    assert found["errors"][0]["path"] == "$.name"


def test_a_station_is_told(administrator, post, connected, profile):
    response = post(f"{LIBRARY}{profile.pk}/assign/", charge_point="cp1", connector_id=1, idempotency_key="k")
    body = response.json()
    assert (response.status_code, body["state"], body["profile"], body["connector_id"]) == (202, "asked", profile.pk, 1)
    command = Command.objects.get()
    assert (body["command"], command.source) == (str(command.pk), "api")
    assert command.payload["csChargingProfiles"] == body["payload"]
    again = post(f"{LIBRARY}{profile.pk}/assign/", charge_point="cp1", connector_id=1, idempotency_key="k")
    assert again.json()["id"] == body["id"]
    assert administrator.get(f"{ASSIGNED}?charge_point=CP1&state=asked").json()["results"] == [body]
    assert administrator.get(f"{ASSIGNED}?state=installed").json()["results"] == []


def test_the_key_of_another_command_brings_no_profile(post, problem, connected, profile):
    sent = post(f"{STATION}/commands/", action="ClearCache", idempotency_key="k")
    assert sent.status_code == 202
    refused = post(f"{LIBRARY}{profile.pk}/assign/", charge_point="CP1", idempotency_key="k")
    assert problem(refused, 409)["detail"] == "This idempotency key stands for another command to this charger."
    assert (Assignment.objects.count(), Command.objects.count()) == (0, 1)


def test_a_session_is_told(post, problem, connected):
    periods = [{"start": 0, "limit": "0.0"}]
    pause = ChargingProfile.objects.create(name="Pause", kind="Relative", purpose="TxProfile", periods=periods)
    url = f"{LIBRARY}{pause.pk}/assign/"
    open_ = {"stopped_at": None, "meter_stop_wh": None, "stop_reason": "", "ended_by": ""}
    session = make_transaction(connected.connectors.get(), None, timezone.now() - timedelta(hours=1), **open_)
    assert "choose the session" in problem(post(url, charge_point="CP1", connector_id=1), 409)["detail"]
    problem(post(url, charge_point="CP1", connector_id=1, transaction=session.pk + 1), 400)
    told = post(url, charge_point="CP1", connector_id=1, transaction=session.pk)
    assert (told.status_code, told.json()["transaction"]) == (202, session.pk)


def test_what_speaks_against_it_is_said(post, problem, connected, profile):
    url = f"{LIBRARY}{profile.pk}/assign/"
    assert "no connector 7" in problem(post(url, charge_point="CP1", connector_id=7), 409)["detail"]
    problem(post(url, charge_point="nobody"), 400)
    problem(post(url, charge_point="CP1", valid_until="2020-01-01T00:00:00Z"), 400)
    assert not Command.objects.exists()


def test_one_is_cleared(administrator, post, problem, connected, profile):
    number = post(f"{LIBRARY}{profile.pk}/assign/", charge_point="CP1").json()["id"]
    url = f"{ASSIGNED}{number}/clear/"
    problem(post(url), 409)
    Assignment.objects.update(state="installed", installed_at=timezone.now())
    response = post(url)
    assert (response.status_code, response.json()["action"]) == (202, "ClearChargingProfile")
    assert response.json()["payload"] == {"id": Assignment.objects.get().charging_profile_id}


@pytest.mark.parametrize(
    ("said", "payload"),
    [
        ({"all": True}, {}),
        ({"connector_id": 0}, {"connectorId": 0}),
        ({"purpose": "TxProfile", "stack_level": 3}, {"chargingProfilePurpose": "TxProfile", "stackLevel": 3}),
    ],
)
def test_several_are_cleared(post, connected, said, payload):
    response = post(f"{STATION}/clear-profiles/", **said)
    assert (response.status_code, response.json()["payload"]) == (202, payload)


@pytest.mark.parametrize("said", [{}, {"all": False}, {"all": True, "connector_id": 1}, {"purpose": "x"}])
def test_nothing_is_cleared_by_mistake(post, problem, connected, said):
    problem(post(f"{STATION}/clear-profiles/", **said), 400)
    assert not Command.objects.exists()


def test_what_we_expect(administrator, post, problem, connected, profile):
    assert administrator.get(f"{STATION}/composite-schedule/?connector_id=1").json()["periods"] == [
        {"start": 0, "limit": None, "phases": 3}
    ]
    post(f"{LIBRARY}{profile.pk}/assign/", charge_point="CP1")
    Assignment.objects.update(state="installed", installed_at=timezone.now() - timedelta(hours=1))
    found = administrator.get(f"{STATION}/composite-schedule/?connector_id=1&hours=2&unit=W").json()
    assert (found["hours"], found["unit"]) == (2, "W")
    assert found["periods"] == [{"start": 0, "limit": "11040.0", "phases": 3}]
    problem(administrator.get(f"{STATION}/composite-schedule/?hours=0"), 400)
    problem(administrator.get(f"{STATION}/composite-schedule/?hours=1000"), 400)


def test_the_station_is_asked_and_compared(administrator, post, connected):
    response = post(f"{STATION}/composite-schedule/", connector_id=1, hours=1)
    assert (response.status_code, response.json()["payload"]) == (
        202,
        {"connectorId": 1, "duration": 3600, "chargingRateUnit": "A"},
    )
    begins = timezone.now().replace(microsecond=0)
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}]}
    schedule["chargingSchedulePeriod"].append({"startPeriod": 1800, "limit": 10})
    reading = CompositeReading.objects.create(
        charge_point=connected, connector_id=1, starts_at=begins, duration_s=3600, unit="A", schedule=schedule
    )
    (listed,) = administrator.get("/api/v1/composite-readings/?charge_point=CP1").json()["results"]
    assert listed["schedule"] == schedule
    assert "differences" not in listed
    found = administrator.get(f"/api/v1/composite-readings/{reading.pk}/").json()["differences"]
    assert [(row["expected"], row["reported"]) for row in found] == [(None, "10.0")]
    assert found[0]["begin"] == f"{begins + timedelta(minutes=30):%Y-%m-%dT%H:%M:%SZ}"
