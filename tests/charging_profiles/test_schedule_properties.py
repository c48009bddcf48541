"""What holds for every set of profiles, whatever is in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from charging_profiles.schedule import (
    Period,
    Profile,
    Schedule,
    at_second,
    composite,
    merged,
    steps,
    total,
    wall_clock_start,
)

from .timetable import SESSION, hour

DAY = 86_400
BERLIN = ZoneInfo("Europe/Berlin")
#: Noon of the day before the clocks go forward.
BEFORE_SPRING = datetime(2026, 3, 28, 12, tzinfo=UTC)

seconds = st.integers(0, 2 * DAY) | st.sampled_from([0, 1, 3600, DAY - 1, DAY, DAY + 1])
tenths = st.integers(0, 640).map(lambda number: Decimal(number).scaleb(-1))
moments = st.none() | st.integers(-3 * DAY, 3 * DAY).map(lambda offset: BEFORE_SPRING + timedelta(seconds=offset))


@st.composite
def profiles(draw: Any, unit: str | None = None) -> Profile:
    starts = sorted({0, *draw(st.lists(seconds, max_size=4))})
    kind = draw(st.sampled_from(["Absolute", "Recurring", "Relative"]))
    in_unit = unit or draw(st.sampled_from("AW"))
    scale = 1 if in_unit == "A" else 690
    return Profile(
        connector_id=draw(st.integers(0, 2)),
        profile_id=draw(st.integers(1, 99)),
        purpose=draw(st.sampled_from(["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"])),
        stack_level=draw(st.integers(0, 3)),
        kind=kind,
        recurrency=draw(st.sampled_from(["Daily", "Weekly"])) if kind == "Recurring" else None,
        transaction_id=draw(st.sampled_from([None, SESSION, SESSION + 1])),
        valid_from=draw(moments),
        valid_to=draw(moments),
        clock=draw(st.sampled_from([None, BERLIN])),
        schedule=Schedule(
            unit=in_unit,
            periods=tuple(Period(start, draw(tenths) * scale, draw(st.integers(1, 3))) for start in starts),
            start=draw(moments),
            duration=draw(st.none() | st.integers(1, 2 * DAY)),
        ),
    )


stacks = st.lists(profiles(), max_size=6)
windows = st.fixed_dictionaries(
    {
        "connector_id": st.integers(0, 2),
        "begin": st.integers(-DAY, DAY).map(lambda offset: BEFORE_SPRING + timedelta(seconds=offset)),
        "duration_s": st.integers(1, 2 * DAY),
        "unit": st.sampled_from("AW"),
        "transaction": st.none() | st.just((SESSION, BEFORE_SPRING - timedelta(hours=3))),
    }
)


def counts(profile: Profile, others: list[Profile], window: dict[str, Any], second: int) -> bool:
    """Whether a profile has the say of its purpose: no other one that speaks at that second stands above it."""
    rank = place(profile, window)
    speaking = [
        other for other in others if place(other, window) is not None and says(other, window, second) is not None
    ]
    if rank is None or profile not in speaking:
        return False
    rivals = [other for other in speaking if (other.purpose == "ChargePointMaxProfile") == (rank[0] == "cap")]
    return all(place(other, window) <= rank for other in rivals)


def place(profile: Profile, window: dict[str, Any]) -> tuple[str, int, int] | None:
    """(cap or session, who overrules whom, level); None where it has no say at all."""
    connector_id, transaction = window["connector_id"], window["transaction"]
    if profile.purpose == "ChargePointMaxProfile":
        return ("cap", 0, profile.stack_level) if profile.connector_id == 0 else None
    if connector_id == 0:
        return None
    if profile.purpose == "TxProfile":
        mine = profile.connector_id == connector_id and transaction and profile.transaction_id in (None, SESSION)
        return ("session", 2, profile.stack_level) if mine else None
    if profile.connector_id in (connector_id, 0):
        return ("session", int(profile.connector_id == connector_id), profile.stack_level)
    return None


def says(profile: Profile, window: dict[str, Any], second: int) -> Decimal | None:
    session = window["transaction"]
    layer = steps(
        profile,
        begin=window["begin"],
        duration_s=window["duration_s"],
        unit=window["unit"],
        session_start=None if session is None else session[1],
    )
    return at_second(layer, second).limit


@given(stacks, windows, st.floats(0, 1, exclude_max=True))
@settings(max_examples=300, deadline=None)
def test_it_is_the_lowest_of_what_counts_and_never_above_it(
    held: list[Profile], window: dict[str, Any], where: float
) -> None:
    second = int(where * window["duration_s"])
    found = at_second(composite(held, **window), second)
    active = [says(profile, window, second) for profile in held if counts(profile, held, window, second)]
    assert found.limit == min((limit for limit in active if limit is not None), default=None)


@given(stacks, windows)
@settings(max_examples=200, deadline=None)
def test_periods_are_in_order_from_the_beginning_to_the_end(held: list[Profile], window: dict[str, Any]) -> None:
    found = composite(held, **window)
    starts = [period.start for period in found]
    assert starts[0] == 0
    assert all(one < next_one for one, next_one in pairwise(starts))
    assert starts[-1] < window["duration_s"]
    lengths = [until - since for since, until in pairwise([*starts, window["duration_s"]])]
    assert sum(lengths) == window["duration_s"]
    assert min(lengths) > 0


@given(stacks, windows)
@settings(max_examples=150, deadline=None)
def test_neighbours_differ_and_merging_again_changes_nothing(held: list[Profile], window: dict[str, Any]) -> None:
    found = composite(held, **window)
    assert merged(found) == found
    assert all((one.limit, one.phases) != (other.limit, other.phases) for one, other in pairwise(found))


@given(stacks, windows, st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_the_order_of_profiles_does_not_matter(held: list[Profile], window: dict[str, Any], random: Any) -> None:
    mixed = list(held)
    random.shuffle(mixed)
    assert composite(mixed, **window) == composite(held, **window)


@given(stacks, windows, st.floats(0, 1, exclude_max=True))
@settings(max_examples=150, deadline=None)
def test_a_window_that_begins_later_sees_the_same(held: list[Profile], window: dict[str, Any], where: float) -> None:
    """Relative profiles aside, which begin now where no session runs."""
    window = {**window, "transaction": (SESSION, BEFORE_SPRING - timedelta(hours=3))}
    second = int(where * window["duration_s"])
    later = {**window, "begin": window["begin"] + timedelta(seconds=second), "duration_s": 1}
    whole, part = at_second(composite(held, **window), second), composite(held, **later)[0]
    assert (whole.limit, whole.phases) == (part.limit, part.phases)


@given(stacks, profiles(), windows, st.floats(0, 1, exclude_max=True))
@settings(max_examples=150, deadline=None)
def test_a_cap_only_ever_lowers(held: list[Profile], one: Profile, window: dict[str, Any], where: float) -> None:
    limits = [profile for profile in held if profile.purpose != "ChargePointMaxProfile"]
    caps = [profile for profile in [*held, one] if profile.purpose == "ChargePointMaxProfile"]
    second = int(where * window["duration_s"])
    without, with_caps = (at_second(composite(some, **window), second).limit for some in (limits, limits + caps))
    assert without is None or (with_caps is not None and with_caps <= without)


@given(st.lists(profiles(unit="A"), max_size=5), windows)
@settings(max_examples=100, deadline=None)
def test_limits_in_the_asked_unit_are_those_that_were_given(held: list[Profile], window: dict[str, Any]) -> None:
    told = {None, *(period.limit for profile in held for period in profile.schedule.periods)}
    assert {period.limit for period in composite(held, **{**window, "unit": "A"})} <= told


@given(st.lists(stacks, min_size=1, max_size=3), windows, st.floats(0, 1, exclude_max=True))
@settings(max_examples=75, deadline=None)
def test_a_total_is_never_above_its_cap_nor_above_its_parts(
    several: list[list[Profile]], window: dict[str, Any], where: float
) -> None:
    second = int(where * window["duration_s"])
    parts, cap = [composite(held, **window) for held in several], composite(several[0], **{**window, "connector_id": 0})
    found = total(parts, cap)
    limit, top = at_second(found, second).limit, at_second(cap, second).limit
    drawn = [at_second(part, second).limit for part in parts]
    assert merged(found) == found
    assert top is None or (limit is not None and limit <= top)
    if None not in drawn:
        assert limit is not None
        assert limit <= sum(drawn)


@given(st.integers(0, 400 * 24), st.integers(0, 400 * 24), st.sampled_from([1, 7]))
@settings(max_examples=150, deadline=None)
def test_a_wall_clock_start_shows_the_same_time_of_day(start_hours: int, at_hours: int, days: int) -> None:
    start, at = sorted([hour(start_hours), hour(at_hours)])
    begun = wall_clock_start(start, at=at, zone=BERLIN, every=timedelta(days=days))
    offset = at.astimezone(BERLIN).utcoffset()
    assert offset is not None
    if begun != start:
        assert (begun + offset).time() == start.astimezone(BERLIN).time()
        assert at - timedelta(days=days) < begun <= at
