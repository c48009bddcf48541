"""Stops that came without a session: which one each belongs to is for a person to say."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from transactions.corrections import CannotCorrect
from transactions.ledger import LARGEST_ID
from transactions.models import OrphanedStop, Transaction
from transactions.services import attach_stop

from ..lists import ListPage
from ..pages import FormPage
from ..record_filters import RecordFilters

VIEW, CHANGE = "transactions.view_orphanedstop", "transactions.change_orphanedstop"
#: Sessions that are offered: the charger's last ones before the stop.
MAX_OFFERED = 10


class StopFilters(RecordFilters):
    """Stops by when they came; those that nobody has attached, unless others are asked for."""

    moment = "received_at"
    permission = VIEW

    attached = django_filters.ChoiceFilter(
        label=gettext_lazy("Session"),
        choices=[("yes", gettext_lazy("Attached")), ("all", gettext_lazy("All"))],
        method="as_attached",
        empty_label=gettext_lazy("Not attached"),
    )

    class Meta:
        model = OrphanedStop
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[OrphanedStop]) -> QuerySet[OrphanedStop]:
        rows: QuerySet[OrphanedStop] = super().filter_queryset(queryset)
        return rows if self.form.cleaned_data["attached"] else rows.filter(transaction=None)

    def as_attached(self, rows: QuerySet[OrphanedStop], _name: str, value: str) -> QuerySet[OrphanedStop]:
        return rows.exclude(transaction=None) if value == "yes" else rows


class Stops(ListPage):
    permission = VIEW
    template_name = "screens/transactions/stops.html"
    part = "screens/transactions/_stops.html"
    filterset_class = StopFilters
    sorts = {"received": ("-received_at", "-pk")}

    def get_rows(self) -> QuerySet[OrphanedStop]:
        stops = OrphanedStop.objects.select_related("charge_point", "transaction")
        return self.access.narrow(stops, VIEW, "charge_point__site")


class AttachingForm(forms.Form):
    transaction = forms.IntegerField(
        label=gettext_lazy("Number of the session"),
        required=False,
        min_value=1,
        max_value=LARGEST_ID,
        help_text=gettext_lazy("Empty: it belongs to none."),
        widget=forms.NumberInput({"inputmode": "numeric", "list": "attach-known"}),
    )


class AttachStop(FormPage):
    """The form that names a stop's session, in the side sheet or as a page of its own."""

    permission = VIEW
    template_name = "screens/transactions/attach.html"
    parts = {"sheet": "screens/transactions/_attach.html"}
    form_class = AttachingForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated and self.is_allowed() and not self.access.on(CHANGE, self.stop.charge_point):
            raise PermissionDenied
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    @cached_property
    def stop(self) -> OrphanedStop:
        stops = OrphanedStop.objects.select_related("charge_point", "transaction")
        return get_object_or_404(self.access.narrow(stops, VIEW, "charge_point__site"), pk=self.kwargs["pk"])

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "auto_id": "attach_%s"}

    def get_initial(self) -> dict[str, Any]:
        asked = self.request.GET.get("transaction", "")
        return {"transaction": asked if asked.isdecimal() else self.stop.transaction_id}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(stop=self.stop, offered=self.offered(), **kwargs)

    def offered(self) -> list[Transaction]:
        """The charger's last sessions that had begun when the stop came."""
        rows = Transaction.objects.filter(charge_point=self.stop.charge_point_id, started_at__lte=self.stop.received_at)
        return list(rows.select_related("connector").order_by("-started_at")[:MAX_OFFERED])

    def form_valid(self, form: AttachingForm) -> HttpResponse:
        number = form.cleaned_data["transaction"]
        try:
            attach_stop(self.stop.pk, number)
        except CannotCorrect as refusal:
            form.add_error(refusal.field or None, str(refusal))
            return self.form_invalid(form)
        messages.success(self.request, _("Saved: the session itself stays as it is."))
        url = reverse("screens:transaction", args=[number]) if number else reverse("screens:stops")
        return HttpResponse(headers={"HX-Redirect": url}) if self.request.htmx else redirect(url)
