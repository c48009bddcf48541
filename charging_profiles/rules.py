"""What OCPP 1.6 §3.13 and §7 ask of a charging profile, whichever station it is for."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils.translation import gettext as _

from .models import ChargingProfile, Kind, Purpose

#: Larger numbers are slips of the finger; the wire knows no bound.
LARGEST_LIMIT = Decimal(10_000_000)


def contradictions(profile: ChargingProfile) -> list[str]:
    """What is wrong with a profile by itself, in sentences for the person who made it; empty if nothing is."""
    return [*_of_profile(profile), *_of_periods(profile.periods)]


def _of_profile(profile: ChargingProfile) -> Iterator[str]:
    relative, recurring = profile.kind == Kind.RELATIVE, profile.kind == Kind.RECURRING
    if recurring and not profile.recurrency:
        yield _("Say how often it is repeated.")
    if profile.recurrency and not recurring:
        yield _("Only a profile that is repeated says how often.")
    if profile.starts_at is None and not relative:
        yield _("Say when the schedule begins.")
    if profile.starts_at is not None and relative:
        yield _("A schedule that begins with the session has no moment of its own.")
    if relative and profile.purpose == Purpose.CHARGE_POINT_MAX:
        yield _("A limit for the whole charger cannot begin with a session: choose another kind.")
    if profile.valid_from and profile.valid_to and profile.valid_from >= profile.valid_to:
        yield _("It ends before it becomes valid.")
    if profile.duration_s == 0:
        yield _("A schedule lasts at least a second.")
    if profile.min_rate is not None and not _is_rate(profile.min_rate):
        yield _("The least useful rate has one decimal at most.")


def _of_periods(periods: Any) -> Iterator[str]:
    if not isinstance(periods, list) or not periods:
        yield _("It needs at least one limit.")
        return
    if not all(isinstance(period, dict) and _is_start(period.get("start")) for period in periods):
        yield _("Each limit says after how many seconds it begins.")
        return
    starts = [period["start"] for period in periods]
    if starts[0] != 0:
        yield _("The first limit begins at 0:00.")
    if starts != sorted(set(starts)):
        yield _("Each limit begins after the one before.")
    if not all(_is_rate(period.get("limit")) for period in periods):
        yield _("A limit is a number from 0 on with one decimal at most.")
    if not all(period.get("phases", 3) in (1, 2, 3) for period in periods):
        yield _("A limit is for one, two or three phases.")


def _is_start(start: Any) -> bool:
    return isinstance(start, int) and 0 <= start < 2**31


def _is_rate(value: Any) -> bool:
    try:
        rate = Decimal(str(value))
    except InvalidOperation:
        return False
    return rate.is_finite() and 0 <= rate <= LARGEST_LIMIT and rate == round(rate, 1)
