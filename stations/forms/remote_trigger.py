"""Remote trigger (OCPP 1.6 §5.17)."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from . import fields
from .base import CommandForm

MESSAGES = {
    "StatusNotification": _("State of the connectors (StatusNotification)"),
    "MeterValues": _("Meter values (MeterValues)"),
    "Heartbeat": _("A sign of life (Heartbeat)"),
    "BootNotification": _("Its registration (BootNotification)"),
    "FirmwareStatusNotification": _("How far a firmware update is (FirmwareStatusNotification)"),
    "DiagnosticsStatusNotification": _("How far a diagnostics upload is (DiagnosticsStatusNotification)"),
}


class TriggerMessage(CommandForm):
    action = "TriggerMessage"
    title = _("Ask for a message")
    explanation = _("The charger answers first and sends the message afterwards.")

    requested_message = forms.ChoiceField(label=_("Message"), choices=list(MESSAGES.items()))
    connector_id = fields.connector(required=False, help_text=_("Empty: all of them. Only for state and meter values."))


FORMS: tuple[type[CommandForm], ...] = (TriggerMessage,)
