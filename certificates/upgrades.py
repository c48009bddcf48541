"""The wizard: raises a station's security profile step by step, and leaves it as it was if it does not come back.

What an upgrade has done is in its commands, found by their idempotency keys; the clock looks at them and does what is
next, in whatever process. A station is let in as before at every moment: its minimum rises when it speaks on a line
with the new profile and not before (`stations.rotation`).
"""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from stations import changes
from stations.commands import SYSTEM, CommandRefused, Origin, close_queued
from stations.models import (
    ChargePoint,
    CommandStatus,
    RegistrationStatus,
    SecurityChange,
    SecurityProfile,
)
from stations.one_by_one import each

from . import authority
from .models import CertificateUse, RootCertificate, SecurityUpgrade
from .upgrade_steps import COMES_WITHIN, ORDER, STEPS
from .upgrade_way import MAX_TRIES, Again, Ends, Passed, State, Step, Waits, Way, commands_of

#: More is no story any more.
MOST_STEPS_TOLD = 80


def begin(
    charge_point: ChargePoint, profile: int, *, origin: Origin = SYSTEM, root: RootCertificate | None = None
) -> SecurityUpgrade:
    """Begin to raise the station to `profile`; the clock does the rest. Raises CommandRefused where that cannot be.

    `root` is installed at a station that does not speak TLS yet; without one it is taken to trust the server already.
    """
    station = ChargePoint.objects.get(pk=charge_point.pk)
    if refusal := why_not(station, profile) or _why_not_root(root):
        raise CommandRefused(refusal)
    try:
        with transaction.atomic():
            upgrade = SecurityUpgrade.objects.create(
                charge_point=station,
                profile=profile,
                profile_before=present_profile(station),
                root=root if profile >= SecurityProfile.TLS else None,
                created_by_id=origin.user_id,
                actor=origin.name,
            )
    except IntegrityError:
        raise CommandRefused(_("An upgrade of this charger is under way already.")) from None
    _tell(upgrade)
    return upgrade


def present_profile(charge_point: ChargePoint) -> int:
    return max(charge_point.minimum_security_profile, charge_point.security_profile)


def why_not(charge_point: ChargePoint, profile: int) -> str:
    """Why the station cannot be raised to `profile` now, in plain words; empty if it can."""
    if profile not in SecurityProfile.values or profile == SecurityProfile.NONE:
        return _("plugcontrol raises chargers to the security profiles 1, 2 and 3.")
    if charge_point.archived_at is not None:
        return _("%(charger)s is archived: it takes no commands.") % {"charger": charge_point}
    if charge_point.registration_status != RegistrationStatus.ACCEPTED:
        return _("The charger has not been approved yet.")
    if profile <= present_profile(charge_point):
        return _("The charger has this security profile already, or a higher one.")
    if charge_point.security_upgrades.filter(ended_at=None).exists():
        return _("An upgrade of this charger is under way already.")
    return _why_not_here(profile)


def _why_not_here(profile: int) -> str:
    """What the server itself lacks: a station must not be sent to a door that is not there."""
    if profile >= SecurityProfile.TLS and not speaks_tls():
        return _("This server does not speak TLS yet: give it a certificate (TLS_CERTIFICATE) or a proxy with https.")
    if profile < SecurityProfile.CERTIFICATE:
        return ""
    if not (settings.TLS_CERTIFICATE or settings.CLIENT_CERTIFICATE_HEADER):
        return _(
            "This server does not see chargers' certificates: it needs TLS of its own (TLS_CERTIFICATE), or a proxy "
            "that passes them on (CLIENT_CERTIFICATE_HEADER)."
        )
    if authority.current() is None:
        return authority.problem() or _("There is no CA that could sign the charger's certificate.")
    return ""


def speaks_tls() -> bool:
    """Whether stations can reach us with TLS: at our own port, or at a proxy's."""
    return bool(settings.TLS_CERTIFICATE) or urlsplit(settings.PUBLIC_URL).scheme == "https"


def _why_not_root(root: RootCertificate | None) -> str:
    if root is None:
        return ""
    if root.archived_at is not None:
        return _("This root certificate has been archived.")
    if root.use != CertificateUse.CENTRAL_SYSTEM:
        return _("This root certificate is not meant for the central system.")
    now = timezone.now()
    return "" if root.not_before <= now < root.not_after else _("This root certificate is not valid now.")


@transaction.atomic
def cancel(upgrade: SecurityUpgrade) -> bool:
    """Go no further; False if it is over. What was sent may still come: the station is let in either way."""
    locked = _locked(upgrade.pk)
    if locked is None:
        return False
    return _end(locked, Ends(State.CANCELLED), "cancelled", timezone.now())


@transaction.atomic
def carry_on(upgrade: SecurityUpgrade) -> bool:
    """Somebody has seen to what it waited for; False if it does not wait for anybody.

    A root is taken to be installed by hand, a certificate is asked for again, a station gets more time to come back.
    """
    locked = _locked(upgrade.pk)
    if locked is None or locked.state != State.WAITING:
        return False
    now = timezone.now()
    if locked.step == Step.ROOT:
        _pass(locked, "by_hand", now)
    elif locked.step == Step.CERTIFICATE:
        locked.tries += MAX_TRIES - locked.tries % MAX_TRIES
        _note(locked, "again", now)
    else:
        _note(locked, "again", now)
        locked.step_at, locked.due_at = now, now + COMES_WITHIN
    locked.state, locked.problem, locked.details = State.RUNNING, "", ""
    locked.save()
    _tell(locked)
    return True


def advance_all(now: datetime) -> int:
    """Take every upgrade a step further that can go on; how many did. For the clock."""
    going = SecurityUpgrade.objects.filter(ended_at=None)
    return each(going.order_by("created_at").values_list("pk", flat=True), lambda pk: advance(pk, now))


@transaction.atomic
def advance(upgrade_pk: UUID, now: datetime) -> bool:
    """Do what an upgrade's step has to do next; False if nothing has changed."""
    upgrade = _locked(upgrade_pk)
    if upgrade is None:
        return False
    way = Way.of(upgrade, now)
    if way.station.archived_at is not None:
        return _end(upgrade, Ends(State.FAILED, "archived"), "ended", now)
    if way.station.minimum_security_profile >= upgrade.profile:
        return _end(upgrade, Ends(State.DONE), "done", now)
    outcome, has_moved = STEPS[Step(upgrade.step)](way), False
    while isinstance(outcome, Passed | Again):
        if isinstance(outcome, Passed):
            _pass(upgrade, outcome.word, now)
        else:
            _repeat(upgrade, outcome, way, now)
        upgrade.state, upgrade.problem, upgrade.details = State.RUNNING, "", ""
        has_moved, outcome = True, STEPS[Step(upgrade.step)](way)
    if isinstance(outcome, Ends):
        return _end(upgrade, outcome, "ended", now)
    return _wait(upgrade, outcome, now, has_moved=has_moved)


def _locked(upgrade_pk: UUID) -> SecurityUpgrade | None:
    rows = SecurityUpgrade.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("root", "created_by").filter(pk=upgrade_pk, ended_at=None).first()


def _pass(upgrade: SecurityUpgrade, word: str, now: datetime) -> None:
    _note(upgrade, word, now)
    upgrade.step = ORDER[ORDER.index(Step(upgrade.step)) + 1]
    upgrade.step_at, upgrade.tries = now, 0
    upgrade.due_at = now + COMES_WITHIN if upgrade.step == Step.RETURN else None


def _repeat(upgrade: SecurityUpgrade, again: Again, way: Way, now: datetime) -> None:
    _note(upgrade, "again", now)
    if again.at is None:
        upgrade.tries += 1
        return
    upgrade.step, upgrade.step_at, upgrade.due_at = again.at, now, None
    upgrade.tries = max(way.all_of(again.at.value), default=-1) + 1


def _wait(upgrade: SecurityUpgrade, outcome: Waits, now: datetime, *, has_moved: bool) -> bool:
    state = State.WAITING if outcome.problem else State.RUNNING
    is_as_before = (upgrade.state, upgrade.problem) == (state, outcome.problem) and not outcome.word
    if is_as_before and not has_moved:
        return False
    if word := outcome.word or ("waiting" if outcome.problem else ""):
        _note(upgrade, word, now)
    upgrade.state, upgrade.problem, upgrade.details = state, outcome.problem, ""
    upgrade.due_at = outcome.due_at or upgrade.due_at
    upgrade.save()
    _tell(upgrade)
    return True


def _end(upgrade: SecurityUpgrade, end: Ends, word: str, now: datetime) -> bool:
    close_queued(commands_of(upgrade), CommandStatus.CANCELLED)
    _note(upgrade, word, now)
    upgrade.state, upgrade.problem, upgrade.details = end.state, end.problem, end.details[:500]
    upgrade.ended_at, upgrade.due_at = now, None
    upgrade.save()
    if end.state == State.RETURNED:
        _forget_the_raise(upgrade, now)
    _tell(upgrade)
    return True


def _forget_the_raise(upgrade: SecurityUpgrade, now: datetime) -> None:
    """The station is taken to have kept what it had; should it come with the new profile after all, that counts."""
    raises = SecurityChange.objects.filter(
        command__in=commands_of(upgrade), kind=SecurityChange.Kind.PROFILE, ended_at=None
    )
    raises.update(state=SecurityChange.State.ROLLED_BACK, ended_at=now)


def _note(upgrade: SecurityUpgrade, word: str, now: datetime) -> None:
    entry = [str(upgrade.step), word, now.isoformat(timespec="seconds")]
    upgrade.steps = [*upgrade.steps, entry][-MOST_STEPS_TOLD:]


def _tell(upgrade: SecurityUpgrade) -> None:
    changes.note(changes.station(upgrade.charge_point_id), "certificates")
