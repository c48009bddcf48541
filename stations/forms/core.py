"""Core profile (OCPP 1.6 §5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from . import fields, suggestions
from .base import CommandForm, Values

#: chargingProfileId of a start's limit is this plus the connector: a profile with the same number, of another session
#: or the whole charger, would be replaced by it (§3.13.2).
FIRST_START_PROFILE_ID = 17_000_000


class ChangeAvailability(CommandForm):
    action = "ChangeAvailability"
    title = _("Take in or out of service")
    explanation = _("Out of service means that nobody can charge there, also after a restart of the charger.")
    on_running = _("A connector that charges goes out of service when its session has ended.")

    connector_id = fields.connector(station_too=True, initial=0, help_text=_("0 is the whole charger."))
    type = forms.ChoiceField(
        label=_("State"),
        choices=[("Operative", _("In service")), ("Inoperative", _("Out of service"))],
        widget=forms.RadioSelect,
    )


class ChangeConfiguration(CommandForm):
    action = "ChangeConfiguration"
    title = _("Change a setting")
    explanation = _("The charger says whether it knows the key, takes the value, or needs a restart first.")
    kept_empty = ("value",)  # an empty list of measurands is a value

    key = forms.CharField(
        label=_("Key"), max_length=50, widget=fields.SuggestingInput(suggestions.writable_keys, {"spellcheck": "false"})
    )
    value = forms.CharField(
        label=_("Value"),
        max_length=500,
        required=False,
        help_text=_("As the charger writes it: true or false, a number, or a list with commas."),
    )

    def check(self, values: Values) -> None:
        if values["key"].lower() == "authorizationkey":
            self.add_error("key", _("A wrong key locks the charger out. Use “Rotate over OCPP” on the charger's page."))


class ClearCache(CommandForm):
    action = "ClearCache"
    title = _("Clear the cache of tags")
    explanation = _("The charger forgets which tags it was told about and asks again. Its local list stays.")


class DataTransfer(CommandForm):
    action = "DataTransfer"
    title = _("Send vendor data")
    explanation = _("A message that only the vendor's documentation explains.")

    vendor_id = forms.CharField(label=_("Vendor"), max_length=255, help_text=_("For example com.vendor."))
    message_id = forms.CharField(label=_("Message"), max_length=50, required=False)
    data = forms.CharField(  # type: ignore[assignment]  # Django takes fields off the class: what was sent stays `data`
        label=_("Data"), required=False, widget=forms.Textarea({"rows": 4, "spellcheck": "false"})
    )


class GetConfiguration(CommandForm):
    action = "GetConfiguration"
    title = _("Read the settings")
    explanation = _("What the charger answers is stored as its configuration.")

    key = fields.WordsField(
        label=_("Keys"), max_word=50, required=False, help_text=_("One a line. Empty: all that the charger has.")
    )


class RemoteStartTransaction(CommandForm):
    action = "RemoteStartTransaction"
    title = _("Start a session")
    explanation = _(
        "“Accepted” only means that the charger will try: it waits for a car, and may ask first whether the tag is "
        "allowed. The session it starts is shown with the command."
    )
    helpers = ("limit", "unit")

    id_tag = fields.id_tag(help_text=_("Choose a tag or type any number of up to 20 characters."))
    connector_id = fields.connector(required=False, help_text=_("Empty: the charger chooses. Some refuse that."))
    limit = forms.DecimalField(
        label=_("Limit"),
        required=False,
        min_value=0,
        max_value=1_000_000,
        decimal_places=1,
        help_text=_("For this session only. Empty: no limit."),
    )
    unit = forms.ChoiceField(
        label=_("Unit of the limit"), choices=[("A", _("A per phase")), ("W", _("W in total"))], initial="A"
    )

    @classmethod
    def compose(cls, values: Values) -> dict[str, Any]:
        payload = super().compose(values)
        if values.get("limit") is not None:
            payload["chargingProfile"] = _limiting_profile(values)
        return payload

    @classmethod
    def entries(cls, payload: Mapping[str, Any]) -> Values:
        values = super().entries(payload)
        match payload.get("chargingProfile"):
            case {"chargingSchedule": {"chargingRateUnit": unit, "chargingSchedulePeriod": [{"limit": limit}]}}:
                values |= {"unit": unit, "limit": limit}
        return values


def _limiting_profile(values: Values) -> dict[str, Any]:
    """One limit from the start of the session to its end (§3.13.1); the transaction's id is not known yet."""
    period = CommandForm.compose({"start_period": 0, "limit": values["limit"]})
    return {
        "chargingProfileId": FIRST_START_PROFILE_ID + (values.get("connector_id") or 0),
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {"chargingRateUnit": values["unit"], "chargingSchedulePeriod": [period]},
    }


class RemoteStopTransaction(CommandForm):
    action = "RemoteStopTransaction"
    title = _("Stop a session")
    explanation = _("The session ends as if its tag had been shown again; the charger reports the final reading.")
    for_many = False

    transaction_id = fields.whole_number(
        label=_("Session"),
        min_value=None,
        suggest=suggestions.running_sessions,
        help_text=_("Its number (transactionId)."),
    )


class Reset(CommandForm):
    action = "Reset"
    title = _("Restart the charger")
    explanation = _("The charger disconnects and is back after some minutes.")
    on_running = _(
        "A soft restart ends them properly first; a hard one cuts them off, and their last reading may be lost."
    )

    type = forms.ChoiceField(
        label=_("How"),
        choices=[
            ("Soft", _("Soft: sessions are stopped and reported, then it restarts")),
            ("Hard", _("Hard: at once, like switching it off and on")),
        ],
        initial="Soft",
        widget=forms.RadioSelect,
    )


class UnlockConnector(CommandForm):
    action = "UnlockConnector"
    title = _("Unlock a connector")
    explanation = _("Releases a cable that is stuck. It is not meant for stopping a session.")
    on_running = _("Many chargers end the session on the connector that is unlocked.")

    connector_id = fields.connector()


FORMS: tuple[type[CommandForm], ...] = (
    RemoteStartTransaction,
    RemoteStopTransaction,
    UnlockConnector,
    Reset,
    ChangeAvailability,
    GetConfiguration,
    ChangeConfiguration,
    ClearCache,
    DataTransfer,
)
