"""Profiles that keep to the clock on the wall, when the clocks change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from freezegun import freeze_time

from charging_profiles.belief import composite
from charging_profiles.clock_changes import resend_due
from charging_profiles.models import Assignment, ChargingProfile
from stations.models import ChargePoint, Command, GatewayProcess, RegistrationStatus

from .conftest import answer, lose, make_profile, states
from .timetable import written

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
#: Clocks go forward at 01:00 UTC of 29 March 2026 and back at 01:00 UTC of 25 October.
SPRING, AUTUMN = datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)
WINTER = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def clock(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    settings.TIME_ZONE = "Europe/Berlin"
    monkeypatch.setattr("stations.models.gateway_process.patient_now", timezone.now)
    with freeze_time(WINTER) as clock:
        yield clock


@pytest.fixture
def move(clock: Any) -> Callable[[datetime], int]:
    """`move(to)`: it is that time, the station is still on the line, and the clock job has run."""

    def move(to: datetime) -> int:
        clock.move_to(to)
        GatewayProcess.objects.update(beat_at=to)
        return resend_due(to)

    return move


@pytest.fixture
def nightly(clock: Any, give: Callable[..., Assignment]) -> Assignment:
    start = datetime(2025, 12, 31, 23, tzinfo=UTC)
    return give(make_profile(follows_clock=True, starts_at=start))


def starts() -> list[str]:
    rows = Assignment.objects.order_by("pk").values_list("payload", flat=True)
    return [payload["chargingSchedule"]["startSchedule"] for payload in rows]


def last() -> Assignment:
    return Assignment.objects.order_by("pk").last()


def test_nothing_happens_until_they_change(nightly: Assignment, move: Callable[[datetime], int]) -> None:
    assert [move(moment) for moment in (WINTER + DAY, SPRING - timedelta(seconds=1))] == [0, 0]
    assert starts() == ["2026-03-09T23:00:00Z"]


def test_forward_and_back(nightly: Assignment, move: Callable[[datetime], int]) -> None:
    assert move(SPRING) == 1
    answer(last().command)
    assert move(SPRING + DAY) == 0
    assert move(AUTUMN - timedelta(seconds=1)) == 0
    assert move(AUTUMN + timedelta(hours=1)) == 1  # freezegun forgets which of the two hours it is before that
    answer(last().command)
    assert move(AUTUMN + DAY) == 0
    assert states() == ["replaced", "replaced", "installed"]
    assert starts() == ["2026-03-09T23:00:00Z", "2026-03-28T22:00:00Z", "2026-10-24T23:00:00Z"]


def test_only_the_beginning_is_another(nightly: Assignment, move: Callable[[datetime], int]) -> None:
    """Also where the library's profile has been changed since: nobody has asked for that to be sent."""
    ChargingProfile.objects.update(periods=[{"start": 0, "limit": "6"}], starts_at=WINTER)
    move(SPRING)
    again = last()
    assert (again.profile_id, again.charging_profile_id) == (nightly.profile_id, nightly.charging_profile_id)
    told = {**nightly.payload["chargingSchedule"], "startSchedule": "2026-03-28T22:00:00Z"}
    assert again.payload == {**nightly.payload, "chargingSchedule": told}
    assert again.command.payload == {"connectorId": 1, "csChargingProfiles": again.payload}


def test_the_clock_may_come_late(nightly: Assignment, move: Callable[[datetime], int]) -> None:
    assert move(SPRING + timedelta(days=40, hours=3)) == 1
    assert starts()[-1] == "2026-05-07T22:00:00Z"


def test_twice_does_no_harm(nightly: Assignment, move: Callable[[datetime], int]) -> None:
    assert [move(SPRING + timedelta(minutes=minute)) for minute in range(3)] == [1, 0, 0]
    assert Command.objects.count() == 2


@pytest.mark.parametrize("says", ["Rejected", None])
def test_a_refusal_or_silence_is_tried_again_the_next_day(
    nightly: Assignment, move: Callable[[datetime], int], says: str | None
) -> None:
    move(SPRING)
    if says is None:
        lose(last().command)
    else:
        answer(last().command, says)
    assert move(SPRING + timedelta(hours=23)) == 0
    assert move(SPRING + timedelta(hours=25)) == 1


def test_a_station_that_is_away_hears_it_when_it_returns(
    online: ChargePoint, nightly: Assignment, move: Callable[[datetime], int]
) -> None:
    ChargePoint.objects.update(connection="", gateway=None)
    assert move(SPRING) == 1
    command = last().command
    assert (command.status, command.valid_until) == ("queued", SPRING + DAY)


def test_one_that_waits_is_not_replaced_by_what_it_replaces(
    nightly: Assignment, give: Callable[..., Assignment], move: Callable[[datetime], int], clock: Any
) -> None:
    clock.move_to(SPRING - timedelta(hours=2))
    ChargePoint.objects.update(connection="", gateway=None)
    newer = make_profile("Newer", follows_clock=True, starts_at=nightly.profile.starts_at)
    waiting = give(newer, says=None, valid_until=SPRING + DAY)
    assert move(SPRING) == 0
    ChargePoint.objects.update(connection="c1", gateway=GatewayProcess.objects.get())
    answer(waiting.command)
    assert move(SPRING + timedelta(minutes=1)) == 1
    assert (last().profile, last().payload["chargingSchedule"]["startSchedule"]) == (newer, "2026-03-28T22:00:00Z")
    answer(last().command)
    assert states() == ["replaced", "replaced", "installed"]


@pytest.mark.parametrize(
    "fields",
    [
        {"registration_status": RegistrationStatus.REJECTED},
        {"archived_at": WINTER},
    ],
)
def test_stations_out_of_use_are_left_alone(
    nightly: Assignment, move: Callable[[datetime], int], fields: dict[str, Any]
) -> None:
    ChargePoint.objects.update(**fields)
    assert move(SPRING) == 0


def test_profiles_that_are_gone_or_need_no_clock(
    nightly: Assignment, give: Callable[..., Assignment], move: Callable[[datetime], int]
) -> None:
    give(make_profile("Free", follows_clock=False), 2)
    give(make_profile("Relative", kind="Relative", follows_clock=True), 3)
    give(make_profile("Over", follows_clock=True, valid_to=SPRING - DAY), 4)
    Assignment.objects.filter(pk=nightly.pk).update(state="cleared", ended_at=WINTER)
    assert move(SPRING) == 0


def test_one_that_begins_next_summer_is_right_already(
    clock: Any, give: Callable[..., Assignment], move: Callable[[datetime], int]
) -> None:
    give(make_profile(follows_clock=True, starts_at=datetime(2026, 6, 30, 22, tzinfo=UTC)))
    assert [move(moment) for moment in (SPRING, SPRING + 120 * DAY, AUTUMN + DAY)] == [0, 0, 1]
    assert starts()[-1] == "2026-10-25T23:00:00Z"


def test_what_is_believed_is_the_same_before_and_after_it_was_sent(
    online: ChargePoint, nightly: Assignment, move: Callable[[datetime], int], clock: Any
) -> None:
    noon = SPRING + timedelta(hours=9)  # 12:00 in summer
    clock.move_to(SPRING - timedelta(hours=1))
    before = written(composite(online, 1, begin=noon, unit="A"))
    move(SPRING)
    answer(last().command)
    assert written(composite(online, 1, begin=noon, unit="A")) == before == "0:00 16.5/1, 12:00 10, 19:00 16.5/1"
