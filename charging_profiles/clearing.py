"""Profiles taken away again: one, those that meet a filter, or all (OCPP 1.6 §5.5)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from stations.commands import CommandRefused, Origin, queue_command
from stations.models import UNANSWERED_STATUSES, ChargePoint, Command

from .assignments import end
from .models import ACTIVE_STATES, Assignment

#: Answers after which nothing that was meant is at the station: removed now, or not there before.
GONE = ("Accepted", "Unknown")
_COLUMNS = {"connectorId": "connector_id", "chargingProfilePurpose": "purpose", "stackLevel": "stack_level"}


def clear_one(assignment: Assignment, *, origin: Origin, idempotency_key: str = "") -> Command:
    """Take one profile from its station, by its number; raises CommandRefused if it is not there."""
    if assignment.state not in ACTIVE_STATES:
        raise CommandRefused(_("This profile is not at the charger."))
    return _send(assignment.charge_point, {"id": assignment.charging_profile_id}, origin, idempotency_key)


def clear_matching(
    charge_point: ChargePoint,
    *,
    connector_id: int | None = None,
    purpose: str = "",
    stack_level: int | None = None,
    origin: Origin,
    idempotency_key: str = "",
) -> Command:
    """Take away the profiles that meet all that is given; raises CommandRefused if nothing is.

    Connector 0 means those of the whole charger, not those of every connector.
    """
    wanted = {
        "connectorId": connector_id,
        "chargingProfilePurpose": purpose or None,
        "stackLevel": stack_level,
    }
    payload = {name: value for name, value in wanted.items() if value is not None}
    if not payload:
        raise CommandRefused(_("Say which profiles: those of a connector, for a purpose, of a level."))
    return _send(charge_point, payload, origin, idempotency_key)


def clear_all(charge_point: ChargePoint, *, origin: Origin, idempotency_key: str = "") -> Command:
    """Take away every profile, also those that we know nothing of."""
    return _send(charge_point, {}, origin, idempotency_key)


def _send(charge_point: ChargePoint, payload: dict[str, Any], origin: Origin, idempotency_key: str) -> Command:
    return queue_command(charge_point, "ClearChargingProfile", payload, origin=origin, idempotency_key=idempotency_key)


def cleared(command: Command, status: str, *, at: datetime) -> int:
    """A station answered ClearChargingProfile, from wherever it came; returns how many rows that ended.

    Unknown says that nothing met the filter: what we believed of such profiles was wrong.
    """
    return end(meant_by(command), Assignment.State.CLEARED, at=at) if status in GONE else 0


def meant_by(command: Command) -> QuerySet[Assignment]:
    """The profiles at the station that a ClearChargingProfile means: with a number that one, else all that fit."""
    at_station = Assignment.objects.filter(charge_point=command.charge_point_id, ended_at=None, state__in=ACTIVE_STATES)
    return at_station.filter(**_wanted(command))


def is_cleared_since(assignment: Assignment, since: datetime) -> bool:
    """Whether the station has removed it since then, as far as its answers to ClearChargingProfile say."""
    return _is_meant_by_one(assignment, since, answer__status__in=GONE)


def may_be_cleared_since(assignment: Assignment, since: datetime) -> bool:
    """Whether the station was told to remove it since then and has not answered."""
    return _is_meant_by_one(assignment, since, status__in=UNANSWERED_STATUSES, error_code="", late_at=None)


def _is_meant_by_one(assignment: Assignment, since: datetime, **ended: Any) -> bool:
    commands = Command.objects.filter(
        charge_point=assignment.charge_point_id, action="ClearChargingProfile", sent_at__gt=since, **ended
    )
    rows = Assignment.objects.filter(pk=assignment.pk)
    return any(rows.filter(**_wanted(command)).exists() for command in commands)


def _wanted(command: Command) -> dict[str, Any]:
    if command.payload.get("id") is not None:
        return {"charging_profile_id": command.payload["id"]}
    return {column: command.payload[name] for name, column in _COLUMNS.items() if command.payload.get(name) is not None}
