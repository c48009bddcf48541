"""What became of a holder's wish to start or stop, in one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stations.models import Command, CommandStatus, EffectStatus

START, STOP = "RemoteStartTransaction", "RemoteStopTransaction"
#: Somebody who comes back later looks at the session itself.
SHOWN_FOR = timedelta(minutes=10)

_ENDS: dict[str, Any] = {
    CommandStatus.REJECTED: _("The charger refused. Is another car plugged in, or is it in use?"),
    CommandStatus.FAILED: _("The charger could not do it."),
    CommandStatus.TIMED_OUT: _("The charger did not answer. Look at it before you try again."),
    CommandStatus.UNDELIVERED: _("The charger is not connected."),
    CommandStatus.CANCELLED: _("It was taken back."),
    CommandStatus.EXPIRED: _("The charger was away for too long."),
}
#: action → while it is awaited, when it came, when it did not
_EFFECTS: dict[str, dict[str, Any]] = {
    START: {
        EffectStatus.AWAITED: _("The charger is ready: plug in the car."),
        EffectStatus.SEEN: _("Charging has started."),
        EffectStatus.MISSED: _("No session started. Was the car plugged in?"),
    },
    STOP: {
        EffectStatus.AWAITED: _("The charger is ending the session."),
        EffectStatus.SEEN: _("The session has ended."),
        EffectStatus.MISSED: _("The charger agreed, but reported no end. Look at it."),
    },
}


@dataclass(frozen=True)
class Wish:
    """`kind` is a badge's; `is_open` as long as something may still happen."""

    command: Command
    kind: str
    words: Any
    is_open: bool


def latest_wish(person: User) -> Wish | None:
    """The person's latest start or stop, if it is not long ago."""
    rows = Command.objects.filter(created_by=person, action__in=(START, STOP))
    recent = rows.filter(created_at__gt=timezone.now() - SHOWN_FOR).select_related("charge_point")
    command = recent.order_by("-created_at").first()
    return None if command is None else wish_of(command)


def wish_of(command: Command) -> Wish:
    if not command.is_final:
        return Wish(command, "busy", _("Asking the charger …"), True)
    effect = EffectStatus(command.effect_status)
    if command.status != CommandStatus.ACCEPTED and effect != EffectStatus.SEEN:
        # a charger that did not answer may do it all the same
        return Wish(command, "bad", _ENDS[command.status], effect == EffectStatus.AWAITED)
    words = _EFFECTS[command.action].get(effect, _("The charger agreed."))
    kinds = {EffectStatus.AWAITED: "busy", EffectStatus.MISSED: "bad"}
    return Wish(command, kinds.get(effect, "good"), words, effect == EffectStatus.AWAITED)
