"""Composite schedules, worked out by hand from OCPP 1.6 §3.13, §5.7, §7.8 and §7.13."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from charging_profiles.schedule import (
    Limit,
    Period,
    Profile,
    composite,
    offset_changes,
    read_profile,
    steps,
    total,
    wall_clock_start,
)

from .timetable import (
    NOON,
    SESSION,
    absolute,
    cap,
    daily,
    everywhere,
    hour,
    level,
    of_session,
    periods,
    relative,
    weekly,
    written,
)

BERLIN = ZoneInfo("Europe/Berlin")
#: Midnights of the days on which the clocks go forward and back; both changes are at 01:00 UTC.
SPRING = datetime(2026, 3, 28, 23, 0, tzinfo=UTC)
AUTUMN = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Case:
    """`profiles` come to `expected` because of `why`; `session` is the hour at which the running session began."""

    why: str
    profiles: tuple[Profile, ...]
    expected: str
    session: float | None = None
    connector: int = 1
    hours: float = 24
    unit: Any = "A"
    begin: datetime = NOON
    more: dict[str, Any] = field(default_factory=dict)


def case(why: str, *profiles: Profile, gives: str, **about: Any) -> Case:
    return Case(why, profiles, gives, **about)


ONE_SCHEDULE = [
    case("nothing is said: nothing limits", gives="0:00 -"),
    case("an endless limit that has begun", absolute("0:00 16"), gives="0:00 16"),
    case("one that begins later says nothing before", absolute("0:00 16", 2), gives="0:00 -, 2:00 16"),
    case("one that began: its second step comes sooner", absolute("0:00 16, 4:00 10", -3), gives="0:00 16, 1:00 10"),
    case("its first step is over", absolute("0:00 16, 4:00 10", -5), gives="0:00 10"),
    case("a step at this very second counts", absolute("0:00 16, 4:00 10", -4), gives="0:00 10"),
    case("after the duration it says nothing", absolute("0:00 16", -1, lasts=3), gives="0:00 16, 2:00 -"),
    case("its duration is over", absolute("0:00 16", -3, lasts=2), gives="0:00 -"),
    case("its duration ends at this very second", absolute("0:00 16", -2, lasts=2), gives="0:00 -"),
    case("it begins when the window ends", absolute("0:00 16", 24), gives="0:00 -"),
    case("it begins a second before", absolute("0:00 16", 24 - 1 / 3600), gives="0:00 -, 23:59:59 16"),
    case("a step after the duration is never reached", absolute("0:00 16, 3:00 10", lasts=2), gives="0:00 16, 2:00 -"),
    case("a step at the end of the duration neither", absolute("0:00 16, 2:00 10", lasts=2), gives="0:00 16, 2:00 -"),
    case("equal neighbours are one", absolute("0:00 16, 2:00 16, 4:00 10"), gives="0:00 16, 4:00 10"),
    case("16 A on fewer phases is another limit", absolute("0:00 16, 2:00 16/1"), gives="0:00 16, 2:00 16/1"),
    case("nought is a limit: a pause", absolute("0:00 0, 1:00 6"), gives="0:00 0, 1:00 6"),
    case("tenths stay tenths", absolute("0:00 8.1, 1:00 0.3, 2:00 32.9"), gives="0:00 8.1, 1:00 0.3, 2:00 32.9"),
    case("a first step that is late leaves a gap", absolute("1:00 16"), gives="0:00 -, 1:00 16"),
    case("a window of one second has one period", absolute("0:00 16, 0:00:01 10"), gives="0:00 16", hours=1 / 3600),
    case("an empty window has its beginning", absolute("0:00 16, 1:00 10"), gives="0:00 16", hours=0),
    case("the year 9999 does not overflow", absolute("0:00 9", datetime(9999, 12, 31, tzinfo=UTC)), gives="0:00 -"),
    case("the year 1 neither", absolute("0:00 9, 1:00 8", datetime(1, 1, 1, tzinfo=UTC)), gives="0:00 8"),
]

VALIDITY = [
    case(
        "validFrom lets it in later and does not move its steps",
        absolute("0:00 16, 8:00 10", -5, valid_from=2),
        gives="0:00 -, 2:00 16, 3:00 10",
    ),
    case("validTo ends it", absolute("0:00 16", -1, valid_to=2), gives="0:00 16, 2:00 -"),
    case("validTo is not part of it", absolute("0:00 16", -1, valid_to=0), gives="0:00 -"),
    case("validFrom is", absolute("0:00 16", -1, valid_from=0), gives="0:00 16"),
    case("it was valid yesterday", absolute("0:00 16", -48, valid_to=-24), gives="0:00 -"),
    case("both bounds cut a day", daily("0:00 16", valid_from=1, valid_to=3), gives="0:00 -, 1:00 16, 3:00 -"),
    case("the duration ends before validTo", absolute("0:00 16", lasts=1, valid_to=2), gives="0:00 16, 1:00 -"),
    case("validTo ends before the duration", absolute("0:00 16", lasts=2, valid_to=1), gives="0:00 16, 1:00 -"),
]

STACK = [
    case(
        "the higher level counts, though it allows more",
        absolute("0:00 10"),
        level(1, absolute("0:00 16")),
        gives="0:00 16",
    ),
    case(
        "the order in which they came does not matter",
        level(1, absolute("0:00 16")),
        absolute("0:00 10"),
        gives="0:00 16",
    ),
    case(
        "an endless one on top never gives way",
        absolute("0:00 10, 5:00 6"),
        level(1, absolute("0:00 16, 1:00 12")),
        gives="0:00 16, 1:00 12",
    ),
    case(
        "after its duration the next lower one",
        absolute("0:00 10"),
        level(1, absolute("0:00 16", lasts=2)),
        gives="0:00 16, 2:00 10",
    ),
    case(
        "before it begins the lower one",
        absolute("0:00 10"),
        level(1, absolute("0:00 16", 2)),
        gives="0:00 10, 2:00 16",
    ),
    case(
        "while it is not valid the lower one",
        absolute("0:00 10"),
        level(1, absolute("0:00 16", -5, valid_from=2, valid_to=4)),
        gives="0:00 10, 2:00 16, 4:00 10",
    ),
    case(
        "three levels, each for its time",
        absolute("0:00 10"),
        level(1, absolute("0:00 12", lasts=4)),
        level(2, absolute("0:00 14", 1, lasts=1)),
        gives="0:00 12, 1:00 14, 2:00 12, 4:00 10",
    ),
    case("none is left: nothing limits", level(3, absolute("0:00 16", lasts=1)), gives="0:00 16, 1:00 -"),
    case(
        "levels need not follow each other",
        absolute("0:00 10"),
        level(7, absolute("0:00 16", lasts=1)),
        gives="0:00 16, 1:00 10",
    ),
    case(
        "a gap at its beginning is the lower one's",
        absolute("0:00 10"),
        level(1, absolute("2:00 16")),
        gives="0:00 10, 2:00 16",
    ),
    case(
        "two at one place, which must not be: the lower limit",
        absolute("0:00 16"),
        absolute("0:00 10"),
        gives="0:00 10",
    ),
    case(
        "a night over a base: 22 to 6 o'clock",
        absolute("0:00 16"),
        level(1, daily("0:00 32", -14, lasts=8)),
        gives="0:00 16, 10:00 32, 18:00 16",
    ),
    case(
        "a level for the session over one for the day",
        absolute("0:00 10"),
        level(1, relative("0:00 32", lasts=1)),
        gives="0:00 32, 0:30 10",
        session=-0.5,
    ),
    case(
        "two repeated ones, the upper for four hours a day",
        daily("0:00 10, 12:00 13"),
        level(1, daily("0:00 20", 2, lasts=4)),
        gives="0:00 13, 2:00 20, 6:00 13, 12:00 10",
    ),
]

RECURRING = [
    case(
        "a day from midnight, seen from noon to noon",
        daily("0:00 10, 7:00 16, 22:00 10"),
        gives="0:00 16, 10:00 10, 19:00 16",
    ),
    case("a part of each day", daily("0:00 10", -14, lasts=8), gives="0:00 -, 10:00 10, 18:00 -"),
    case("since years", daily("0:00 10, 18:00 16", -12 - 24 * 3000), gives="0:00 10, 6:00 16, 12:00 10"),
    case("from tomorrow on", daily("0:00 10, 1:00 16", 20), gives="0:00 -, 20:00 10, 21:00 16"),
    case(
        "a duration longer than a day is cut", daily("0:00 16, 20:00 10", lasts=30), gives="0:00 16, 8:00 10, 12:00 16"
    ),
    case("so is a step on the second day", daily("0:00 16, 25:00 6"), gives="0:00 16"),
    case("a step after exactly a day is never reached", daily("0:00 16, 24:00 6"), gives="0:00 16"),
    case(
        "each day anew",
        daily("0:00 10, 1:00 16", 0),
        gives="0:00 10, 1:00 16, 24:00 10, 25:00 16, 48:00 10, 49:00 16",
        hours=72,
    ),
    case("a duration of a day leaves no gap", daily("0:00 16", 0, lasts=24), gives="0:00 16", hours=72),
    case(
        "a duration of a day less a second does", daily("0:00 16", 0, lasts=24 - 1 / 3600), gives="0:00 16, 23:59:59 -"
    ),
    case("a week: five days and two", weekly("0:00 16, 120:00 32", -119), gives="0:00 16, 1:00 32, 49:00 16", hours=72),
    case("one day of the week", weekly("0:00 6", -167, lasts=24), gives="0:00 -, 1:00 6, 25:00 -", hours=48),
    case("a step in the second week is never reached", weekly("0:00 16, 169:00 6", 0), gives="0:00 16", hours=340),
    case(
        "a week longer than a week is cut",
        weekly("0:00 16, 160:00 8", 0, lasts=200),
        gives="0:00 16, 160:00 8, 168:00 16",
        hours=170,
    ),
    case(
        "validTo ends it on the second day",
        daily("0:00 10, 1:00 16", 0, valid_to=24.5),
        gives="0:00 10, 1:00 16, 24:00 10, 24:30 -",
        hours=48,
    ),
    case(
        "without a start it repeats from the session on",
        daily("0:00 10, 1:00 16", None),
        gives="0:00 10, 0:30 16, 23:30 10",
        session=-0.5,
    ),
]

_NIGHT = "0:00 10, 7:00 16"
CLOCK_CHANGES = [
    case(
        "a station repeats every 24 hours: its seven o'clock is eight in summer",
        daily(_NIGHT, SPRING - timedelta(days=1)),
        gives="0:00 10, 7:00 16",
        begin=SPRING,
    ),
    case(
        "by the clock on the wall the short day has 23 hours",
        daily(_NIGHT, SPRING - timedelta(days=1), clock=BERLIN),
        gives="0:00 10, 6:00 16, 23:00 10",
        begin=SPRING,
    ),
    case(
        "the long one has 25",
        daily(_NIGHT, AUTUMN - timedelta(days=1), clock=BERLIN),
        gives="0:00 10, 8:00 16, 25:00 10",
        begin=AUTUMN,
        hours=26,
    ),
    case(
        "the hour that the clock skips is skipped",
        daily("0:00 10, 2:00 6, 3:00 16", SPRING - timedelta(days=1), clock=BERLIN),
        gives="0:00 10, 2:00 16",
        begin=SPRING,
        hours=20,
    ),
    case(
        "the hour that it strikes twice counts twice",
        daily("0:00 10, 2:00 6, 3:00 16", AUTUMN - timedelta(days=1), clock=BERLIN),
        gives="0:00 10, 2:00 6, 4:00 16",
        begin=AUTUMN,
        hours=20,
    ),
    case(
        "a schedule that begins on the short day itself",
        daily(_NIGHT, SPRING, clock=BERLIN),
        gives="0:00 10, 6:00 16, 23:00 10",
        begin=SPRING,
    ),
    case(
        "a week, too, keeps its Sunday's seven o'clock",
        weekly("0:00 10, 151:00 16", SPRING - timedelta(days=6), clock=BERLIN),
        gives="0:00 10, 6:00 16, 23:00 10",
        begin=SPRING,
    ),
    case(
        "a night from 22 to 6 o'clock is an hour shorter",
        daily("0:00 10", SPRING - timedelta(hours=26), lasts=8, clock=BERLIN),
        gives="0:00 -, 1:00 10, 8:00 -",
        begin=SPRING - timedelta(hours=3),
        hours=20,
    ),
    case(
        "and an hour longer in autumn",
        daily("0:00 10", AUTUMN - timedelta(hours=26), lasts=8, clock=BERLIN),
        gives="0:00 -, 1:00 10, 10:00 -",
        begin=AUTUMN - timedelta(hours=3),
        hours=20,
    ),
    case(
        "a week keeps its Sunday's seven o'clock in autumn, too",
        weekly("0:00 10, 151:00 16", AUTUMN - timedelta(days=6), clock=BERLIN),
        gives="0:00 10, 8:00 16, 25:00 10",
        begin=AUTUMN,
        hours=26,
    ),
    case(
        "a duration of a day leaves no gap on the long one",
        daily("0:00 10", AUTUMN - timedelta(days=1), lasts=24, clock=BERLIN),
        gives="0:00 10",
        begin=AUTUMN,
        hours=30,
    ),
    case(
        "validTo is a moment, whatever the clock does",
        daily(_NIGHT, SPRING - timedelta(days=1), clock=BERLIN, valid_to=(SPRING - NOON) / timedelta(hours=1) + 7),
        gives="0:00 10, 6:00 16, 7:00 -",
        begin=SPRING,
    ),
    case(
        "what was reckoned after the change is right after it, though its start lies before",
        daily(
            "0:00 10, 7:00 16, 22:00 10",
            SPRING - timedelta(hours=1),
            clock=BERLIN,
            reckoned_at=SPRING + timedelta(hours=11),
        ),
        gives="0:00 16, 10:00 10, 19:00 16",
        begin=SPRING + timedelta(hours=11),
    ),
    case(
        "where clocks never change all is as without",
        daily(_NIGHT, clock=ZoneInfo("UTC")),
        gives="0:00 16, 12:00 10, 19:00 16",
    ),
    case(
        "before its beginning it says nothing, whatever the clock does",
        daily(_NIGHT, SPRING + timedelta(hours=5), clock=BERLIN),
        gives="0:00 -, 5:00 10, 12:00 16",
        begin=SPRING,
    ),
]

RELATIVE = [
    case("it runs with the session", relative("0:00 16, 3:00 10"), gives="0:00 16, 2:00 10", session=-1),
    case("without a session as if one began now", relative("0:00 16, 3:00 10"), gives="0:00 16, 3:00 10"),
    case(
        "its duration is the session's first hours", relative("0:00 16", lasts=4), gives="0:00 16, 3:00 -", session=-1
    ),
    case("which are over", relative("0:00 16", lasts=4), gives="0:00 -", session=-5),
    case(
        "an absolute one without a start is relative",
        absolute("0:00 16, 3:00 10", None),
        gives="0:00 16, 2:00 10",
        session=-1,
    ),
    case("validity is of the calendar", relative("0:00 16, 3:00 10", valid_to=1), gives="0:00 16, 1:00 -", session=-1),
    case("the last step goes on until the session ends", relative("0:00 16, 1:00 6"), gives="0:00 6", session=-100),
]

PURPOSES = [
    case(
        "a session's own profile overrules the default, upwards too",
        absolute("0:00 10"),
        of_session(absolute("0:00 32")),
        gives="0:00 32",
        session=-1,
    ),
    case("without a session it is nobody's", absolute("0:00 10"), of_session(absolute("0:00 32")), gives="0:00 10"),
    case(
        "another session's does not count",
        absolute("0:00 10"),
        of_session(absolute("0:00 32"), 8),
        gives="0:00 10",
        session=-1,
    ),
    case(
        "nor one of the connector next door",
        absolute("0:00 10"),
        of_session(absolute("0:00 32", connector_id=2)),
        gives="0:00 10",
        session=-1,
    ),
    case(
        "one that came with a remote start names no session",
        of_session(absolute("0:00 8"), None),
        gives="0:00 8",
        session=-1,
    ),
    case(
        "where it says nothing the default does",
        absolute("0:00 10"),
        of_session(absolute("0:00 32", lasts=2)),
        gives="0:00 32, 2:00 10",
        session=-1,
    ),
    case(
        "also before it begins",
        absolute("0:00 10"),
        of_session(absolute("0:00 6", 2)),
        gives="0:00 10, 2:00 6",
        session=-1,
    ),
    case(
        "a session's profiles have a stack of their own",
        absolute("0:00 10", stack_level=9),
        of_session(absolute("0:00 20")),
        of_session(absolute("0:00 24", stack_level=1, lasts=1)),
        gives="0:00 24, 1:00 20",
        session=-1,
    ),
    case(
        "the connector's default takes the place of everybody's",
        absolute("0:00 20"),
        everywhere(absolute("0:00 10")),
        gives="0:00 20",
    ),
    case(
        "even of one of a higher level", absolute("0:00 20"), everywhere(level(5, absolute("0:00 10"))), gives="0:00 20"
    ),
    case("for that connector only", absolute("0:00 20"), everywhere(absolute("0:00 10")), gives="0:00 10", connector=2),
    case(
        "and while it says something",
        absolute("0:00 20", lasts=2),
        everywhere(absolute("0:00 10")),
        gives="0:00 20, 2:00 10",
    ),
    case("a default holds for running sessions", everywhere(absolute("0:00 10")), gives="0:00 10", session=-3),
    case("the charger's cap is below", absolute("0:00 16"), cap(absolute("0:00 10")), gives="0:00 10"),
    case("the cap is above", absolute("0:00 16"), cap(absolute("0:00 32")), gives="0:00 16"),
    case("they cross", absolute("0:00 16, 6:00 6"), cap(absolute("0:00 10, 8:00 4")), gives="0:00 10, 6:00 6, 8:00 4"),
    case("a cap alone", cap(absolute("0:00 32")), gives="0:00 32"),
    case(
        "it holds for a session's own profile too",
        cap(absolute("0:00 10")),
        of_session(absolute("0:00 32")),
        gives="0:00 10",
        session=-1,
    ),
    case(
        "levels of different purposes are not compared",
        cap(absolute("0:00 10")),
        level(9, absolute("0:00 32")),
        gives="0:00 10",
    ),
    case("a cap at a connector is none", cap(absolute("0:00 10"), 1), gives="0:00 -"),
    case(
        "when the cap ends the default remains",
        absolute("0:00 16"),
        cap(absolute("0:00 10", lasts=2)),
        gives="0:00 10, 2:00 16",
    ),
    case(
        "when the default ends the cap remains",
        absolute("0:00 6", lasts=2),
        cap(absolute("0:00 10")),
        gives="0:00 6, 2:00 10",
    ),
    case(
        "a cap of nought pauses all",
        absolute("0:00 16"),
        cap(absolute("0:00 0", 1, lasts=1)),
        gives="0:00 16, 1:00 0, 2:00 16",
    ),
    case(
        "a cap may be stacked",
        cap(absolute("0:00 20")),
        cap(level(1, absolute("0:00 10", 1, lasts=1))),
        gives="0:00 20, 1:00 10, 2:00 20",
    ),
    case(
        "connector 0: the cap", cap(absolute("0:00 40")), everywhere(absolute("0:00 10")), gives="0:00 40", connector=0
    ),
    case(
        "connector 0 without one: nothing limits the sum", everywhere(absolute("0:00 10")), gives="0:00 -", connector=0
    ),
]

_HARDWARE = {"hardware_limit": Limit(Decimal(20), "A")}
_ONE_WIRE = {"phases": 1}
UNITS = [
    case("16 A on three phases in W", absolute("0:00 16"), gives="0:00 11040", unit="W"),
    case("11040 W in A", absolute("0:00 11040", unit="W"), gives="0:00 16"),
    case("16 A on one phase in W", absolute("0:00 16/1"), gives="0:00 3680/1", unit="W"),
    case("on two", absolute("0:00 16/2"), gives="0:00 7360/2", unit="W"),
    case("3680 W on one phase in A", absolute("0:00 3680/1", unit="W"), gives="0:00 16/1"),
    case("without phases three are meant", absolute("0:00 6900", unit="W"), gives="0:00 10"),
    case("8.1 A in W, exactly", absolute("0:00 8.1"), gives="0:00 5589", unit="W"),
    case("5000 W in A: cut to a tenth, never rounded up", absolute("0:00 5000", unit="W"), gives="0:00 7.2"),
    case("11000 W in A", absolute("0:00 11000", unit="W"), gives="0:00 15.9"),
    case("5000 W in W stay 5000", absolute("0:00 5000", unit="W"), gives="0:00 5000", unit="W"),
    case("what is the same after cutting is one", absolute("0:00 11040, 1:00 11045", unit="W"), gives="0:00 16"),
    case("a cap in W below a default in A", absolute("0:00 11"), cap(absolute("0:00 5520", unit="W")), gives="0:00 8"),
    case("the same in W", absolute("0:00 11"), cap(absolute("0:00 5520", unit="W")), gives="0:00 5520", unit="W"),
    case("a cap in W above a default in A", absolute("0:00 6"), cap(absolute("0:00 5520", unit="W")), gives="0:00 6"),
    case(
        "a stack may mix units",
        absolute("0:00 10"),
        level(1, absolute("0:00 11040", lasts=1, unit="W")),
        gives="0:00 16, 1:00 10",
    ),
    case("the winner's phases stay", absolute("0:00 10"), cap(absolute("0:00 16/1")), gives="0:00 10"),
    case("in W the other one wins", absolute("0:00 10"), cap(absolute("0:00 16/1")), gives="0:00 3680/1", unit="W"),
    case("whichever purpose that is", absolute("0:00 16/1"), cap(absolute("0:00 16")), gives="0:00 16/1"),
    case("of equal ones that with fewer phases", absolute("0:00 16"), cap(absolute("0:00 16/1")), gives="0:00 16/1"),
    case(
        "16 A for three phases where one is connected", absolute("0:00 16"), gives="0:00 3680", unit="W", more=_ONE_WIRE
    ),
    case(
        "11040 W for three phases there: unchanged per phase",
        absolute("0:00 11040", unit="W"),
        gives="0:00 16",
        more=_ONE_WIRE,
    ),
    case(
        "and so in W what one phase takes of it",
        absolute("0:00 11040", unit="W"),
        gives="0:00 3680",
        unit="W",
        more=_ONE_WIRE,
    ),
    case("other volts", absolute("0:00 1440/1", unit="W"), gives="0:00 12/1", more={"voltage": 120.0}),
    case(
        "volts with a fraction are taken as written",
        absolute("0:00 10/1"),
        gives="0:00 2309/1",
        unit="W",
        more={"voltage": 230.9},
    ),
    case("the hardware's own limit", gives="0:00 20", more=_HARDWARE),
    case("is one among others", absolute("0:00 32, 1:00 6"), gives="0:00 20, 1:00 6", more=_HARDWARE),
    case("and remains when they end", absolute("0:00 6", lasts=1), gives="0:00 6, 1:00 20", more=_HARDWARE),
    case("in the other unit", absolute("0:00 6", lasts=1), gives="0:00 4140, 1:00 13800", unit="W", more=_HARDWARE),
    case("for the charger as a whole too", gives="0:00 20", connector=0, more=_HARDWARE),
]

CASES = [*ONE_SCHEDULE, *VALIDITY, *STACK, *RECURRING, *CLOCK_CHANGES, *RELATIVE, *PURPOSES, *UNITS]


@pytest.mark.parametrize("given", CASES, ids=lambda given: given.why)
def test_composite_schedule(given: Case) -> None:
    session = None if given.session is None else (SESSION, hour(given.session))
    found = composite(
        given.profiles,
        connector_id=given.connector,
        begin=given.begin,
        duration_s=round(given.hours * 3600),
        unit=given.unit,
        transaction=session,
        **given.more,
    )
    assert written(found) == given.expected


def test_the_table_is_as_long_as_it_should_be() -> None:
    assert len({given.why for given in CASES}) == len(CASES) >= 80


def test_a_moment_between_two_seconds() -> None:
    found = composite(
        [absolute("0:00 16, 1:00 10")],
        connector_id=1,
        begin=NOON + timedelta(milliseconds=700),
        duration_s=7200,
        unit="A",
    )
    assert written(found) == "0:00 16, 1:00 10"


# One profile by itself


def test_a_layer_says_what_one_profile_says() -> None:
    profile = level(3, daily("0:00 10, 18:00 3450", unit="W", lasts=20))
    assert written(steps(profile, begin=NOON, duration_s=86_400, unit="A")) == "0:00 0, 6:00 5, 8:00 -, 12:00 0"


def test_a_layer_runs_with_its_session() -> None:
    profile = of_session(relative("0:00 16, 3:00 10"))
    assert written(steps(profile, begin=NOON, duration_s=7200, unit="A", session_start=hour(-2))) == "0:00 16, 1:00 10"


# Several connectors


@pytest.mark.parametrize(
    ("parts", "top", "expected"),
    [
        (["0:00 16", "0:00 10, 2:00 20"], "0:00 -", "0:00 26, 2:00 36"),
        (["0:00 16", "0:00 10, 2:00 20"], "0:00 32", "0:00 26, 2:00 32"),
        (["0:00 16, 1:00 -", "0:00 10"], "0:00 40", "0:00 26, 1:00 40"),
        (["0:00 16, 1:00 -", "0:00 10"], "0:00 -", "0:00 26, 1:00 -"),
        ([], "0:00 40, 3:00 -", "0:00 40, 3:00 -"),
        (["0:00 6/1", "0:00 6/1"], "0:00 -", "0:00 12/1"),
    ],
)
def test_what_a_whole_charger_may_draw(parts: list[str], top: str, expected: str) -> None:
    assert written(total([periods(part) for part in parts], periods(top))) == expected


# From the wire

WIRE = {
    "chargingProfileId": 7,
    "transactionId": 4711,
    "stackLevel": 2,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Recurring",
    "recurrencyKind": "Weekly",
    "validFrom": "2026-03-01T00:00:00+01:00",
    "validTo": "2026-04-01T00:00:00Z",
    "chargingSchedule": {
        "duration": 7200,
        "startSchedule": "2026-03-01T18:00:00Z",
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [
            {"startPeriod": 3600, "limit": 8.1},
            {"startPeriod": 0, "limit": 16, "numberPhases": 1},
        ],
    },
}


def test_a_profile_from_the_wire() -> None:
    profile = read_profile(2, WIRE)
    assert (profile.connector_id, profile.profile_id, profile.transaction_id, profile.stack_level) == (2, 7, 4711, 2)
    assert (profile.purpose, profile.kind, profile.recurrency) == ("TxProfile", "Recurring", "Weekly")
    assert profile.valid_from == datetime(2026, 2, 28, 23, tzinfo=UTC)
    assert profile.valid_to == datetime(2026, 4, 1, tzinfo=UTC)
    assert profile.schedule.start == datetime(2026, 3, 1, 18, tzinfo=UTC)
    assert (profile.schedule.duration, profile.schedule.unit) == (7200, "A")
    assert profile.schedule.periods == (Period(0, Decimal(16), 1), Period(3600, Decimal("8.1"), 3))


@pytest.mark.parametrize("missing", ["chargingProfileId", "stackLevel", "chargingSchedule"])
def test_what_is_no_profile(missing: str) -> None:
    with pytest.raises(KeyError):
        read_profile(1, {name: value for name, value in WIRE.items() if name != missing})


# The clock on the wall


@pytest.mark.parametrize(
    ("at", "start"),
    [
        ("2026-03-27T12:00", "2026-03-26T23:00"),  # winter: midnight is 23:00 UTC
        ("2026-03-28T23:30", "2026-03-28T23:00"),  # the short day has begun
        ("2026-03-29T00:59", "2026-03-28T23:00"),  # 01:59
        ("2026-03-29T01:00", "2026-03-28T22:00"),  # 03:00: three hours after a midnight that was two hours ago
        ("2026-03-29T12:00", "2026-03-28T22:00"),
        ("2026-07-01T12:00", "2026-06-30T22:00"),  # summer
        ("2026-10-25T00:59", "2026-10-24T22:00"),  # 02:59
        ("2026-10-25T01:00", "2026-10-24T23:00"),  # 02:00 for the second time
        ("2026-10-26T00:00", "2026-10-25T23:00"),
        ("2026-02-01T00:00", "2026-03-01T23:00"),  # not begun
    ],
)
def test_where_a_day_began_by_the_clock(at: str, start: str) -> None:
    first = datetime(2026, 3, 1, 23, tzinfo=UTC)
    moment, expected = (datetime.fromisoformat(f"{text}+00:00") for text in (at, start))
    assert wall_clock_start(first, at=moment, zone=BERLIN, every=timedelta(days=1)) == expected


def test_what_was_reckoned_once_can_be_reckoned_on() -> None:
    day, first, noon = timedelta(days=1), datetime(2026, 3, 1, 23, tzinfo=UTC), SPRING + timedelta(hours=11)
    told = wall_clock_start(first, at=noon, zone=BERLIN, every=day)
    later = noon + timedelta(days=250)
    assert wall_clock_start(told, at=later, zone=BERLIN, every=day, reckoned_at=noon) == wall_clock_start(
        first, at=later, zone=BERLIN, every=day
    )


def test_a_clock_that_goes_back_behind_the_beginning() -> None:
    start = AUTUMN + timedelta(hours=2, minutes=30)  # 02:30, half an hour before it is two o'clock again
    at = AUTUMN + timedelta(hours=3, minutes=10)
    assert wall_clock_start(start, at=at, zone=BERLIN, every=timedelta(days=1)) == start


def test_when_clocks_change() -> None:
    year = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    changes = [SPRING + timedelta(hours=2), AUTUMN + timedelta(hours=3)]
    assert offset_changes(BERLIN, *year) == changes
    assert offset_changes(ZoneInfo("UTC"), *year) == []
    assert offset_changes(BERLIN, SPRING, changes[0]) == []
    assert offset_changes(BERLIN, changes[0], changes[0] + timedelta(days=1)) == []
    assert offset_changes(BERLIN, SPRING + timedelta(milliseconds=5), SPRING + timedelta(days=1)) == changes[:1]
