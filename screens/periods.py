"""Periods that people name, as moments of the reader's zone."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from django.db.models import TextChoices
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Period(TextChoices):
    TODAY = "today", _("Today")
    YESTERDAY = "yesterday", _("Yesterday")
    LAST_30_DAYS = "30_days", _("Last 30 days")
    THIS_MONTH = "this_month", _("This month")
    LAST_MONTH = "last_month", _("Last month")
    LAST_12_MONTHS = "12_months", _("Last 12 months")
    THIS_YEAR = "this_year", _("This year")
    LAST_YEAR = "last_year", _("Last year")
    ALL = "all", _("Any time")


class Span(NamedTuple):
    """From `begin` on, before `end`; None is no bound."""

    begin: datetime | None
    end: datetime | None


def zone_name() -> str:
    """The reader's zone as zone data and browsers know it; Django calls Etc/GMT-5 "+05", as nobody else does."""
    zone = timezone.get_current_timezone()
    return getattr(zone, "key", "") or timezone.get_current_timezone_name()


def start_of(day: date) -> datetime:
    """The moment at which a day begins in the reader's zone, whatever the clocks do in it."""
    return datetime.combine(day, time(), tzinfo=timezone.get_current_timezone())


def days_of(period: Period, today: date) -> tuple[date | None, date | None]:
    """The first day of a period and the day after its last; None where it has no bound."""
    month, year, tomorrow = today.replace(day=1), today.replace(month=1, day=1), today + timedelta(days=1)
    last_month = (month - timedelta(days=1)).replace(day=1)
    return {
        Period.TODAY: (today, tomorrow),
        Period.YESTERDAY: (today - timedelta(days=1), today),
        Period.LAST_30_DAYS: (today - timedelta(days=29), tomorrow),
        Period.THIS_MONTH: (month, tomorrow),
        Period.LAST_MONTH: (last_month, month),
        Period.LAST_12_MONTHS: (month.replace(year=month.year - 1), tomorrow),
        Period.THIS_YEAR: (year, tomorrow),
        Period.LAST_YEAR: (year.replace(year=year.year - 1), year),
        Period.ALL: (None, None),
    }[period]


def span_of(period: Period, today: date | None = None) -> Span:
    first, after = days_of(period, today or timezone.localdate())
    return Span(*(None if day is None else start_of(day) for day in (first, after)))
