"""Search: chargers, tags and sessions by what people know of them."""

from __future__ import annotations

from typing import Any

from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import cached_property

from stations.models import ChargePoint
from transactions.models import IdTag, Transaction

from .chargers.filters import MAX_SEARCH_CHARACTERS, matching
from .pages import Page

#: Of each kind; whoever has more to choose from uses the list and its filter.
MOST = 20
MAX_TRANSACTION = 2**31 - 1
#: What is in the archive comes last.
_IN_USE = F("archived_at").asc(nulls_first=True)


class Search(Page):
    """`/search/?q=`: one hit is opened at once, several are shown in groups."""

    template_name = "screens/search.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        hits = [("charger", row.pk) for row in self.chargers]
        hits += [("tag", row.pk) for row in self.tags]
        hits += [("transaction", row.pk) for row in self.transactions]
        if len(hits) == 1:
            name, pk = hits[0]
            return redirect(f"screens:{name}", pk)
        return super().get(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        count = len(self.chargers) + len(self.tags) + len(self.transactions)
        found = {"chargers": self.chargers, "tags": self.tags, "transactions": self.transactions}
        return super().get_context_data(q=self.text, count=count, most=MOST, **found, **kwargs)

    @cached_property
    def text(self) -> str:
        typed: str = self.request.GET.get("q", "")
        return typed.replace("\0", "").strip()[:MAX_SEARCH_CHARACTERS]

    @cached_property
    def chargers(self) -> list[ChargePoint]:
        if not self.text:
            return []
        rows = matching(self.access.charge_points(), self.text).select_related("site", "gateway")
        return list(rows.order_by(_IN_USE, "name", "identity")[:MOST])

    @cached_property
    def tags(self) -> list[IdTag]:
        """By holder or number. Who sees numbers masked finds a tag by its whole number only, not letter by letter."""
        if not self.text:
            return []
        rows: QuerySet[IdTag] = self.access.id_tags().select_related("group")
        number = "id_tag__icontains" if self.access.somewhere("transactions.change_idtag") else "id_tag__iexact"
        found = Q(holder__icontains=self.text) | Q(**{number: self.text})
        return list(rows.filter(found).order_by(_IN_USE, "holder", "id_tag")[:MOST])

    @cached_property
    def transactions(self) -> list[Transaction]:
        """The session of that number, if the reader may see it."""
        digits = self.text.removeprefix("#")
        if not (digits.isdecimal() and digits.isascii()) or len(digits) > 10 or int(digits) > MAX_TRANSACTION:
            return []
        rows = self.access.narrow(Transaction.objects.all(), "transactions.view_transaction", "charge_point__site")
        return list(rows.filter(pk=int(digits)).select_related("charge_point", "connector", "tag"))
