"""Which reservations a list shows."""

from __future__ import annotations

from datetime import date, timedelta

import django_filters
from django import forms
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from transactions.models import Reservation
from transactions.models.reservation import OPEN_RESERVATIONS

from ..periods import start_of
from ..record_filters import RecordFilters

VIEW = "transactions.view_reservation"
OPEN = "open"


class ReservationFilters(RecordFilters):
    """Days are those on which a connector was kept, or is to be."""

    to_station = "connector__charge_point"
    permission = VIEW

    person = django_filters.CharFilter(
        label=_("Person or tag number"), method="of_person", max_length=100, widget=forms.TextInput({"type": "search"})
    )
    state = django_filters.ChoiceFilter(
        label=_("State"),
        choices=[(OPEN, _("Open")), *Reservation.Status.choices],
        method="in_state",
        empty_label=_("All"),
    )

    class Meta:
        model = Reservation
        fields: list[str] = []

    def within(self, rows: QuerySet[Reservation], name: str, day: date) -> QuerySet[Reservation]:
        if name == "since":
            return rows.filter(expires_at__gte=start_of(day))
        return rows.filter(created_at__lt=start_of(day + timedelta(days=1)))

    def of_person(self, rows: QuerySet[Reservation], _name: str, text: str) -> QuerySet[Reservation]:
        """By the holder's name or the whole number: letter by letter would tell masked numbers."""
        tags = self.request.access.id_tags()
        for word in text.split():
            tags = tags.filter(holder__icontains=word)
        numbers = tags.order_by().values(capitals=Upper("id_tag"))
        return rows.filter(Q(id_tag__upper__in=numbers) | Q(id_tag__upper=Upper(Value(text.strip()))))

    def in_state(self, rows: QuerySet[Reservation], _name: str, state: str) -> QuerySet[Reservation]:
        return rows.filter(status__in=OPEN_RESERVATIONS) if state == OPEN else rows.filter(status=state)
