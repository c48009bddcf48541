"""What a profile of the library is made of, as people enter it.

Of a profile that is repeated the times are those of the clock; it begins at the earliest of them, on a day that has
passed, so that it holds at once. One that is not repeated counts from its beginning.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

from django import forms
from django.utils import timezone
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from charging_profiles.models import ChargingProfile, Kind, Purpose, Recurrency
from stations.forms import fields

from .fields import HoursField
from .shapes import DAY_S, Rhythm, anchor, rhythm_of, shape_of

MAX_ROWS = 200
MOST = 10_000_000
RHYTHMS = [
    ("daily", gettext_lazy("every day")),
    ("weekly", gettext_lazy("every week")),
    ("once", gettext_lazy("once, from a moment on")),
    ("session", gettext_lazy("from the beginning of each session")),
]
_KINDS = {
    "daily": (Kind.RECURRING, Recurrency.DAILY),
    "weekly": (Kind.RECURRING, Recurrency.WEEKLY),
    "once": (Kind.ABSOLUTE, ""),
    "session": (Kind.RELATIVE, ""),
}


class PeriodForm(forms.Form):
    """A row of the table; `day` only in a week. One that is left empty is no row."""

    day = forms.TypedChoiceField(
        label=gettext_lazy("Day"),
        required=False,
        coerce=int,
        empty_value=None,
        choices=[(number, name) for number, name in WEEKDAYS_ABBR.items()],
    )
    begins = HoursField(label=gettext_lazy("From"), required=False)
    limit = forms.DecimalField(
        label=gettext_lazy("Limit"), required=False, min_value=0, max_value=MOST, decimal_places=1
    )
    phases = forms.TypedChoiceField(
        label=gettext_lazy("Phases"),
        required=False,
        coerce=int,
        empty_value=None,
        choices=[("", gettext_lazy("all")), (1, "1"), (2, "2"), (3, "3")],
    )

    def __init__(self, *args: Any, rhythm: str = "daily", **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        self.rhythm = rhythm
        if rhythm != "weekly":
            del self.fields["day"]

    @property
    def is_blank(self) -> bool:
        entered = self.cleaned_data
        return entered.get("begins") is None and entered.get("limit") is None

    def clean(self) -> dict[str, Any]:
        entered = super().clean() or {}
        if self.errors or self.is_blank:
            return entered
        if entered.get("begins") is None:
            self.add_error("begins", _("Say from when."))
        elif self.rhythm in ("daily", "weekly") and entered["begins"] >= DAY_S:
            self.add_error("begins", _("A day has 24 hours."))
        if entered.get("limit") is None:
            self.add_error("limit", _("Say how much."))
        return entered

    @property
    def second(self) -> int:
        """Where it begins: after midnight (of Monday) or after the beginning."""
        begins: int = self.cleaned_data["begins"]
        return begins + (self.cleaned_data.get("day") or 0) * DAY_S


class Periods(forms.BaseFormSet):  # type: ignore[type-arg]
    """The table. `rhythm` says whether its times are those of the clock, and whether it has days."""

    def __init__(self, *args: Any, rhythm: str, **kwargs: Any) -> None:
        super().__init__(*args, **{"prefix": "periods", **kwargs})
        self.rhythm = rhythm

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        return {**super().get_form_kwargs(index), "rhythm": self.rhythm}

    def clean(self) -> None:
        if any(self.errors):
            return
        rows = self.in_order
        if not rows:
            raise forms.ValidationError(_("Enter one limit at least."))
        starts = [row.second for row in rows]
        if len(set(starts)) < len(starts):
            raise forms.ValidationError(_("Two limits begin at the same time."))
        if self.rhythm in ("once", "session") and starts[0] != 0:
            raise forms.ValidationError(_("The first limit begins at 0:00."))

    @property
    def in_order(self) -> list[PeriodForm]:
        return sorted((form for form in self.forms if not form.is_blank), key=lambda form: form.second)

    def periods(self) -> tuple[int, list[dict[str, Any]]]:
        """Where the first begins, and all of them, counted from there: what `ChargingProfile.periods` holds."""
        rows = self.in_order
        first = rows[0].second
        return first, [_period(row.second - first, **_told(row)) for row in rows]


PeriodFormSet = cast(
    "type[Periods]",
    forms.formset_factory(
        PeriodForm, formset=Periods, extra=0, max_num=MAX_ROWS, absolute_max=MAX_ROWS, validate_max=True
    ),
)


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """Everything but the table of limits."""

    rhythm = forms.ChoiceField(label=gettext_lazy("Holds"), choices=RHYTHMS, initial="daily")
    starts_at = fields.moment(label=gettext_lazy("Begins"), required=False)
    duration_s = HoursField(
        label=gettext_lazy("Lasts"),
        required=False,
        help_text=gettext_lazy("In h:mm. Empty: until it begins again or is removed. Afterwards a lower level counts."),
    )
    valid_from = fields.moment(label=gettext_lazy("Valid from"), required=False)
    valid_to = fields.moment(label=gettext_lazy("Valid until"), required=False)
    stack_level = fields.whole_number(
        label=gettext_lazy("Level"),
        initial=0,
        help_text=gettext_lazy("Of two profiles for the same the higher level wins while it has something to say."),
    )

    class Meta:
        model = ChargingProfile
        fields = (
            *("name", "purpose", "rhythm", "starts_at", "follows_clock", "unit", "duration_s"),
            *("stack_level", "valid_from", "valid_to", "min_rate", "notes"),
        )
        labels = {
            "purpose": gettext_lazy("For"),
            "unit": gettext_lazy("Unit"),
            "follows_clock": gettext_lazy("Keep to the clock all year"),
            "min_rate": gettext_lazy("Least useful rate"),
            "notes": gettext_lazy("Notes"),
        }
        help_texts = {
            "follows_clock": gettext_lazy("The profile is sent again when the clocks change."),
            "min_rate": gettext_lazy("Below it charging makes no sense; few chargers heed it."),
        }
        widgets = {"notes": forms.Textarea({"rows": 3})}

    def __init__(self, *args: Any, rhythm: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        if self.instance.kind and self.instance.periods:
            self.initial.setdefault("rhythm", rhythm_of(self.instance.kind, self.instance.recurrency))
        shown = rhythm or self.initial.get("rhythm") or "daily"
        if shown != "once":
            del self.fields["starts_at"]
        if shown not in ("daily", "weekly"):
            del self.fields["follows_clock"]

    def clean(self) -> dict[str, Any]:
        entered = super().clean() or {}
        for field, sentence in _contradictions(entered, has_start="starts_at" in self.fields):
            self.add_error(field, sentence)
        return entered

    def _get_validation_exclusions(self) -> set[str]:
        # no fields of this form, but the model's rules about them stand: one name among those in use
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return excluded - {"kind", "recurrency", "archived_at"}

    def _post_clean(self) -> None:
        if rhythm := self.cleaned_data.get("rhythm"):
            self.instance.kind, self.instance.recurrency = _KINDS[rhythm]
        super()._post_clean()  # type: ignore[misc]

    def fill(self, first: int, periods: list[dict[str, Any]]) -> ChargingProfile:
        """The profile with its limits, of which the first begins at `first`; not saved."""
        profile: ChargingProfile = self.instance
        rhythm: Rhythm = self.cleaned_data["rhythm"]
        profile.periods = periods
        if rhythm in ("daily", "weekly"):
            profile.starts_at = anchor(rhythm, first)
        elif rhythm == "session":
            profile.starts_at = None
        return profile


def _contradictions(entered: Mapping[str, Any], *, has_start: bool) -> list[tuple[str, str]]:
    """What OCPP 1.6 §3.13 forbids: (field, sentence)."""
    rhythm, lasts_s = entered.get("rhythm"), entered.get("duration_s")
    begins, ends = entered.get("valid_from"), entered.get("valid_to")
    cycle_s = {"daily": DAY_S, "weekly": 7 * DAY_S}.get(str(rhythm))
    rules = [
        (
            rhythm == "session" and entered.get("purpose") == Purpose.CHARGE_POINT_MAX,
            "rhythm",
            _("A limit of the whole charger cannot begin with a session."),
        ),
        (
            rhythm == "once" and has_start and entered.get("starts_at") is None,
            "starts_at",
            _("Say when it begins."),
        ),
        (lasts_s is not None and lasts_s == 0, "duration_s", _("It lasts a moment at least.")),
        (
            bool(cycle_s and lasts_s and lasts_s > cycle_s),
            "duration_s",
            _("It begins again before it ends: leave this empty."),
        ),
        (bool(begins and ends and begins >= ends), "valid_to", _("It ends before it begins.")),
    ]
    return [(field, sentence) for broken, field, sentence in rules if broken]


def rows_of(profile: ChargingProfile) -> list[dict[str, Any]]:
    """A stored profile's limits as the table shows them, by the clock of the installation if it is repeated."""
    shape = shape_of(profile)
    rows = []
    for start, limit, phases in shape.limits:
        second = (start + shape.offset_s) % shape.cycle_s if shape.cycle_s else start
        day, within = divmod(second, DAY_S) if shape.rhythm == "weekly" else (0, second)
        whole = int(limit) if limit == int(limit) else limit
        rows.append({"day": day, "begins": within, "limit": whole, "phases": phases or ""})
    return sorted(rows, key=lambda row: (row["day"], row["begins"]))


def zone_of_clock() -> str:
    """Whose clock a profile that is repeated keeps to."""
    return timezone.get_default_timezone_name()


def _told(row: PeriodForm) -> dict[str, Any]:
    return {"limit": row.cleaned_data["limit"], "phases": row.cleaned_data["phases"]}


def _period(start: int, *, limit: Decimal, phases: int | None) -> dict[str, Any]:
    period: dict[str, Any] = {"start": start, "limit": f"{limit:.1f}"}
    return period if phases is None else {**period, "phases": phases}
