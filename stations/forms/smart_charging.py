"""Smart charging (OCPP 1.6 §3.13, §5.5, §5.7, §5.16)."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from . import fields, suggestions
from .base import CommandForm, Values, on_the_wire

PURPOSES = [
    ("TxDefaultProfile", _("Every session (TxDefaultProfile)")),
    ("TxProfile", _("One running session (TxProfile)")),
    ("ChargePointMaxProfile", _("The whole charger (ChargePointMaxProfile)")),
]
UNITS = [("A", _("A per phase")), ("W", _("W in total"))]
_START_FIELD = "charging_schedule__start_schedule"
_PERIODS_FIELD = "charging_schedule__charging_schedule_period"
_START = re.compile(r"^(\d{1,3}):([0-5]\d)(?::([0-5]\d))?$")


class PeriodLinesField(fields.LinesField):
    """`0:00 16`, `8:00 10.5 1`: when it begins after the schedule's start (h:mm), the limit, phases if not 3."""

    def read_line(self, line: str) -> dict[str, Any]:
        start, limit, phases = self.words(line, 3)
        if (at := _START.match(start)) is None or phases not in ("", "1", "2", "3"):
            raise ValueError(line)
        hours, minutes, seconds = (int(part or 0) for part in at.groups())
        period = {"startPeriod": hours * 3600 + minutes * 60 + seconds, "limit": on_the_wire(_limit(limit))}
        return {**period, "numberPhases": int(phases)} if phases else period

    def write_line(self, item: dict[str, Any]) -> str:
        minutes, seconds = divmod(item["startPeriod"], 60)
        start = f"{minutes // 60}:{minutes % 60:02}" + (f":{seconds:02}" if seconds else "")
        return " ".join(map(str, filter(None, (start, str(item["limit"]), item.get("numberPhases")))))


def _limit(text: str) -> Decimal:
    try:
        limit = Decimal(text.replace(",", "."))
    except InvalidOperation as error:
        raise ValueError(text) from error
    if not limit.is_finite() or not 0 <= limit <= 10_000_000 or limit != round(limit, 1):
        raise ValueError(text)
    return limit


class SetChargingProfile(CommandForm):
    action = "SetChargingProfile"
    title = _("Set a charging profile")
    explanation = _("A schedule of limits. The lowest limit of all purposes counts; of one purpose the highest level.")

    connector_id = fields.connector(station_too=True, help_text=_("0 is the whole charger, or all its connectors."))
    cs_charging_profiles__charging_profile_purpose = forms.ChoiceField(label=_("For"), choices=PURPOSES)
    cs_charging_profiles__transaction_id = fields.whole_number(
        label=_("Session"),
        required=False,
        min_value=None,
        suggest=suggestions.running_sessions,
        help_text=_("Needed for one running session, and only then."),
    )
    cs_charging_profiles__charging_profile_id = fields.whole_number(
        label=_("Profile number"), initial=1, help_text=_("A profile with the same number is replaced.")
    )
    cs_charging_profiles__stack_level = fields.whole_number(
        label=_("Level"), initial=0, help_text=_("The higher level wins. The charger says how many it has.")
    )
    cs_charging_profiles__charging_profile_kind = forms.ChoiceField(
        label=_("The schedule begins"),
        choices=[
            ("Absolute", _("at a moment (Absolute)")),
            ("Recurring", _("again and again (Recurring)")),
            ("Relative", _("with the session (Relative)")),
        ],
    )
    cs_charging_profiles__recurrency_kind = forms.ChoiceField(
        label=_("Repeated"), required=False, choices=[("", "–"), ("Daily", _("every day")), ("Weekly", _("every week"))]
    )
    cs_charging_profiles__charging_schedule__start_schedule = fields.moment(
        label=_("Start of the schedule"), required=False, help_text=_("Empty if it begins with the session.")
    )
    cs_charging_profiles__charging_schedule__duration = fields.whole_number(
        label=_("Seconds it lasts"), required=False, help_text=_("Empty: its last limit stays.")
    )
    cs_charging_profiles__charging_schedule__charging_rate_unit = forms.ChoiceField(label=_("Unit"), choices=UNITS)
    cs_charging_profiles__charging_schedule__charging_schedule_period = PeriodLinesField(
        label=_("Limits"),
        help_text=_(
            "One a line: from when (h:mm after the start of the schedule), limit, phases if not 3. “0:00 16” is 16 A "
            "from the start on, “8:00 10.5 1” then 10.5 A on one phase eight hours later."
        ),
    )
    cs_charging_profiles__charging_schedule__min_charging_rate = forms.DecimalField(
        label=_("Lowest useful rate"), required=False, min_value=0, max_value=10_000_000, decimal_places=1
    )
    cs_charging_profiles__valid_from = fields.moment(label=_("Valid from"), required=False)
    cs_charging_profiles__valid_to = fields.moment(label=_("Valid until"), required=False)

    def check(self, values: Values) -> None:
        profile = {name.removeprefix("cs_charging_profiles__"): value for name, value in values.items()}
        for member, error in _contradictions(values["connector_id"], profile):
            self.add_error(member if member in values else f"cs_charging_profiles__{member}", error)


def _contradictions(connector_id: int, profile: Values) -> list[tuple[str, Any]]:
    """What OCPP 1.6 §3.13 forbids: (field, sentence)."""
    purpose, kind = profile["charging_profile_purpose"], profile["charging_profile_kind"]
    of_session, of_charger, recurring = purpose == "TxProfile", purpose == "ChargePointMaxProfile", kind == "Recurring"
    session, repeated = profile["transaction_id"] is not None, bool(profile["recurrency_kind"])
    begins = profile["charging_schedule__start_schedule"] is not None
    starts = [period["startPeriod"] for period in profile["charging_schedule__charging_schedule_period"]]
    rules = [
        (of_charger and connector_id > 0, "connector_id", _("The whole charger is connector 0.")),
        (of_session and connector_id == 0, "connector_id", _("A session runs on connector 1 or above.")),
        (of_session and not session, "transaction_id", _("Choose the session.")),
        (session and not of_session, "transaction_id", _("Only a profile for one session names it.")),
        (recurring and not repeated, "recurrency_kind", _("Say how often it is repeated.")),
        (repeated and not recurring, "recurrency_kind", _("Only a recurring schedule is repeated.")),
        (kind != "Relative" and not begins, _START_FIELD, _("Say when the schedule begins.")),
        (kind == "Relative" and begins, _START_FIELD, _("A relative schedule begins with the session.")),
        (starts[0] != 0, _PERIODS_FIELD, _("The first limit begins at 0:00.")),
        (starts != sorted(set(starts)), _PERIODS_FIELD, _("Each limit begins after the one before.")),
    ]
    return [(field, sentence) for broken, field, sentence in rules if broken]


class ClearChargingProfile(CommandForm):
    action = "ClearChargingProfile"
    title = _("Remove charging profiles")
    explanation = _("Removes the profile with the number, or all that meet what you fill in below it.")
    helpers = ("everything",)

    id = fields.whole_number(label=_("Profile number"), required=False, min_value=None)
    connector_id = fields.connector(station_too=True, required=False, help_text=_("0: profiles of the whole charger."))
    charging_profile_purpose = forms.ChoiceField(label=_("For"), required=False, choices=[("", "–"), *PURPOSES])
    stack_level = fields.whole_number(label=_("Level"), required=False)
    everything = forms.BooleanField(label=_("Remove all profiles"), required=False)

    def check(self, values: Values) -> None:
        named = bool(self.compose(values))
        if not named and not values["everything"]:
            self.add_error(None, _("Name what is to be removed, or choose “Remove all profiles”."))
        if named and values["everything"]:
            self.add_error("everything", _("Name some or remove all, not both."))


class GetCompositeSchedule(CommandForm):
    action = "GetCompositeSchedule"
    title = _("Ask for the planned limits")
    explanation = _("What the charger makes of all its profiles for the time to come.")

    connector_id = fields.connector(station_too=True, help_text=_("0: what the whole charger draws from the grid."))
    duration = fields.whole_number(label=_("Seconds from now"), initial=86_400, min_value=1)
    charging_rate_unit = forms.ChoiceField(
        label=_("Unit"), required=False, choices=[("", _("as the charger likes")), *UNITS]
    )


FORMS: tuple[type[CommandForm], ...] = (SetChargingProfile, ClearChargingProfile, GetCompositeSchedule)
