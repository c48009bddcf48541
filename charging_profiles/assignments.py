"""Profiles given to stations, and what the stations said to that (OCPP 1.6 §5.16).

Whatever tells a station a profile (the library, an expert's form, REST, a limit, a remote start), one that it accepts
becomes an `Assignment`. Those of the library have their row from the beginning.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction as database
from django.db.models import Max, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from ocpp_gateway.v16.outgoing import read_payload
from stations import changes
from stations.commands import IDEMPOTENCY_WINDOW, CommandRefused, Origin, queue_command, raised_before
from stations.models import OPEN_STATUSES, ChargePoint, Command
from transactions.limits import FIRST_PROFILE_ID as FIRST_OF_LIMITS
from transactions.models import Transaction

from . import capabilities
from .models import ACTIVE_STATES, Assignment, ChargingProfile, Purpose
from .payloads import payload_of

__all__ = ["answered", "assign", "came_with_start", "end", "install", "payload_of", "recorded", "tell_again"]

State = Assignment.State

#: Our chargingProfileIds: above the small numbers that people type, below those of limits.
FIRST_PROFILE_ID = 1_000_000


@database.atomic
def assign(
    profile: ChargingProfile,
    charge_point: ChargePoint,
    connector_id: int,
    *,
    origin: Origin,
    transaction: Transaction | None = None,
    valid_until: datetime | None = None,
    idempotency_key: str = "",
) -> Assignment:
    """Tell a station a profile of the library; connector 0 is the charger, or the default of all its connectors.

    Raises CommandRefused with everything that speaks against it. For a station that is offline the row ends as not
    delivered, unless the command may wait (`valid_until`). The same `idempotency_key` of the same origin for the
    station within a day returns the first row; that of another command is refused.
    """
    # locked, so that no two rows of a station get one number
    station = ChargePoint.objects.select_for_update(of=("self",), no_key=True).get(pk=charge_point.pk)
    if idempotency_key and (known := _assigned_before(station, origin, idempotency_key)) is not None:
        return known
    if idempotency_key and raised_before(station, origin, idempotency_key) is not None:
        # its answer would be taken for one to this profile, which nobody has sent
        raise CommandRefused(_("This idempotency key stands for another command to this charger."))
    if found := capabilities.problems(profile, station, connector_id, transaction=transaction):
        raise CommandRefused(" ".join(found))
    now, number = timezone.now(), _number_for(station, profile, connector_id)
    return _tell(
        Assignment(
            charge_point=station,
            connector_id=connector_id,
            profile=profile,
            transaction=transaction,
            charging_profile_id=number,
            purpose=profile.purpose,
            stack_level=profile.stack_level,
            payload=payload_of(profile, charging_profile_id=number, transaction=transaction, at=now),
            asked_at=now,
        ),
        origin=origin,
        valid_until=valid_until,
        idempotency_key=idempotency_key,
    )


@database.atomic
def tell_again(
    assignment: Assignment,
    payload: dict[str, Any],
    *,
    origin: Origin,
    at: datetime,
    valid_until: datetime,
    idempotency_key: str,
) -> bool:
    """Tell a station a profile that it holds once more, changed to `payload`.

    False if the key was used before, or if another profile is on its way to its place: that one would be replaced.
    """
    station = ChargePoint.objects.select_for_update(of=("self",), no_key=True).get(pk=assignment.charge_point_id)
    if _assigned_before(station, origin, idempotency_key) is not None:
        return False
    if _in_its_place(assignment).filter(state=State.ASKED, command__status__in=OPEN_STATUSES).exists():
        return False
    again = Assignment(
        charge_point=station,
        connector_id=assignment.connector_id,
        profile_id=assignment.profile_id,
        transaction_id=assignment.transaction_id,
        charging_profile_id=assignment.charging_profile_id,
        purpose=assignment.purpose,
        stack_level=assignment.stack_level,
        payload=payload,
        asked_at=at,
    )
    _tell(again, origin=origin, valid_until=valid_until, idempotency_key=idempotency_key)
    return True


def _tell(assignment: Assignment, *, origin: Origin, valid_until: datetime | None, idempotency_key: str) -> Assignment:
    """Store a new row together with its command."""
    command = queue_command(
        assignment.charge_point,
        "SetChargingProfile",
        {"connectorId": assignment.connector_id, "csChargingProfiles": assignment.payload},
        origin=origin,
        valid_until=valid_until,
        idempotency_key=idempotency_key,
    )
    assignment.command = command
    if command.is_final:
        assignment.state, assignment.ended_at = State.NOT_SENT, assignment.asked_at
    assignment.save(force_insert=True)
    return assignment


def _assigned_before(station: ChargePoint, origin: Origin, idempotency_key: str) -> Assignment | None:
    same = Assignment.objects.filter(
        charge_point=station,
        command__idempotency_key=idempotency_key,
        command__created_by=origin.user_id,
        command__actor=origin.name,
        command__created_at__gt=timezone.now() - IDEMPOTENCY_WINDOW,
    )
    return same.order_by("pk").first()


def _number_for(station: ChargePoint, profile: ChargingProfile, connector_id: int) -> int:
    """That of ours which it replaces, for stations that know a profile by its number only; else a new one."""
    ours = station.charging_profiles.filter(
        charging_profile_id__gte=FIRST_PROFILE_ID, charging_profile_id__lt=FIRST_OF_LIMITS
    )
    replaced = ours.filter(
        ended_at=None, purpose=profile.purpose, stack_level=profile.stack_level, connector_id=connector_id
    )
    number: int | None = replaced.order_by("-pk").values_list("charging_profile_id", flat=True).first()
    if number is None:
        last = ours.aggregate(last=Max("charging_profile_id"))["last"]
        number = FIRST_PROFILE_ID if last is None else last + 1
    return number


# What stations answer


@database.atomic
def answered(command: Command, status: str, *, at: datetime) -> None:
    """A station answered SetChargingProfile; one that was raised elsewhere has a row once it is accepted."""
    if status == "Accepted":
        install(recorded(command), State.INSTALLED, at=at)
    else:
        end(Assignment.objects.filter(command=command, state=State.ASKED), State.REFUSED, at=at)


@database.atomic
def came_with_start(command: Command, status: str, *, at: datetime) -> None:
    """A station answered a RemoteStartTransaction: with it, it took the profile for the session to come (§5.11)."""
    if status == "Accepted" and "chargingProfile" in command.payload:
        install(recorded(command), State.INSTALLED, at=at)


def recorded(command: Command) -> Assignment:
    """The row of a command that told a profile; one that `assign` did not raise gets its row here."""
    if (known := Assignment.objects.filter(command=command).first()) is not None:
        return known
    wire = read_payload(command.action, command.payload)
    payload: dict[str, Any] = wire["chargingProfile" if "chargingProfile" in wire else "csChargingProfiles"]
    assignment, _created = Assignment.objects.get_or_create(
        command=command,
        defaults={
            "charge_point_id": command.charge_point_id,
            "connector_id": wire.get("connectorId", 0),
            "transaction": _transaction_of(command.charge_point_id, payload),
            "charging_profile_id": payload["chargingProfileId"],
            "purpose": payload["chargingProfilePurpose"],
            "stack_level": payload["stackLevel"],
            "payload": payload,
            "asked_at": command.created_at,
        },
    )
    return assignment


def _transaction_of(charge_point_id: int, payload: dict[str, Any]) -> Transaction | None:
    number = payload.get("transactionId", 0)
    if payload["chargingProfilePurpose"] != Purpose.TX or not 0 < number < 2**31:
        return None
    return Transaction.objects.filter(charge_point=charge_point_id, pk=number).first()


def install(assignment: Assignment, state: Assignment.State, *, at: datetime) -> int:
    """A profile is at the station, or may be; what it takes the place of is gone if it certainly is.

    Stored late, it may itself have been replaced since `at`.
    """
    rows = Assignment.objects.filter(pk=assignment.pk, state__in=[State.ASKED, State.UNCERTAIN])
    if _in_its_place(assignment).filter(state=State.INSTALLED, installed_at__gt=at).exists():
        return end(rows, State.REPLACED, at=at)
    installed = rows.update(state=state, installed_at=at, ended_at=None)
    if installed and state == State.INSTALLED:
        end(_in_its_place(assignment).filter(state__in=ACTIVE_STATES), State.REPLACED, at=at)
    changes.note(changes.station(assignment.charge_point_id), "profiles")
    return installed


def _in_its_place(assignment: Assignment) -> QuerySet[Assignment]:
    """Other rows with the same number, or the same purpose and level at the same connector (§3.13.2)."""
    same_place = Q(purpose=assignment.purpose, stack_level=assignment.stack_level, connector_id=assignment.connector_id)
    rows = Assignment.objects.filter(charge_point=assignment.charge_point_id, ended_at=None)
    same_number = Q(charging_profile_id=assignment.charging_profile_id)
    return rows.filter(same_number | same_place).exclude(pk=assignment.pk)


def end(rows: QuerySet[Assignment], state: Assignment.State, *, at: datetime) -> int:
    """End those of `rows` that are not over; returns how many."""
    stations = set(rows.filter(ended_at=None).order_by().values_list("charge_point", flat=True))
    ended = rows.filter(ended_at=None).update(state=state, ended_at=at) if stations else 0
    if ended:
        changes.note(*map(changes.station, stations), "profiles")
    return ended
