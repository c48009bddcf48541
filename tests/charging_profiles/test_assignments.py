"""Profiles on their way to stations: what leaves, what is stored, what takes the place of what."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.utils import timezone

from charging_profiles import assignments
from charging_profiles.assignments import FIRST_PROFILE_ID, assign, payload_of
from charging_profiles.models import Assignment, ChargingProfile, Kind, Purpose
from ocpp_gateway.v16.outgoing import read_payload
from stations.commands import SYSTEM, CommandRefused, Origin
from stations.connectors import get_connector
from stations.models import ChargePoint, Command
from stations.services import forget_discovered
from tests.conftest import make_station
from tests.scenarios.speech import starts
from transactions.limits import FIRST_PROFILE_ID as FIRST_OF_LIMITS
from transactions.limits import limit_connector

from .conftest import WIRE, answer, make_profile, make_session, online_station, states

pytestmark = pytest.mark.django_db
JUNE = datetime(2026, 6, 10, 12, tzinfo=UTC)


# What stands on the wire


def test_a_profile_as_it_is_told(online: ChargePoint) -> None:
    profile = make_profile(stack_level=2, min_rate=Decimal("6.0"), valid_to=datetime(2030, 1, 1, tzinfo=UTC))
    payload = payload_of(profile, charging_profile_id=77, at=JUNE)
    assert payload == {
        "chargingProfileId": 77,
        "stackLevel": 2,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Recurring",
        "recurrencyKind": "Daily",
        "validTo": "2030-01-01T00:00:00Z",
        "chargingSchedule": {
            "startSchedule": "2026-01-01T00:00:00Z",
            "chargingRateUnit": "A",
            "minChargingRate": 6,
            "chargingSchedulePeriod": [
                {"startPeriod": 0, "limit": 10},
                {"startPeriod": 25_200, "limit": 16.5, "numberPhases": 1},
            ],
        },
    }
    assert read_payload("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": payload})


def test_a_profile_for_a_session_names_it(online: ChargePoint) -> None:
    profile = make_profile(purpose=Purpose.TX, kind=Kind.RELATIVE, duration_s=3600)
    session = make_session(online)
    payload = payload_of(profile, charging_profile_id=1, transaction=session, at=JUNE)
    assert (payload["transactionId"], payload["chargingSchedule"]["duration"]) == (session.pk, 3600)
    assert "startSchedule" not in payload["chargingSchedule"]
    assert "recurrencyKind" not in payload


@pytest.mark.parametrize(
    ("at", "start"),
    [
        ("2026-06-10T12:00:00+00:00", "2026-06-09T22:00:00Z"),  # midnight in summer
        ("2026-01-10T12:00:00+00:00", "2026-01-09T23:00:00Z"),  # in winter
        ("2025-12-24T12:00:00+00:00", "2025-12-31T23:00:00Z"),  # not begun
    ],
)
def test_a_day_that_keeps_to_the_clock(settings: Any, db: None, at: str, start: str) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    profile = make_profile(follows_clock=True, starts_at=datetime(2025, 12, 31, 23, tzinfo=UTC))
    payload = payload_of(profile, charging_profile_id=1, at=datetime.fromisoformat(at))
    assert payload["chargingSchedule"]["startSchedule"] == start


# Assigning


def test_the_row_is_there_with_its_command(online: ChargePoint) -> None:
    profile = make_profile(stack_level=1)
    row = Assignment.objects.get(pk=assign(profile, online, 1, origin=Origin(actor="anna")).pk)
    assert (row.state, row.profile, row.charging_profile_id) == ("asked", profile, FIRST_PROFILE_ID)
    assert (row.purpose, row.stack_level, row.connector_id) == ("TxDefaultProfile", 1, 1)
    assert row.command is not None
    assert row.command.payload == {"connectorId": 1, "csChargingProfiles": row.payload}
    assert (row.command.action, row.command.actor, row.ended_at) == ("SetChargingProfile", "anna", None)


def test_accepted_it_is_installed(give: Callable[..., Assignment]) -> None:
    row = give(make_profile())
    assert row.state == "installed"
    assert row.installed_at is not None


@pytest.mark.parametrize("word", ["Rejected", "NotSupported"])
def test_refused_it_is_not(give: Callable[..., Assignment], word: str) -> None:
    row = give(make_profile(), says=word)
    assert (row.state, row.installed_at) == ("refused", None)
    assert row.ended_at is not None


def test_an_offline_station_is_not_told(db: None) -> None:
    row = assign(make_profile(), make_station("CP2"), 1, origin=SYSTEM)
    assert row.state == "not_sent"
    assert row.ended_at is not None
    waiting = timezone.now() + timedelta(hours=1)
    row = assign(make_profile("Other"), row.charge_point, 1, origin=SYSTEM, valid_until=waiting)
    assert row.state == "asked"


def test_all_that_speaks_against_it_is_said_and_nothing_stored(online: ChargePoint) -> None:
    profile = make_profile(purpose=Purpose.CHARGE_POINT_MAX, archived_at=timezone.now())
    with pytest.raises(CommandRefused, match="archived.*connector 0"):
        assign(profile, online, 1, origin=SYSTEM)
    assert not Assignment.objects.exists()
    assert not Command.objects.exists()


def test_the_same_key_is_the_same_row(online: ChargePoint) -> None:
    profile, origin = make_profile(), Origin(actor="anna")
    rows = [assign(profile, online, 1, origin=origin, idempotency_key="k") for _ in range(2)]
    assert rows[0] == rows[1]
    assert Command.objects.count() == 1
    assert assign(profile, online, 1, origin=Origin(actor="otto"), idempotency_key="k") != rows[0]


# Numbers


def test_each_place_has_a_number_of_its_own(give: Callable[..., Assignment]) -> None:
    profiles = [make_profile("A"), make_profile("B", stack_level=1)]
    numbers = [give(profile, connector).charging_profile_id for profile in profiles for connector in (0, 1)]
    assert numbers == [FIRST_PROFILE_ID + n for n in range(4)]


def test_what_replaces_takes_over_the_number(give: Callable[..., Assignment]) -> None:
    first, second = give(make_profile("A")), give(make_profile("B"))
    assert first.charging_profile_id == second.charging_profile_id
    assert states() == ["replaced", "installed"]


def test_but_not_the_number_of_a_limit(online: ChargePoint, give: Callable[..., Assignment]) -> None:
    answer(limit_connector(get_connector(online.pk, 1), amperes=10))
    assert Assignment.objects.get().charging_profile_id == FIRST_OF_LIMITS + 1
    assert give(make_profile()).charging_profile_id == FIRST_PROFILE_ID
    assert states() == ["replaced", "installed"]  # purpose, level and connector are the same


def test_numbers_go_on_where_the_last_ended(give: Callable[..., Assignment]) -> None:
    give(make_profile("A"))
    Assignment.objects.update(state="cleared", ended_at=timezone.now())
    assert give(make_profile("B")).charging_profile_id == FIRST_PROFILE_ID + 1


@pytest.mark.django_db(transaction=True)
def test_two_at_once_get_two_numbers() -> None:
    station, begin = online_station(), Barrier(4)
    profiles = [make_profile(str(number), stack_level=number) for number in range(4)]

    def run(profile: ChargingProfile) -> int:
        try:
            begin.wait(10)
            return assign(profile, station, 1, origin=SYSTEM).charging_profile_id
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        numbers = sorted(pool.map(run, profiles))
    assert numbers == [FIRST_PROFILE_ID + number for number in range(4)]


# What takes the place of what


def test_another_level_another_connector_another_purpose_stay(give: Callable[..., Assignment]) -> None:
    give(make_profile("A"))
    give(make_profile("B", stack_level=1))
    give(make_profile("C"), 2)
    give(make_profile("D", purpose=Purpose.CHARGE_POINT_MAX), 0)
    assert states() == ["installed"] * 4


def test_a_refused_one_replaces_nothing(give: Callable[..., Assignment]) -> None:
    give(make_profile("A"))
    give(make_profile("B"), says="Rejected")
    assert states() == ["installed", "refused"]


def test_another_station_is_another_matter(give: Callable[..., Assignment]) -> None:
    give(make_profile("A"))
    row = assign(make_profile("B"), online_station("CP2"), 1, origin=SYSTEM)
    answer(row.command)
    assert states() == ["installed", "installed"]


def test_the_same_number_replaces_wherever_it_is(tell: Callable[..., Command]) -> None:
    answer(tell(1, stackLevel=1))
    answer(tell(2, stackLevel=3))
    assert states() == ["replaced", "installed"]


# From elsewhere


def test_what_an_expert_sends_is_known_too(tell: Callable[..., Command]) -> None:
    answer(tell(2, chargingProfileId=5, stackLevel=3))
    row = Assignment.objects.get()
    assert (row.state, row.connector_id, row.charging_profile_id, row.stack_level) == ("installed", 2, 5, 3)
    assert (row.profile, row.payload["chargingSchedule"]) == (None, WIRE["chargingSchedule"])


def test_unless_it_was_refused(tell: Callable[..., Command]) -> None:
    answer(tell(), "Rejected")
    assert not Assignment.objects.exists()


def test_an_expert_s_session(online: ChargePoint, tell: Callable[..., Command]) -> None:
    session = make_session(online)
    answer(tell(chargingProfilePurpose="TxProfile", transactionId=session.pk))
    answer(tell(chargingProfilePurpose="TxProfile", transactionId=2**63, chargingProfileId=2, stackLevel=1))
    assert list(Assignment.objects.order_by("pk").values_list("transaction", flat=True)) == [session.pk, None]


def test_an_answer_counts_once(give: Callable[..., Assignment]) -> None:
    first = give(make_profile("A"))
    give(make_profile("B"))
    assert first.command is not None
    assignments.answered(first.command, "Accepted", at=timezone.now())
    assert states() == ["replaced", "installed"]


def test_a_stranger_that_was_told_a_profile_is_not_forgotten(online: ChargePoint, tell: Callable[..., Command]) -> None:
    answer(tell())
    long_ago = timezone.now() - timedelta(days=60)
    ChargePoint.objects.update(
        discovered=True, accepted_at=None, registration_status="Pending", connection="", disconnected_at=long_ago
    )
    assert forget_discovered(timezone.now()) == 0


# Over the wire


@pytest.mark.django_db(transaction=True)
async def test_from_the_library_to_the_station(cp: Any, station: ChargePoint, ended: Any, tag: Any) -> None:
    number = await starts(cp)
    profile = await sync_to_async(make_profile)(purpose=Purpose.TX, kind=Kind.RELATIVE)

    def give() -> Assignment:
        session = station.transactions.get(pk=number)
        return assign(profile, station, 1, origin=SYSTEM, transaction=session)

    row = await sync_to_async(give)()
    call = await cp.hears()
    assert (call.action, call.payload) == ("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": row.payload})
    assert call.payload["csChargingProfiles"]["transactionId"] == number
    await call.replies(status="Accepted")
    await ended(row.command)
    await row.arefresh_from_db()
    assert row.state == "installed"


@pytest.mark.django_db(transaction=True)
async def test_a_limit_becomes_a_row(cp: Any, station: ChargePoint, ended: Any) -> None:
    command = await sync_to_async(lambda: limit_connector(get_connector(station.pk, 1), amperes=10))()
    await (await cp.hears()).replies(status="Accepted")
    await ended(command)
    row = await Assignment.objects.aget()
    assert (row.state, row.charging_profile_id, row.command_id) == ("installed", FIRST_OF_LIMITS + 1, command.pk)
