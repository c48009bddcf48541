"""The cast of the profile tests: a station on the line of some other process, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from charging_profiles import assignments, clearing
from charging_profiles.models import Assignment, ChargingProfile, Kind, Purpose
from stations import commands
from stations.commands import SYSTEM
from stations.connectors import get_connector
from stations.models import ChargePoint, Command, CommandStatus, ConfigurationKey, GatewayProcess
from tests.conftest import make_station
from transactions.models import AuthorizationStatus, EndedBy, Transaction

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)


def make_profile(name: str = "Night", **fields: Any) -> ChargingProfile:
    """Sixteen amperes by day and ten by night, every day, for every session; not tied to the clock on the wall."""
    known = {
        "kind": Kind.RECURRING,
        "recurrency": "Daily" if fields.get("kind", Kind.RECURRING) == Kind.RECURRING else "",
        "starts_at": None if fields.get("kind") == Kind.RELATIVE else MIDNIGHT,
        "periods": [{"start": 0, "limit": "10.0"}, {"start": 25_200, "limit": "16.5", "phases": 1}],
        "follows_clock": False,
    }
    return ChargingProfile.objects.create(name=name, **{**known, **fields})


def online_station(identity: str = "CP1", **fields: Any) -> ChargePoint:
    """Held by a process that lives, somewhere else."""
    process = GatewayProcess.objects.create(channel=f"elsewhere {identity}", host="b", pid=1)
    return make_station(identity, gateway=process, connection="c1", **fields)


def set_key(station: ChargePoint, key: str, value: str) -> None:
    ConfigurationKey.objects.create(charge_point=station, key=key, value=value)


def make_session(station: ChargePoint, connector_id: int = 1, started_at: datetime | None = None) -> Transaction:
    moment = started_at or timezone.now() - timedelta(hours=1)
    return Transaction.objects.create(
        charge_point=station,
        connector=get_connector(station.pk, connector_id),
        id_tag="CAFE",
        authorization_status=AuthorizationStatus.ACCEPTED,
        started_at=moment,
        start_reported_at=moment,
        meter_start_wh=0,
        register_wh=0,
        register_at=moment,
    )


def end_session(session: Transaction, at: datetime | None = None) -> None:
    Transaction.objects.filter(pk=session.pk).update(stopped_at=at or timezone.now(), ended_by=EndedBy.STATION)


def answer(command: Command | None, status: str = "Accepted") -> Command:
    """The command leaves and its station answers, as the gateway does it."""
    assert command is not None
    command = Command.objects.get(pk=command.pk)
    assert commands.mark_sent(command, "c1")
    end = CommandStatus.ACCEPTED if status == "Accepted" else CommandStatus.REJECTED
    assert commands.close_command(command, end, answer={"status": status})
    settle = {
        "SetChargingProfile": assignments.answered,
        "RemoteStartTransaction": assignments.came_with_start,
        "ClearChargingProfile": clearing.cleared,
    }[command.action]
    settle(command, status, at=timezone.now())
    return command


def lose(command: Command | None, status: CommandStatus = CommandStatus.TIMED_OUT, error_code: str = "") -> Command:
    """The command leaves and nothing usable comes back."""
    assert command is not None
    command = Command.objects.get(pk=command.pk)
    assert commands.mark_sent(command, "c1")
    assert commands.close_command(command, status, error_code=error_code)
    return Command.objects.get(pk=command.pk)


def states() -> list[str]:
    return list(Assignment.objects.order_by("pk").values_list("state", flat=True))


@pytest.fixture
def online(db: None) -> ChargePoint:
    return online_station()


@pytest.fixture
def give(online: ChargePoint) -> Callable[..., Assignment]:
    """`give(profile, 1)`: assigned to the station and accepted; `says=None` leaves it on its way."""

    def give(profile: ChargingProfile, connector_id: int = 1, says: str | None = "Accepted", **more: Any) -> Assignment:
        row = assignments.assign(profile, online, connector_id, origin=SYSTEM, **more)
        if says is not None:
            answer(row.command, says)
        row.refresh_from_db()
        return row

    return give


#: A profile as an expert types it.
WIRE: dict[str, Any] = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": Purpose.TX_DEFAULT,
    "chargingProfileKind": "Relative",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 12}]},
}


@pytest.fixture
def tell(online: ChargePoint) -> Callable[..., Command]:
    """`tell(stackLevel=1)`: a SetChargingProfile that did not come from the library."""

    def tell(connector_id: int = 1, **members: Any) -> Command:
        payload = {"connectorId": connector_id, "csChargingProfiles": {**WIRE, **members}}
        return commands.queue_command(online, "SetChargingProfile", payload)

    return tell
