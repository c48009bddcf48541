"""How a command is sent: now or when the charger returns, to many at what pace, and never twice by a double click."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stations.commands import LONGEST_WAIT

from . import fields

DEFAULT_PER_MINUTE = 300


def new_key() -> str:
    return secrets.token_urlsafe(16)


def in_an_hour() -> datetime:
    return timezone.now().replace(second=0) + timedelta(hours=1)


class OnceForm(forms.Form):
    """Stands below a command's own form and sees to it that a double click sends once."""

    prefix = "sending"

    idempotency_key = forms.CharField(max_length=64, initial=new_key, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})

    @property
    def idempotency(self) -> str:
        """The same for the same form with the same entries: whoever goes back and changes something means another."""
        entered = sorted((name, value) for name, value in dict(self.data).items() if name != "csrfmiddlewaretoken")
        digest = hashlib.sha256(repr(entered).encode()).hexdigest()
        return f"{self.cleaned_data['idempotency_key']}-{digest[:16]}"

    @property
    def valid_until(self) -> datetime | None:
        """Until when the command may wait for its station; None if it may not."""
        return None


class SendingForm(OnceForm):
    """Lets a command wait for a station that is offline."""

    if_offline = forms.ChoiceField(
        label=_("If the charger is offline"),
        choices=[("drop", _("do not send it")), ("wait", _("send it when the charger returns"))],
        initial="drop",
        widget=forms.RadioSelect,
    )
    wait_until = fields.moment(
        label=_("… but not after"), required=False, initial=in_an_hour, help_text=_("Counts only if it may wait.")
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("if_offline") == "wait" and "wait_until" in cleaned:
            self._check_wait(cleaned["wait_until"], timezone.now())
        return cleaned

    def _check_wait(self, until: datetime | None, now: datetime) -> None:
        if until is None:
            self.add_error("wait_until", _("Say until when."))
        elif until <= now:
            self.add_error("wait_until", _("This moment has passed."))
        elif until > now + LONGEST_WAIT:
            self.add_error("wait_until", _("A command waits for 30 days at most."))

    @property
    def valid_until(self) -> datetime | None:
        return self.cleaned_data["wait_until"] if self.cleaned_data["if_offline"] == "wait" else None


class PacedSendingForm(SendingForm):
    """For many chargers."""

    per_minute = forms.IntegerField(
        label=_("Chargers per minute"),
        required=False,
        min_value=1,
        max_value=60_000,
        initial=DEFAULT_PER_MINUTE,
        help_text=_("So that not all of them restart or download at once. Empty: all at once."),
    )
