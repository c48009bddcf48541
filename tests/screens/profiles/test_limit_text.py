"""A profile in one line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.test import override_settings
from django.utils import timezone, translation

from charging_profiles.models import ChargingProfile
from screens.profiles.amounts import amount
from screens.profiles.limit_text import limit_text, payload_text, text_of
from screens.profiles.shapes import DAY_S, Limit, Shape

from .conftest import MIDNIGHT

HOUR = 3600


def shape(*limits, rhythm="daily", begins=MIDNIGHT, duration_s=None, unit="A"):
    rows = tuple(Limit(start, Decimal(limit)) for start, limit in limits)
    return Shape(unit, rhythm, None if rhythm == "session" else begins, duration_s, rows)


def workdays(low, high):
    """Low from 7 to 17 o'clock on working days."""
    rows = [(0, high)]
    for day in range(5):
        rows += [(day * DAY_S + 7 * HOUR, low), (day * DAY_S + 17 * HOUR, high)]
    return rows


TABLE = [
    (shape((0, "16")), "max 16 A"),
    (shape((0, "0")), "no charging"),
    (shape((0, "16.5")), "max 16.5 A"),
    (shape((0, "11000"), unit="W"), "max 11 kW"),
    (shape((0, "32"), (7 * HOUR, "16"), (19 * HOUR, "32")), "max 16 A, 07:00–19:00, else max 32 A"),
    # what goes over midnight is one piece
    (shape((0, "16"), (6 * HOUR, "32"), (22 * HOUR, "16")), "max 16 A, 22:00–06:00, else max 32 A"),
    (
        shape((0, "0"), (8 * HOUR, "32"), begins=MIDNIGHT + timedelta(hours=20)),
        "no charging, 20:00–04:00, else max 32 A",
    ),
    (shape((0, "16"), duration_s=4 * HOUR), "max 16 A, 00:00–04:00"),
    (shape((0, "16"), (3 * HOUR, "10"), (9 * HOUR, "32")), "10 A – 32 A (3 steps), every day"),
    (shape(*workdays("16", "32"), rhythm="weekly"), "max 16 A, Mon–Fri 07:00–17:00, else max 32 A"),
    (shape((0, "32"), (5 * DAY_S, "6"), rhythm="weekly"), "max 6 A, Sat, Sun, else max 32 A"),
    (shape((0, "16"), rhythm="weekly"), "max 16 A"),
    (
        shape((0, "32"), (7 * HOUR, "16"), (5 * DAY_S + HOUR, "32"), rhythm="weekly"),
        "max 16 A, Mon 07:00 – Sat 01:00, else max 32 A",
    ),
    (shape((0, "16"), rhythm="session"), "max 16 A"),
    (shape((0, "0"), (HOUR, "16"), rhythm="session"), "no charging for 1:00 h, then max 16 A"),
    (
        shape((0, "32"), (7 * HOUR, "0"), (DAY_S + 7 * HOUR, "32"), rhythm="weekly"),
        "no charging, Mon 07:00 – Tue 07:00, else max 32 A",
    ),
    (shape((0, "16"), rhythm="once", duration_s=2 * HOUR), "max 16 A from 16 Nov 2026 00:00 for 2:00 h"),
    (shape(), "no limit"),
]


@pytest.mark.parametrize(("given", "said"), TABLE, ids=[said for _given, said in TABLE])
def test_it_says_it_in_a_line(given, said):
    with timezone.override(ZoneInfo("UTC")):
        assert text_of(given) == said


@override_settings(TIME_ZONE="Europe/Berlin")
def test_what_is_repeated_is_told_by_the_clock_of_the_installation():
    with timezone.override(ZoneInfo("Asia/Tokyo")):
        assert text_of(shape((0, "32"), (6 * HOUR, "16"))) == "max 16 A, 07:00–01:00, else max 32 A"


@override_settings(TIME_ZONE="Europe/Berlin")
@pytest.mark.parametrize(("follows_clock", "said"), [(True, "07:00–19:00"), (False, "08:00–20:00")])
def test_what_does_not_follow_the_clock_is_told_as_it_is_by_now(monkeypatch, follows_clock, said):
    winter, summer = datetime(2026, 1, 10, 6, tzinfo=UTC), datetime(2026, 7, 1, 12, tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: summer)
    periods = [{"start": 0, "limit": "16.0"}, {"start": 12 * HOUR, "limit": "32.0"}]
    repeated = {"kind": "Recurring", "recurrency": "Daily", "starts_at": winter, "periods": periods}
    profile = ChargingProfile(**repeated, follows_clock=follows_clock)
    assert limit_text(profile) == f"max 16 A, {said}, else max 32 A"


def test_days_and_numbers_are_in_the_reader_s_language():
    with translation.override("de"):
        assert "Mo" in text_of(shape(*workdays("16", "32"), rhythm="weekly"))
        assert amount(Decimal("16.5"), "A") == "16,5 A"


def test_what_a_charger_was_sent_is_told_in_the_same_way():
    schedule = {"chargingRateUnit": "A", "startSchedule": "2026-11-16T00:00:00Z"}
    schedule["chargingSchedulePeriod"] = [{"startPeriod": 0, "limit": 16}, {"startPeriod": 43_200, "limit": 8.5}]
    payload = {"chargingProfileKind": "Recurring", "recurrencyKind": "Daily", "chargingSchedule": schedule}
    assert payload_text(payload) == "max 8.5 A, 12:00–24:00, else max 16 A"


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize("begins", ["9999-12-31T23:30:00Z", "0001-01-01T00:00:00Z"])
def test_a_payload_that_begins_where_time_ends(begins, zone):
    """Whoever may send commands may send that, and the tab of the charger must not break over it."""
    schedule = {"chargingRateUnit": "A", "startSchedule": begins}
    schedule["chargingSchedulePeriod"] = [{"startPeriod": 0, "limit": 16}, {"startPeriod": 43_200, "limit": 8.5}]
    payload = {"chargingProfileKind": "Recurring", "recurrencyKind": "Daily", "chargingSchedule": schedule}
    with override_settings(TIME_ZONE=zone):
        assert "max 8.5 A" in payload_text(payload)


def test_amounts_keep_what_matters_and_no_more():
    shown = [
        amount(Decimal(limit), unit) for limit, unit in (("11040", "W"), ("999.5", "W"), ("0", "A"), ("20.0", "A"))
    ]
    assert shown == ["11.04 kW", "999.5 W", "0 A", "20 A"]
    assert amount(None, "A") == "no limit"
    assert amount(Decimal("1e300"), "A") == "1.0e+300 A"  # of a station that makes fun of us
    assert amount(Decimal("1e300"), "W") == "1.0e+297 kW"
