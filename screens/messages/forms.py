"""What can be asked of the log."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ocpp_gateway.v16.outgoing import OUTGOING
from people.access import Access
from stations.forms import fields
from stations.models import Message

from ..record_filters import found_stations
from .search import Asked

VIEW = "stations.view_message"
ERRORS_ONLY = "errors"
#: What stations send, beside what we send.
INCOMING = (
    *("Authorize", "BootNotification", "DiagnosticsStatusNotification", "FirmwareStatusNotification", "Heartbeat"),
    *("LogStatusNotification", "MeterValues", "SecurityEventNotification", "SignCertificate"),
    *("SignedFirmwareStatusNotification", "StartTransaction", "StatusNotification", "StopTransaction"),
)
ACTIONS = sorted({*INCOMING, *OUTGOING})


class MessageFilters(forms.Form):
    station = forms.CharField(
        label=_("Charger"), required=False, max_length=255, widget=forms.TextInput({"type": "search"})
    )
    direction = forms.ChoiceField(
        label=_("Direction"), required=False, choices=[("", _("Both")), *Message.Direction.choices]
    )
    action = forms.ChoiceField(
        label=_("Message"), required=False, choices=[("", _("All")), *((name, name) for name in ACTIONS)]
    )
    since = fields.moment(label=_("From"), required=False)
    until = fields.moment(label=_("To"), required=False)
    message_id = forms.CharField(label=_("Message id"), required=False, max_length=100)
    only = forms.ChoiceField(label=_("Kind"), required=False, choices=[("", _("All")), (ERRORS_ONLY, _("Errors only"))])
    follow = forms.BooleanField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        self._access = access

    def asked(self) -> Asked:
        """What to search for; nothing at all if the address makes no sense."""
        if not self.is_valid():
            return Asked(stations=[])
        wanted = self.cleaned_data
        return Asked(
            stations=self._stations(wanted["station"]),
            direction=wanted["direction"],
            action=wanted["action"],
            errors=wanted["only"] == ERRORS_ONLY,
            since=wanted["since"],
            until=wanted["until"],
            message_id=wanted["message_id"],
        )

    def _stations(self, text: str) -> list[int] | None:
        if text:
            return found_stations(self._access, text, VIEW)
        if self._access.everywhere(VIEW):
            return None
        # keys, not a query of them: PostgreSQL would walk the index of each charger and sort what it finds
        return list(self._access.charge_points(VIEW).order_by().values_list("pk", flat=True))

    @property
    def is_empty(self) -> bool:
        return not any(value for name, value in self.data.items() if name in self.fields and name != "follow")
