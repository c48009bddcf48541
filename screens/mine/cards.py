"""My cards: which ones, whether they may charge, and what to do when one is lost."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from people.cards import report_lost
from transactions.authorization import status_of
from transactions.models import IdTag

from ..pages import Page
from .pages import ForHolders


class Cards(ForHolders, Page):
    template_name = "screens/mine/cards.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        cards = self.access.own_tags().filter(archived_at=None).select_related("group").order_by("id_tag")
        now = timezone.now()
        shown = [{"card": card, "verdict": status_of(card, now)} for card in cards]
        return super().get_context_data(cards=shown, **kwargs)


class ReportLost(ForHolders):
    """Blocks a card at once; only an operator can unblock it."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        card: IdTag = get_object_or_404(self.access.own_tags().filter(archived_at=None), pk=pk)
        if report_lost(card, by=self.holder):
            messages.success(request, _("%(card)s is blocked. Nobody can charge with it.") % {"card": card.id_tag})
        else:
            messages.info(request, _("%(card)s was blocked already.") % {"card": card.id_tag})
        return redirect("screens:mine_cards")
