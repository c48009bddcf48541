"""Local lists: published to each station that has one switched on (OCPP 1.6 §3.5.2, §5.10, §5.15).

Where a publication stands is in the `LocalList` row, so that any process goes on with it: an answer moves it, in the
transaction that stores the answer; `publish_due` finds by the clock what nobody answered.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, F, Max, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from stations import changes
from stations.commands import SYSTEM, CommandRefused, Origin, cancel_command, queue_command
from stations.models import (
    OPEN_STATUSES,
    ChargePoint,
    Command,
    CommandSource,
    CommandStatus,
    RegistrationStatus,
)
from stations.one_by_one import each

from . import listed_tags, publication
from .models import LocalList

State, Reason = LocalList.State, LocalList.Reason

#: Stations that the clock turns to at a time, so that two thousand do not start in one second.
STATIONS_PER_ROUND = 200
LONGEST_PAUSE = timedelta(hours=1)
#: An emptied list is worth waiting for: until then the station lets in whom it knows.
EMPTY_WITHIN = timedelta(days=7)
CONFLICT_PAUSE = timedelta(minutes=1)
#: Whole lists of this time count against one more where a station goes on to complain.
CONFLICT_MEMORY = timedelta(days=1)
_NEVER_SENT = (CommandStatus.UNDELIVERED, CommandStatus.CANCELLED, CommandStatus.EXPIRED)
_NOT_SUPPORTED_CODES = frozenset({"NotSupported", "NotImplemented"})


class LocalListOff(CommandRefused):
    """The station's list is switched off; its text is for the person who wanted to publish it."""


# What people ask for


@transaction.atomic
def switch_on(charge_point: ChargePoint, *, origin: Origin = SYSTEM) -> LocalList:
    """Keep the station's list from now on, and publish it; nothing happens if it is on."""
    LocalList.objects.get_or_create(charge_point=charge_point)
    local_list = _locked(charge_point.pk)
    if local_list.is_on:
        return local_list
    local_list.revision = None
    local_list.move(State.PENDING)
    _save(local_list)
    return publish(charge_point, origin=origin)


@transaction.atomic
def switch_on_many(stations: QuerySet[ChargePoint]) -> int:
    """Keep the lists of those that are accepted; the clock publishes them. Returns how many were not kept before."""
    accepted = stations.filter(registration_status=RegistrationStatus.ACCEPTED, archived_at=None)
    missing = accepted.filter(local_list=None).values_list("pk", flat=True)
    LocalList.objects.bulk_create([LocalList(charge_point_id=pk) for pk in missing], ignore_conflicts=True)
    off = LocalList.objects.filter(charge_point__in=accepted, state=State.OFF)
    return off.update(state=State.PENDING, state_at=timezone.now(), revision=None)


@transaction.atomic
def switch_off(charge_point: ChargePoint, *, origin: Origin = SYSTEM) -> LocalList:
    """Stop keeping the station's list, and empty it: an old one would let in whoever is blocked later."""
    LocalList.objects.get_or_create(charge_point=charge_point)
    local_list = _locked(charge_point.pk)
    if not local_list.is_on:
        return local_list
    if local_list.command is not None:
        cancel_command(local_list.command)
    publication.stop(local_list, State.OFF, Reason.NONE)
    if local_list.last_version:
        payload = {"listVersion": publication.next_version(local_list), "updateType": "Full"}
        with suppress(CommandRefused):
            until = timezone.now() + EMPTY_WITHIN
            queue_command(charge_point, "SendLocalList", payload, origin=origin, valid_until=until)
    _save(local_list)
    return local_list


@transaction.atomic
def publish(charge_point: ChargePoint, *, full: bool = False, origin: Origin = SYSTEM) -> LocalList:
    """Bring the station's list up to date now, `full` even where it seems to be; offline, as soon as it returns.

    Also what was refused is tried again. A publication on its way goes on. Raises LocalListOff.
    """
    local_list = _locked_or_none(charge_point.pk)
    if local_list is None or not local_list.is_on:
        raise LocalListOff(_("The local list of %(charger)s is switched off.") % {"charger": charge_point})
    listed_tags.refresh(timezone.now())
    if full:
        local_list.revision = local_list.target = None
    local_list.was_repeated, local_list.silences, local_list.not_before = False, 0, None
    local_list.move(State.PENDING)
    if local_list.command is None:
        publication.ask(local_list, origin)
    _save(local_list)
    return local_list


def publish_soon(lists: QuerySet[LocalList], *, full: bool = False) -> int:
    """As `publish`, for many: the clock turns to them. Returns how many are on."""
    again = {"state": State.PENDING, "state_at": timezone.now(), "reason": Reason.NONE, "detail": ""}
    fresh = {"was_repeated": False, "silences": 0, "not_before": None}
    whole = {"revision": None, "target": None} if full else {}
    return lists.exclude(state=State.OFF).update(**again, **fresh, **whole)


# What stations answer


def version_answered(command: Command, version: int) -> None:
    """GetLocalListVersion: −1 not supported, 0 empty, else what the station holds (§6.24)."""
    local_list = _locked_or_none(command.charge_point_id)
    if local_list is None:
        return
    is_ours = local_list.command_id == command.pk
    if is_ours:
        local_list.command = None
    local_list.asked_at = timezone.now()
    version = min(version, publication.LARGEST_VERSION)
    local_list.last_version = max(local_list.last_version, version)
    if version < 0:
        publication.stop(local_list, State.NOT_SUPPORTED if local_list.is_on else State.OFF, Reason.NO_LIST)
    elif is_ours:
        publication.go_on(local_list, version, _origin_of(command))
    elif local_list.command is None and version != local_list.version:
        publication.forget(local_list, version)
    _save(local_list)


def list_answered(command: Command, status: str) -> None:
    """SendLocalList: Accepted, Failed, VersionMismatch, NotSupported (§7.56), to us or to an expert."""
    local_list = _locked_or_none(command.charge_point_id)
    if local_list is None:
        return
    if local_list.command_id == command.pk:
        local_list.command = None
        local_list.silences = 0
        publication.take_answer(local_list, status, _origin_of(command))
    elif status == "Accepted":
        _take_note_of(command, local_list)
    _save(local_list)


def report_conflict(charge_point: ChargePoint) -> None:
    """The station's list contradicts our verdicts (errorCode LocalListConflict, §3.5.3): it gets the whole again.

    A station that complains whatever it gets is answered less and less: the more whole lists it got in the last day,
    the longer its complaints pass unheard. They do not hold up what changes meanwhile.
    """
    now = timezone.now()
    on = LocalList.objects.filter(charge_point=charge_point.pk).exclude(state=State.OFF)
    if not on.exclude(state=State.PENDING, reason=Reason.CONFLICT).exists() or _got_the_whole_lately(charge_point, now):
        return
    again_at = now + CONFLICT_PAUSE  # several complaints at once are one
    on.update(
        state=State.PENDING,
        state_at=now,
        reason=Reason.CONFLICT,
        detail="",
        revision=None,
        target=None,
        not_before=again_at,
    )


def _got_the_whole_lately(charge_point: ChargePoint, now: datetime) -> bool:
    sent = Command.objects.filter(charge_point=charge_point.pk, action="SendLocalList", payload__updateType="Full")
    whole = sent.filter(sent_at__gt=now - CONFLICT_MEMORY).aggregate(count=Count("pk"), last=Max("sent_at"))
    return bool(whole["count"]) and now - whole["last"] < _pause(whole["count"])


# By the clock


def publish_due(now: datetime) -> int:
    """Publish what is out of date, and go on where an answer is missing; returns how many stations it turned to.

    Changes of tags within one round go out together. Any process may run it, any number of times.
    """
    if not LocalList.objects.exclude(state=State.OFF).exists():
        return 0
    behind = Q(revision__lt=listed_tags.refresh(now)) | Q(revision=None)
    LocalList.objects.filter(behind, state=State.UP_TO_DATE).update(
        state=State.PENDING, state_at=now, reason=Reason.NONE, detail=""
    )
    stations = list(_due(now).values_list("charge_point_id", flat=True)[:STATIONS_PER_ROUND])
    return each(stations, lambda station: _turn_to(station, now))


def _due(now: datetime) -> QuerySet[LocalList]:
    """Lists with a command that ended without an answer of use, or with none and something to do."""
    reachable = ChargePoint.objects.online().filter(registration_status=RegistrationStatus.ACCEPTED, archived_at=None)
    has_booted = Q(charge_point__booted_at__gt=F("asked_at"), state__in=[State.UP_TO_DATE, State.REFUSED])
    is_time = Q(not_before=None) | Q(not_before__lte=now)
    idle = Q(command=None, charge_point__in=reachable) & is_time & (Q(state=State.PENDING) | has_booted)
    ended = Q(command__isnull=False) & ~Q(command__status__in=OPEN_STATUSES)
    return LocalList.objects.exclude(state=State.OFF).filter(idle | ended).order_by("state_at")


@transaction.atomic
def _turn_to(charge_point_id: int, now: datetime) -> bool:
    local_list = _locked(charge_point_id)
    if not _due(now).filter(pk=local_list.pk).exists():  # while we waited for its lock, another process turned to it
        return False
    command = local_list.command
    if command is not None:
        local_list.command = None
        _take_silence(local_list, command, now)
    else:
        if local_list.state != State.PENDING:
            local_list.move(State.PENDING)
        publication.ask(local_list, SYSTEM)
    _save(local_list)
    return True


def _take_silence(local_list: LocalList, command: Command, now: datetime) -> None:
    """A command of ours ended without an answer: never sent, unanswered, or answered with a CALLERROR."""
    if command.error_code in _NOT_SUPPORTED_CODES:
        publication.stop(local_list, State.NOT_SUPPORTED, Reason.ANSWER, _said(command))
    elif command.error_code and command.action == "GetLocalListVersion":
        local_list.asked_at = command.closed_at or now  # it was asked, and will be again after its next boot
        publication.begin(local_list, None, _origin_of(command))
    elif command.error_code:
        publication.repeat_or_stop(local_list, _said(command), _origin_of(command))
    elif command.status not in _NEVER_SENT:
        local_list.silences += 1
        local_list.not_before = now + _pause(local_list.silences)
        local_list.move(State.PENDING, Reason.SILENCE, command.action)


def _pause(silences: int) -> timedelta:
    """None after the first silence, then a minute, two, four … up to an hour."""
    minutes = 0 if silences < 2 else 2 ** min(silences - 2, 6)
    return min(timedelta(minutes=minutes), LONGEST_PAUSE)


# Somebody else's hand


def _take_note_of(command: Command, local_list: LocalList) -> None:
    """An expert, or `switch_off`, has sent a list: its version is used up, and what it left is not what we sent."""
    version = min(int(command.payload.get("listVersion", 0)), publication.LARGEST_VERSION)
    local_list.last_version = max(local_list.last_version, version)
    if command.payload.get("updateType") == "Full":
        local_list.tag_count = len(command.payload.get("localAuthorizationList") or ())
    publication.forget(local_list, version)


# Small things


def _save(local_list: LocalList) -> None:
    local_list.save()
    changes.note("tags")


def _locked(charge_point_id: int) -> LocalList:
    """The station's list, for one process at a time; within a transaction.

    Its command is read when it is wanted: a joined row would be the one from before we had the lock.
    """
    rows = LocalList.objects.select_for_update(of=("self",)).select_related("charge_point")
    return rows.get(charge_point=charge_point_id)


def _locked_or_none(charge_point_id: int) -> LocalList | None:
    with suppress(LocalList.DoesNotExist):
        return _locked(charge_point_id)
    return None


def _origin_of(command: Command) -> Origin:
    """Who asked for the publication asked for its chunks."""
    return Origin(CommandSource(command.source), command.created_by, command.actor, command.remote_address)


def _said(command: Command) -> str:
    return " ".join(filter(None, [command.error_code, command.error_description]))
