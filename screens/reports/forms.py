"""What a report is asked for: about whom, of which days, how finely."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from people.access import Access
from stations.models import Site
from transactions.report_subjects import By
from transactions.report_sums import DayRange

from ..periods import Period, days_of

PERIODS = (Period.THIS_MONTH, Period.LAST_MONTH, Period.THIS_YEAR, Period.LAST_YEAR, Period.LAST_12_MONTHS)
PER = {"day": gettext_lazy("Day"), "month": gettext_lazy("Month"), "year": gettext_lazy("Year")}
#: More days than these are no picture and no table that anybody reads.
MAX_DAYS_PER_DAY = 92
MAX_YEARS = 30
_BOUNDS = [MinValueValidator(date(1971, 1, 1)), MaxValueValidator(date(2999, 12, 31))]


def _day(label: Any) -> forms.DateField:
    return forms.DateField(
        label=label, required=False, validators=_BOUNDS, widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    )


@dataclass(frozen=True)
class Wish:
    """`is_coarser`: days were asked for, but there are too many of them for that."""

    by: By
    days: DayRange
    per: str
    site: Site | None
    is_coarser: bool


def _fitting(days: DayRange) -> str:
    if days.days <= 31:
        return "day"
    return "month" if days.days <= 3 * 366 else "year"


def _days(since: date | None, until: date | None, period: str) -> DayRange:
    """What was named by its days, one of which may be missing, or else by its name."""
    today = timezone.localdate(timezone=timezone.get_default_timezone())
    if since is not None:
        return DayRange(since, until or max(since, today))
    if until is not None:
        return DayRange(until - timedelta(days=29), until)
    first, after = days_of(Period(period), today)
    return DayRange(first or today, (after or today) - timedelta(days=1))


class ReportForm(forms.Form):
    """Without any wish it is this month's energy by person."""

    by = forms.ChoiceField(label=gettext_lazy("By"), choices=By.choices, required=False)
    period = forms.ChoiceField(
        label=gettext_lazy("Period"), choices=[(period.value, period.label) for period in PERIODS], required=False
    )
    since = _day(gettext_lazy("or from"))
    until = _day(gettext_lazy("to"))
    per = forms.ChoiceField(
        label=gettext_lazy("Per"), choices=[("", gettext_lazy("as it fits")), *PER.items()], required=False
    )
    site = forms.ModelChoiceField(
        Site.objects.none(), label=gettext_lazy("Site"), required=False, empty_label=gettext_lazy("All")
    )

    def __init__(self, data: Any, access: Access) -> None:
        super().__init__(data, label_suffix="")
        self.fields["site"].queryset = access.sites("transactions.view_transaction")  # type: ignore[attr-defined]

    @property
    def wish(self) -> Wish:
        """What was asked for; only of a valid form."""
        chosen, days = self.cleaned_data, self.cleaned_data["days"]
        per = chosen["per"] or _fitting(days)
        is_too_fine = per == "day" and days.days > MAX_DAYS_PER_DAY
        by = By(chosen["by"] or By.PERSON)
        return Wish(by, days, _fitting(days) if is_too_fine else per, chosen["site"], is_too_fine)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        days = _days(cleaned.get("since"), cleaned.get("until"), cleaned.get("period") or Period.THIS_MONTH)
        if days.first > days.last:
            raise ValidationError({"until": _("This is before the first day.")})
        if days.days > MAX_YEARS * 366:
            raise ValidationError({"since": _("A report covers at most 30 years.")})
        return {**cleaned, "days": days}
