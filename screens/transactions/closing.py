"""Closing a session by hand whose stop never came."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from stations.forms.fields import ClockField
from transactions.corrections import CannotCorrect, can_be_closed
from transactions.models import OrphanedStop, Transaction
from transactions.services import close_by_hand

from ..pages import FormPage
from .page import OfTransaction

CHANGE = "transactions.change_transaction"
_LARGEST_KWH = Decimal(10**15)


class ClosingForm(forms.Form):
    """How it ended. Times are those of the reader's zone."""

    stopped_at = ClockField(
        label=gettext_lazy("End"),
        widget=forms.DateTimeInput({"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S"),
    )
    meter_stop_kwh = forms.DecimalField(
        label=gettext_lazy("Final reading of the meter (kWh)"),
        required=False,
        max_digits=18,
        decimal_places=3,
        min_value=0,
        max_value=_LARGEST_KWH,
        help_text=gettext_lazy("Empty: the last reading that the charger sent."),
        widget=forms.NumberInput({"step": "0.001", "inputmode": "decimal"}),
    )
    reason = forms.CharField(
        label=gettext_lazy("Why is it closed by hand?"),
        max_length=500,
        help_text=gettext_lazy("For those who look at this session later."),
        widget=forms.Textarea({"rows": 3}),
    )

    def clean_stopped_at(self) -> datetime:
        """What the page has shown stays that moment: the clock alone does not tell which, an hour a year."""
        entered: datetime = self.cleaned_data["stopped_at"]
        shown: datetime | None = self.initial.get("stopped_at")
        if shown is not None and timezone.make_naive(shown) == timezone.make_naive(entered):
            return shown
        return entered

    @property
    def meter_stop_wh(self) -> int | None:
        kwh: Decimal | None = self.cleaned_data["meter_stop_kwh"]
        return None if kwh is None else int(kwh * 1000)


class CloseTransaction(OfTransaction, FormPage):
    """The form, in the side sheet or as a page of its own. `?stop=` fills it in from a stop without a session."""

    template_name = "screens/transactions/close.html"
    parts = {"sheet": "screens/transactions/_close.html"}
    form_class = ClosingForm
    object: Transaction

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.user.is_authenticated and self.is_allowed():
            self.object = self.get_object()
            if not self.access.on(CHANGE, self.object.charge_point):
                raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return self.render_to_response(self.get_context_data())

    def get_form_kwargs(self) -> dict[str, Any]:
        # fields in the side sheet must not have the ids of those of the page behind it
        return {**super().get_form_kwargs(), "auto_id": "close_%s"}

    def get_initial(self) -> dict[str, Any]:
        stop = self._stop()
        if stop is not None:
            at, wh = stop.stopped_at, stop.meter_stop_wh
        elif self.object.stopped_at is not None:
            at, wh = self.object.stopped_at, self.object.meter_stop_wh
        else:
            at, wh = self.object.register_at, self.object.register_wh
        at = max(at, self.object.started_at)
        if at.microsecond:  # fields know seconds only, and the end must not come before the start
            at = at.replace(microsecond=0) + timedelta(seconds=1)
        return {"stopped_at": at, "meter_stop_kwh": None if wh is None else Decimal(wh).scaleb(-3)}

    def _stop(self) -> OrphanedStop | None:
        number = self.request.GET.get("stop", "")
        stops = OrphanedStop.objects.filter(charge_point=self.object.charge_point_id)
        return stops.filter(pk=int(number)).first() if number.isdecimal() and len(number) < 19 else None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(can_be_closed=can_be_closed(self.object), **kwargs)

    def form_valid(self, form: ClosingForm) -> HttpResponse:
        try:
            close_by_hand(
                self.object.pk,
                stopped_at=form.cleaned_data["stopped_at"],
                meter_stop_wh=form.meter_stop_wh,
                reason=form.cleaned_data["reason"],
                by=self.request.user,
            )
        except CannotCorrect as refusal:
            form.add_error({"meter_stop_wh": "meter_stop_kwh"}.get(refusal.field, refusal.field) or None, str(refusal))
            return self.form_invalid(form)
        messages.success(self.request, _("The session is closed. What stood there before is kept."))
        url = reverse("screens:transaction", args=[self.object.pk])
        return HttpResponse(headers={"HX-Redirect": url}) if self.request.htmx else redirect(url)
