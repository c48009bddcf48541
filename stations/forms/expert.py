"""Any payload that passes the schema: for what the other forms have no field for."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from django import forms
from django.utils.translation import gettext_lazy as _

from ocpp_gateway.errors import OcppError
from ocpp_gateway.v16.outgoing import OUTGOING, read_payload
from stations.masking import is_masked

from .base import MASKED, StationForm

MAX_CHARACTERS = 500_000


class ExpertForm(StationForm):
    name = "expert"
    title = _("Send any command as JSON")
    explanation = _(
        "The payload has to fit the OCPP schema; beyond that the charger is the judge. Numbers of connectors, sessions "
        "or keys that plugcontrol does not know are sent as they are."
    )
    on_running = _("Whether they go on depends on the command.")

    action = forms.ChoiceField(label=_("Action"), choices=[(name, name) for name in sorted(OUTGOING)])
    payload = forms.CharField(
        label=_("Payload"),
        initial="{}",
        max_length=MAX_CHARACTERS,
        widget=forms.Textarea({"rows": 14, "class": "pem", "spellcheck": "false"}),
    )

    @staticmethod
    def entries(action: str, payload: Any) -> dict[str, Any]:
        return {"action": action, "payload": json.dumps(payload, indent=2, ensure_ascii=False)}

    def clean_payload(self) -> dict[str, Any]:
        try:
            payload = json.loads(self.cleaned_data["payload"], parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(_("This is not JSON: %(error)s"), params={"error": str(error)}) from error
        if not isinstance(payload, dict):
            raise forms.ValidationError(_("A payload is an object: { … }."))
        if is_masked(payload):
            raise forms.ValidationError(MASKED)
        return payload

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors:
            try:
                self.command = cleaned["action"], read_payload(cleaned["action"], cleaned["payload"])
            except OcppError as error:
                self.add_error("payload", f"{error.code}: {error.description}")
        return cleaned


def _refuse(constant: str) -> NoReturn:
    """NaN and its like, which Python reads and JSON does not know."""
    raise ValueError(constant)
