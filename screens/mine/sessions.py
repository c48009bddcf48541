"""My sessions: those of a period, their sums, and exactly them as a file."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from transactions.models import IdTag, Transaction

from ..exports import exports_with, respond_with_transactions
from ..lists import ListPage
from ..periods import Period
from ..record_filters import RecordFilters, day_field
from ..tables import Format, format_of
from ..transactions.filters import TransactionFilters
from ..transactions.listing import Sums, sums_of
from .pages import ForHolders, own_sessions


def _own_cards(request: Any) -> QuerySet[IdTag]:
    cards: QuerySet[IdTag] = request.access.own_tags()
    return cards


@exports_with("own")
class OwnSessionFilters(django_filters.FilterSet):  # type: ignore[misc]
    """Sessions by when they began and by card. Periods and days mean what they mean in the operators' list."""

    moment = "started_at"
    in_period = TransactionFilters.in_period
    within = RecordFilters.within

    period = django_filters.ChoiceFilter(
        label=_("Period"),
        choices=[choice for choice in Period.choices if choice[0] != Period.ALL],
        method="in_period",
        empty_label=Period.ALL.label,
    )
    since = day_field(_("From"))
    until = day_field(_("To"))
    card = django_filters.ModelChoiceFilter(
        label=_("Card"), queryset=_own_cards, field_name="tag", empty_label=_("All")
    )

    class Meta:
        model = Transaction
        fields: list[str] = []


class Sessions(ForHolders, ListPage):
    template_name = "screens/mine/sessions.html"
    part = "screens/mine/_sessions.html"
    filterset_class = OwnSessionFilters
    sorts = {"start": ("started_at", "pk"), "energy": ("energy_wh", "pk")}

    @property
    def sort(self) -> str:
        return super().sort if "sort" in self.request.GET else "-start"

    def get_rows(self) -> QuerySet[Transaction]:
        rows = own_sessions(self.access)
        return rows.select_related("charge_point__site", "connector", "tag")

    @cached_property
    def sums(self) -> Sums:
        return sums_of(self.filtered)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        formats = [(choice.value, choice.label) for choice in Format]
        return super().get_context_data(sums=self.sums, formats=formats, **kwargs)


class ExportSessions(Sessions):
    """The sessions of exactly this filter, nobody else's: `/mine/sessions/export/xlsx/?…`."""

    is_file = True

    def get(  # type: ignore[override]  # a file comes in pieces
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        chosen = format_of(kwargs["format"])
        return respond_with_transactions(self.request, self.filtered, request.GET, chosen, scope="own")
