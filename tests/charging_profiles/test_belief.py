"""What we believe a station holds, then and now, and what that comes to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from charging_profiles import belief
from charging_profiles.models import Assignment, Kind, Purpose
from charging_profiles.settling import settle
from stations.connectors import get_connector
from stations.models import ChargePoint, Command

from .conftest import end_session, lose, make_profile, make_session
from .timetable import written

pytestmark = pytest.mark.django_db


def flat(limit: str) -> dict[str, Any]:
    """The members of a profile that always says the same."""
    return {"kind": Kind.RELATIVE, "periods": [{"start": 0, "limit": limit}]}


def composite(station: ChargePoint, connector_id: int = 1, begin: datetime | None = None, **more: Any) -> str:
    moment = begin or timezone.now() + timedelta(seconds=1)
    return written(belief.composite(station, connector_id, begin=moment, **{"unit": "A", **more}))


def test_what_is_installed_or_may_be(online: ChargePoint, give: Callable[..., Assignment]) -> None:
    sure = give(make_profile("A", **flat("16")))
    unsure = give(make_profile("B", stack_level=1, **flat("10")), says=None)
    give(make_profile("C"), 2, says="Rejected")
    give(make_profile("D"), 3, says=None)
    Assignment.objects.filter(pk=unsure.pk).update(state="uncertain", installed_at=timezone.now())
    assert belief.active(online, timezone.now()) == [sure, unsure]
    assert composite(online) == "0:00 10"


def test_what_it_held_an_hour_ago(online: ChargePoint, give: Callable[..., Assignment]) -> None:
    before = timezone.now()
    old = give(make_profile("A", **flat("16")))
    between = timezone.now()
    new = give(make_profile("B", **flat("10")))
    assert belief.active(online, before) == []
    assert belief.active(online, between) == [old]
    assert belief.active(online, timezone.now()) == [new]


def test_nothing_is_known(online: ChargePoint) -> None:
    assert composite(online) == "0:00 -"


def test_a_day_of_the_library(online: ChargePoint, give: Callable[..., Assignment]) -> None:
    give(make_profile(), 0)
    tomorrow = (timezone.now() + timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)
    assert composite(online, begin=tomorrow.astimezone(UTC)) == "0:00 16.5/1, 12:00 10, 19:00 16.5/1"
    assert composite(online, begin=tomorrow.astimezone(UTC), hours=13, unit="W") == "0:00 3795/1, 12:00 6900"


def test_a_session_and_its_end_are_seen_at_once(online: ChargePoint, give: Callable[..., Assignment]) -> None:
    """No clock has to run in between."""
    session = make_session(online)
    give(make_profile("Default", **flat("16")), 0)
    give(make_profile("Own", purpose=Purpose.TX, **flat("8")), transaction=session)
    assert composite(online) == "0:00 8"
    assert composite(online, 2) == "0:00 16"
    end_session(session)
    assert composite(online) == "0:00 16"


def test_relative_profiles_run_with_the_session(online: ChargePoint, give: Callable[..., Assignment]) -> None:
    make_session(online, started_at=timezone.now() - timedelta(hours=2))
    periods = [{"start": 0, "limit": "16"}, {"start": 3600, "limit": "10"}]
    give(make_profile(kind=Kind.RELATIVE, periods=periods), 0)
    assert composite(online) == "0:00 10"
    assert composite(online, 2) == "0:00 16, 1:00 10"  # as if a session began now


def test_what_came_with_a_remote_start_is_of_its_session_only(
    online: ChargePoint, tell: Callable[..., Command]
) -> None:
    session = make_session(online)
    row = Assignment.objects.create(
        charge_point=online,
        connector_id=1,
        transaction=session,
        charging_profile_id=1,
        purpose=Purpose.TX,
        stack_level=0,
        state="installed",
        installed_at=timezone.now(),
        payload={
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 7}]},
        },
    )
    assert belief.profile_of(row).transaction_id == session.pk
    assert composite(online) == "0:00 7"


def test_the_whole_charger(online: ChargePoint, give: Callable[..., Assignment]) -> None:
    for number in (0, 1, 2):
        get_connector(online.pk, number)
    give(make_profile("Default", **flat("16")), 0)
    assert composite(online, 0) == "0:00 32"
    cap = make_profile(
        "Cap", purpose=Purpose.CHARGE_POINT_MAX, kind=Kind.ABSOLUTE, periods=[{"start": 0, "limit": "20"}]
    )
    give(cap, 0)
    assert composite(online, 0) == "0:00 20"
    assert composite(online, 1) == "0:00 16"


def test_a_day_that_keeps_to_the_clock_is_drawn_as_it_will_be(
    settings: Any, online: ChargePoint, give: Callable[..., Assignment]
) -> None:
    """On the day on which clocks go forward seven o'clock is six hours after midnight: it will be sent again then."""
    settings.TIME_ZONE = "Europe/Berlin"
    midnight = datetime(2027, 3, 27, 23, tzinfo=UTC)
    periods = [{"start": 0, "limit": "10"}, {"start": 25_200, "limit": "16"}]
    start = datetime(2025, 12, 31, 23, tzinfo=UTC)
    row = give(make_profile(follows_clock=True, periods=periods, starts_at=start))
    Assignment.objects.filter(pk=row.pk).update(installed_at=start)
    assert composite(online, begin=midnight) == "0:00 10, 6:00 16, 23:00 10"
    row.profile.follows_clock = False
    row.profile.save()
    assert composite(online, begin=midnight, hours=20) == "0:00 10, 7:00 16"


def test_a_lost_answer_is_counted_from_when_it_left(online: ChargePoint, give: Callable[..., Assignment]) -> None:
    lose(give(make_profile(**flat("9")), says=None).command)
    settle(timezone.now())
    assert composite(online) == "0:00 9"
