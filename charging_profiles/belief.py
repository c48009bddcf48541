"""What we believe a station does: the profiles it holds, and the limits they come to (OCPP 1.6 §3.13.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from stations.models import ChargePoint
from transactions.models import EndedBy, Transaction

from . import schedule
from .models import Assignment
from .schedule import Period, Profile, Unit

_HOUR_S = 3600
_Sessions = dict[int, tuple[int, datetime]]


def active(charge_point: ChargePoint, at: datetime) -> list[Assignment]:
    """The profiles that the station held at a moment, as far as we know; those of one session only while it ran."""
    rows = Assignment.objects.filter(charge_point=charge_point, installed_at__lte=at)
    there = rows.filter(Q(ended_at=None) | Q(ended_at__gt=at)).exclude(transaction__stopped_at__lte=at)
    return list(there.select_related("profile", "transaction__connector", "command").order_by("pk"))


def profiles(charge_point: ChargePoint, at: datetime) -> list[Profile]:
    """The same, for schedule arithmetic."""
    return [profile_of(assignment) for assignment in active(charge_point, at)]


def profile_of(assignment: Assignment) -> Profile:
    """What the station was told, as it runs: a profile that keeps to the clock is sent again when the clocks change."""
    told = schedule.read_profile(assignment.connector_id, assignment.payload)
    if told.transaction_id is None and assignment.transaction_id is not None:  # it came with a remote start
        told = replace(told, transaction_id=assignment.transaction_id)
    if told.every is not None and assignment.profile is not None and assignment.profile.follows_clock:
        start = told.schedule.start or assignment.asked_at
        told = replace(told, clock=timezone.get_default_timezone(), reckoned_at=max(assignment.asked_at, start))
    return told


def composite(
    charge_point: ChargePoint, connector_id: int, *, begin: datetime, hours: int = 24, unit: Unit
) -> list[Period]:
    """The limit of a connector for the hours from `begin` on, with what the station holds at `begin`.

    Connector 0: the most that the whole charger may draw, which is its cap or what its connectors may draw together.
    """
    return expected(charge_point, connector_id, at=begin, begin=begin, duration_s=hours * _HOUR_S, unit=unit)


def expected(
    charge_point: ChargePoint, connector_id: int, *, at: datetime, begin: datetime, duration_s: int, unit: Unit
) -> list[Period]:
    """As `composite`, for a window in seconds and what the station held at another moment, `at`."""
    held, sessions = profiles(charge_point, at), _sessions(charge_point, at)

    def of(number: int) -> list[Period]:
        return schedule.composite(
            held,
            connector_id=number,
            begin=begin,
            duration_s=duration_s,
            unit=unit,
            transaction=sessions.get(number),
        )

    if connector_id:
        return of(connector_id)
    return schedule.total([of(number) for number in _plugs(charge_point)], of(0))


def _plugs(charge_point: ChargePoint) -> Sequence[int]:
    plugs = charge_point.connectors.filter(connector_id__gt=0).order_by("connector_id")
    return list(plugs.values_list("connector_id", flat=True))


def _sessions(charge_point: ChargePoint, at: datetime) -> _Sessions:
    """Number and start of the session on each connector at a moment; the newest where there are several."""
    begun = Transaction.objects.filter(charge_point=charge_point, started_at__lte=at)
    running = begun.filter(Q(ended_by=EndedBy.OPEN) | Q(stopped_at__gt=at)).order_by("pk")
    rows = running.values_list("connector__connector_id", "pk", "started_at")
    return {number: (session, started_at) for number, session, started_at in rows}
