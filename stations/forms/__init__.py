"""A typed form for every command, a chapter of the specification each, and one for any payload."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from . import core, firmware_management, local_auth_list, remote_trigger, reservation, security, smart_charging
from .base import CommandForm, StationForm
from .expert import ExpertForm
from .limits import LiftLimitForm, LimitForm
from .sending import PacedSendingForm, SendingForm

__all__ = [
    "BY_NAME",
    "CHAPTERS",
    "FORMS",
    "CommandForm",
    "ExpertForm",
    "PacedSendingForm",
    "SendingForm",
    "StationForm",
]

#: Heading and forms, in the order people need them.
CHAPTERS: tuple[tuple[Any, tuple[type[StationForm], ...]], ...] = (
    (_("Every day"), core.FORMS),
    (_("Messages on demand"), remote_trigger.FORMS),
    (_("Smart charging"), (LimitForm, LiftLimitForm, *smart_charging.FORMS)),
    (_("Reservations"), reservation.FORMS),
    (_("Local list of tags"), local_auth_list.FORMS),
    (_("Firmware and diagnostics"), firmware_management.FORMS),
    (_("Security"), security.FORMS),
    (_("For experts"), (ExpertForm,)),
)
#: All forms by their name in addresses.
BY_NAME: dict[str, type[StationForm]] = {form.name: form for _heading, chapter in CHAPTERS for form in chapter}
#: Those that are an action of the specification.
FORMS: dict[str, type[CommandForm]] = {form.action: form for form in BY_NAME.values() if issubclass(form, CommandForm)}
