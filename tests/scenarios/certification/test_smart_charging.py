"""Certification of central systems: remote trigger and smart charging."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from charging_profiles.models import Assignment, CompositeReading
from stations.models import StatusRecord
from transactions.models import MeterValue, Transaction

from ..speech import written
from .charge_point import now, reading_of
from .conftest import TAG

pytestmark = [pytest.mark.server, pytest.mark.long]

ACCEPTED = {"status": "Accepted"}


# Trigger

TRIGGERED: dict[str, dict[str, Any]] = {
    "Heartbeat": {},
    "StatusNotification": {"connectorId": 1, "status": "Available", "errorCode": "NoError"},
    "MeterValues": {"connectorId": 1},
    "DiagnosticsStatusNotification": {"status": "Idle"},
    "FirmwareStatusNotification": {"status": "Idle"},
}
SEEN: dict[str, dict[str, Any]] = {
    "Heartbeat": {"message": "Heartbeat"},
    "StatusNotification": {"connector_id": 1, "status": "Available"},
    "MeterValues": {"message": "MeterValues"},
    "DiagnosticsStatusNotification": {"status": "Idle"},
    "FirmwareStatusNotification": {"status": "Idle"},
}


@pytest.mark.parametrize("message", TRIGGERED)
def test_tc_054_trigger(central, cp, message):
    """Trigger a message"""
    meant = {"connectorId": 1} if "connectorId" in TRIGGERED[message] else {}
    order = central.sends(cp, "TriggerMessage", requestedMessage=message, **meant)
    cp.expects("TriggerMessage", requestedMessage=message, **meant).replies(**ACCEPTED)
    order.ends("accepted", ACCEPTED, "awaited")
    payload = TRIGGERED[message]
    if message == "MeterValues":
        payload = reading_of(1234, context="Trigger")
    answer = cp.call(message, **payload)
    assert answer.keys() == ({"currentTime"} if message == "Heartbeat" else set())
    order.ends("accepted", ACCEPTED, "seen", **SEEN[message])
    if message == "MeterValues":
        value = central.row(MeterValue, connector__charge_point__identity=cp.identity)
        assert (value.energy_wh, value.context, value.transaction_id) == (1234, "Trigger", 0)
    if message == "StatusNotification":
        wanted = {"connector__charge_point__identity": cp.identity, "connector__connector_id": 1}
        assert central.rows(StatusRecord, **wanted).count() == 2


def test_tc_055_trigger_rejected(central, cp):
    """Trigger a message, rejected"""
    order = central.sends(cp, "TriggerMessage", requestedMessage="MeterValues", connectorId=7)
    cp.expects("TriggerMessage", requestedMessage="MeterValues", connectorId=7).replies(status="Rejected")
    order.ends("rejected", {"status": "Rejected"})
    assert cp.is_told_nothing()


# Smart charging


def assigns(central, cp, profile: dict[str, Any], connector: int = 1, **meant: Any) -> tuple[int, dict[str, Any]]:
    """A profile enters the library and is told the charge point, both over REST: the assignment, and what was told."""
    entered = {"name": f"{profile['purpose']} {cp.identity} {connector}", **profile}
    number = central.rest.post("charging-profiles/", entered)["id"]
    order = {"charge_point": cp.identity, "connector_id": connector, **meant}
    assigned = central.rest.post(f"charging-profiles/{number}/assign/", order)
    told = cp.hears("SetChargingProfile")
    assert told.payload["connectorId"] == connector
    told.replies(**ACCEPTED)
    comes_to(central, assigned["id"], "installed")
    return assigned["id"], told.payload["csChargingProfiles"]


def comes_to(central, assignment: int, state: str) -> None:
    row = central.rows(Assignment, pk=assignment)
    central.comes_to(lambda: row.get().state, state)
    assert central.rest.get(f"assigned-profiles/{assignment}/")["state"] == state


def begins() -> str:
    return written(datetime.now(UTC) - timedelta(hours=1))


def default(start: str, limit: str = "16.0") -> dict[str, Any]:
    """A TxDefaultProfile for a day."""
    return {
        "purpose": "TxDefaultProfile",
        "kind": "Absolute",
        "starts_at": start,
        "duration_s": 86_400,
        "periods": [{"start": 0, "limit": limit}, {"start": 7200, "limit": "10.3", "phases": 3}],
    }


def test_tc_056_tx_default_profile(central, cp):
    """A default profile for sessions"""
    start = begins()
    assignment, told = assigns(central, cp, default(start))
    periods = [{"startPeriod": 0, "limit": 16}, {"startPeriod": 7200, "limit": 10.3, "numberPhases": 3}]
    assert told == {
        "chargingProfileId": told["chargingProfileId"],
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "startSchedule": start,
            "duration": 86_400,
            "chargingSchedulePeriod": periods,
        },
    }
    row = central.row(Assignment, pk=assignment)
    assert (row.purpose, row.connector_id, row.payload, row.transaction) == ("TxDefaultProfile", 1, told, None)
    central.command_of(cp, "SetChargingProfile").ends("accepted", ACCEPTED)


def test_tc_057_tx_profile(central, cp):
    """A profile for the session that runs"""
    number = cp.starts(TAG)
    cp.shows("Charging")
    limit = {"purpose": "TxProfile", "kind": "Relative", "periods": [{"start": 0, "limit": "6.0"}]}
    assignment, told = assigns(central, cp, limit, transaction=number)
    assert told == {
        "chargingProfileId": told["chargingProfileId"],
        "transactionId": number,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6}]},
    }
    assert central.row(Assignment, pk=assignment).transaction_id == number
    cp.stops(number)
    central.hands_move("charging profiles are settled", 0)
    comes_to(central, assignment, "ended")  # a TxProfile ends with its session


def test_tc_059_remote_start_with_a_profile(central, cp):
    """Remote start with a charging profile"""
    profile = {
        "chargingProfileId": 7,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10}]},
    }
    wanted = {"connectorId": 1, "idTag": TAG, "chargingProfile": profile}
    order = central.sends(cp, "RemoteStartTransaction", **wanted)
    cp.expects("RemoteStartTransaction", **wanted).replies(**ACCEPTED)
    cp.shows("Preparing")
    assert cp.authorizes(TAG) == ACCEPTED
    number = cp.starts(TAG)
    cp.shows("Charging")
    order.ends("accepted", ACCEPTED, "seen", transaction=number)
    row = central.of(cp, Assignment).get()
    assert (row.state, row.charging_profile_id, row.purpose, row.payload) == ("installed", 7, "TxProfile", profile)
    assert central.of(cp, Transaction).get().is_running


def test_tc_066_composite_schedule(central, cp):
    """Composite schedule"""
    start = begins()
    whole = {"purpose": "ChargePointMaxProfile", "kind": "Absolute", "starts_at": start}
    assigns(central, cp, {**whole, "duration_s": 86_400, "periods": [{"start": 0, "limit": "14.0"}]}, 0)
    assigns(central, cp, default(start))
    address = f"charge-points/{cp.identity}/composite-schedule/"
    command = central.rest.post(address, {"connector_id": 1, "hours": 1, "unit": "A"})
    told = cp.expects("GetCompositeSchedule", connectorId=1, duration=3600, chargingRateUnit="A")
    periods = [{"startPeriod": 0, "limit": 14.0, "numberPhases": 3}]
    schedule = {"duration": 3600, "chargingRateUnit": "A", "chargingSchedulePeriod": periods}
    answer = {"status": "Accepted", "connectorId": 1, "scheduleStart": now(), "chargingSchedule": schedule}
    told.replies(**answer)
    central.command_of(cp, "GetCompositeSchedule").ends("accepted", answer)
    reading = central.of(cp, CompositeReading).get()
    assert (str(reading.command_id), reading.connector_id, reading.duration_s) == (command["id"], 1, 3600)
    shown = central.rest.get(f"composite-readings/{reading.pk}/")
    assert (shown["schedule"]["chargingSchedulePeriod"], shown["differences"]) == (periods, [])  # the lower one holds


def test_tc_067_clear_profiles(central, cp):
    """Clear charging profiles: one by its number, others by what they are for"""
    first, told = assigns(central, cp, default(begins()))
    second, _ = assigns(central, cp, default(begins()), 2)
    central.rest.post(f"assigned-profiles/{first}/clear/", {})
    cp.expects("ClearChargingProfile", id=told["chargingProfileId"]).replies(**ACCEPTED)
    comes_to(central, first, "cleared")
    comes_to(central, second, "installed")
    central.rest.post(f"charge-points/{cp.identity}/clear-profiles/", {"purpose": "TxDefaultProfile", "stack_level": 0})
    meant = {"chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 0}
    cp.expects("ClearChargingProfile", **meant).replies(**ACCEPTED)
    comes_to(central, second, "cleared")
