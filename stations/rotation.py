"""Passwords and security profiles that change over OCPP: at every moment the station can log in (white paper A01, A05).

The old and the new are valid from the moment a command is marked as sent, before its frame leaves, until it is certain
which one the station has; one that still waits lets nobody in, or who may queue it could log in as the station.
Certain is: a refusal, a command that never left, and a frame on a line that was opened with one of them. An answer that
got lost decides nothing. The rows of the commands are the truth, so a process may die anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from .commands import SYSTEM, CommandRefused, Origin, queue_command, raised_before
from .configuration import TAKEN
from .credentials import new_key
from .models import ChargePoint, Command, CredentialKind, SecurityChange, SecurityProfile

Kind, State = SecurityChange.Kind, SecurityChange.State

#: A station may still be busy with what it was told: lines it opens in this time prove nothing against the new.
GRACE = timedelta(minutes=5)
#: Lines with the old one, after the grace and with a boot among them, that prove that a lost answer was no "Accepted".
OLD_SEEN_ENOUGH = 2


@transaction.atomic
def rotate_key(
    charge_point: ChargePoint,
    *,
    origin: Origin = SYSTEM,
    valid_until: datetime | None = None,
    idempotency_key: str = "",
) -> Command:
    """Send the station a new random AuthorizationKey; raises CommandRefused while another one waits for its answer.

    The key itself is nowhere but in the queued command, which forgets it when it is sent. The same `idempotency_key`
    gives the same command, as in `queue_command`.
    """
    return _change(
        charge_point, Kind.KEY, lambda _station: ("AuthorizationKey", new_key()), origin, valid_until, idempotency_key
    )


@transaction.atomic
def raise_security_profile(
    charge_point: ChargePoint,
    profile: int,
    *,
    origin: Origin = SYSTEM,
    valid_until: datetime | None = None,
    idempotency_key: str = "",
) -> Command:
    """Ask the station to come back at a higher profile; raises CommandRefused where that cannot be.

    Its minimum rises when it has come back, not before: a station that cannot reach us at the new profile falls back.
    The same `idempotency_key` gives the same command, as in `queue_command`.
    """

    def higher(station: ChargePoint) -> tuple[str, str]:
        if profile not in SecurityProfile.values:
            raise CommandRefused(_("plugcontrol speaks the security profiles 0, 1, 2 and 3."))
        if profile <= max(station.minimum_security_profile, station.security_profile):
            raise CommandRefused(_("The charger has this security profile already, or a higher one."))
        if profile < SecurityProfile.CERTIFICATE and not _has_password(station):
            raise CommandRefused(_("The charger has no password yet: rotate its key first."))
        return "SecurityProfile", str(profile)

    return _change(charge_point, Kind.PROFILE, higher, origin, valid_until, idempotency_key)


def _change(
    charge_point: ChargePoint,
    kind: str,
    wanted: Callable[[ChargePoint], tuple[str, str]],
    origin: Origin,
    valid_until: datetime | None,
    idempotency_key: str,
) -> Command:
    """Queue the key and value that are `wanted` of the station, one change of a kind at a time."""
    station = _lock(charge_point)
    if idempotency_key and (known := raised_before(station, origin, idempotency_key)) is not None:
        return known
    _refuse_second(station, kind)
    key, value = wanted(station)
    return queue_command(
        station,
        "ChangeConfiguration",
        {"key": key, "value": value},
        origin=origin,
        valid_until=valid_until,
        idempotency_key=idempotency_key,
    )


def _lock(charge_point: ChargePoint) -> ChargePoint:
    """The station's row as it is now, until the end of the transaction."""
    return ChargePoint.objects.select_for_update(of=("self",), no_key=True).get(pk=charge_point.pk)


def _refuse_second(station: ChargePoint, kind: str) -> None:
    """CommandRefused while a change of this kind waits for the station's answer."""
    resolve(station.security_changes.filter(ended_at=None), timezone.now())
    if _open(station, kind).filter(state=State.ASKED).exists():
        raise CommandRefused(_("A change is under way already: wait for the charger's answer, or cancel the command."))


def _has_password(station: ChargePoint) -> bool:
    """One that is in use, or one that the station has taken and not used yet."""
    if station.credential_kind != CredentialKind.NONE:
        return True
    return _open(station, Kind.KEY).filter(state=State.ACCEPTED).exists()


def _open(charge_point: ChargePoint, kind: str) -> QuerySet[SecurityChange]:
    return SecurityChange.objects.filter(charge_point=charge_point, kind=kind, ended_at=None)


def check(now: datetime) -> int:
    """Draw the conclusions from commands that are over; returns how many changes that were. For the clock."""
    undecided = SecurityChange.objects.filter(ended_at=None, state__in=[State.ASKED, State.UNCERTAIN])
    return resolve(undecided, now)


def resolve(changes: QuerySet[SecurityChange], now: datetime) -> int:
    """As `check`, for some changes."""
    undecided = changes.filter(state__in=[State.ASKED, State.UNCERTAIN]).select_related("command")
    return sum(_resolve(change, now) for change in undecided)


def _resolve(change: SecurityChange, now: datetime) -> bool:
    state = _state_after(change.command)
    if state == change.state:
        return False
    ended_at = now if state == State.ROLLED_BACK else None
    still = SecurityChange.objects.filter(pk=change.pk, ended_at=None, state=change.state)
    return still.update(state=state, answered_at=change.command.closed_at or now, ended_at=ended_at) == 1


def _state_after(command: Command) -> str:
    """What the end of a command says about the station.

    A CALLERROR says nothing, unless it says that ChangeConfiguration does not exist: a station may store the value and
    then fail.
    """
    if not command.is_final:
        return State.ASKED
    answer = command.late_answer if command.error_code or not command.answer else command.answer
    status = answer.get("status") if isinstance(answer, dict) else None
    if status in TAKEN:
        return State.ACCEPTED
    if command.sent_at is None or status in _REFUSED or command.error_code in _UNKNOWN_ACTION:
        return State.ROLLED_BACK
    return State.UNCERTAIN


_REFUSED = ("Rejected", "NotSupported")
_UNKNOWN_ACTION = ("NotImplemented", "NotSupported")


@transaction.atomic
def spoke(charge_point_id: int, *, credential_hash: str, security_profile: int, at: datetime) -> None:
    """The first frame came over a line that the station opened with `credential_hash` at `security_profile`.

    Not the handshake but a frame is the proof: our answer to the handshake may never have reached the station.
    """
    station = ChargePoint.objects.select_for_update(of=("self",), no_key=True).get(pk=charge_point_id)
    resolve(SecurityChange.objects.filter(charge_point=station, ended_at=None), at)
    _use_key(station, credential_hash, at)
    _use_profile(station, security_profile, at)


def _use_key(station: ChargePoint, credential_hash: str, at: datetime) -> None:
    keys = SecurityChange.objects.filter(charge_point=station, kind=Kind.KEY)
    left = keys.filter(command__sent_at__isnull=False)
    # one rolled back this very moment counts as well: the station has just proved that it has it
    used = left.filter(credential_hash=credential_hash, state__in=_MAY_BE_USED).exclude(credential_hash="").first()
    unused = keys.filter(ended_at=None)
    if used is not None:
        keys.filter(pk=used.pk).update(state=State.DONE, credential_hash="", ended_at=at)
        unused.filter(pk__lt=used.pk).update(state=State.SUPERSEDED, credential_hash="", ended_at=at)
        station.credential_kind, station.credential_hash = used.credential_kind, used.credential_hash
        station.save(update_fields=["credential_kind", "credential_hash"])
        unused = unused.filter(pk__gt=used.pk)
    elif credential_hash != station.credential_hash:
        return  # a password that somebody has changed by hand since the handshake
    _count_old(station, unused, at)


_MAY_BE_USED = (State.ASKED, State.ACCEPTED, State.UNCERTAIN, State.ROLLED_BACK)


def _use_profile(station: ChargePoint, security_profile: int, at: datetime) -> None:
    raises = _open(station, Kind.PROFILE)
    raises.filter(security_profile__lte=security_profile).update(state=State.DONE, ended_at=at)
    ChargePoint.objects.filter(pk=station.pk, minimum_security_profile__lt=security_profile).update(
        minimum_security_profile=security_profile
    )
    _count_old(station, raises.filter(security_profile__gt=security_profile), at)


def _count_old(station: ChargePoint, unused: QuerySet[SecurityChange], at: datetime) -> None:
    """The station came with the old one. If it had accepted the new one both stay, for it may need a reset to use it;
    if its answer was lost it is believed after a while.
    """
    late = unused.filter(answered_at__lte=at - GRACE)
    late.filter(state__in=[State.ACCEPTED, State.UNCERTAIN]).update(old_seen=F("old_seen") + 1)
    if station.booted_at is None:
        return
    disproved = late.filter(state=State.UNCERTAIN, old_seen__gte=OLD_SEEN_ENOUGH, answered_at__lt=station.booted_at)
    disproved.update(state=State.ROLLED_BACK, ended_at=at)
