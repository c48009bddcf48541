"""Local lists: the tags a charger may judge by itself, and whether it has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import ngettext
from django.views.generic import View

from stations import changes
from stations.commands import CommandRefused
from stations.models import ChargePoint, RegistrationStatus
from transactions import local_lists
from transactions.models import LocalList

from ..lists import ListPage
from ..pages import Allowed, back
from .changes import sentences
from .filters import LocalListFilter
from .learn import ChargerForm

CHANGE = "transactions.change_locallist"
ADD = "transactions.add_locallist"


class LocalLists(ListPage):
    template_name = "screens/tags/local_lists.html"
    part = "screens/tags/_local_lists.html"
    permission = "transactions.view_locallist"
    filterset_class = LocalListFilter
    sorts = {
        "charger": ("charge_point__identity",),
        "state": ("state", "charge_point__identity"),
        "since": ("-state_at", "pk"),
        "published": ("-published_at", "pk"),
    }

    def get_rows(self) -> QuerySet[LocalList]:
        rows = self.access.narrow(LocalList.objects.all(), self.permission, "charge_point__site")
        return rows.select_related("charge_point__site", "command")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        context["may_change"] = self.access.somewhere(CHANGE)
        context["may_add"] = self.access.somewhere(ADD)
        if context["may_add"]:
            context["form"] = ChargerForm(chargers=without_list(self.access))
        return context


def without_list(access: Any) -> QuerySet[ChargePoint]:
    """Chargers whose list nobody keeps yet and the person may switch on."""
    chargers: QuerySet[ChargePoint] = access.charge_points(ADD)
    return chargers.filter(registration_status=RegistrationStatus.ACCEPTED, archived_at=None, local_list=None)


class ChangeLocalLists(Allowed, View):
    """POST: what `action` says with the chosen lists; one at once, several by the clock within minutes."""

    permission = CHANGE
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        action = request.POST.get("action", "")
        if action not in ("publish", "publish_in_full", "switch_on", "switch_off"):
            raise BadRequest("unknown action")
        lists = self._chosen()
        if action == "switch_off":
            self._each(lists, lambda charger: local_lists.switch_off(charger, origin=self.origin))
        elif action == "switch_on":
            self._several_or_one(lists, self._switch_on, self._switch_on_many)
        else:
            full = action == "publish_in_full"
            one = self._publish_in_full if full else self._publish
            self._several_or_one(lists, one, lambda rows: local_lists.publish_soon(rows, full=full))
        changes.note("tags")
        return back(request, reverse("screens:local_lists"))

    def _chosen(self) -> QuerySet[LocalList]:
        chosen = [pk for pk in self.request.POST.getlist("lists")[:500] if pk.isdecimal() and len(pk) < 19]
        return self.access.narrow(LocalList.objects.filter(pk__in=chosen), CHANGE, "charge_point__site")

    def _publish(self, charger: ChargePoint) -> LocalList:
        return local_lists.publish(charger, origin=self.origin)

    def _publish_in_full(self, charger: ChargePoint) -> LocalList:
        return local_lists.publish(charger, full=True, origin=self.origin)

    def _switch_on(self, charger: ChargePoint) -> LocalList:
        return local_lists.switch_on(charger, origin=self.origin)

    @staticmethod
    def _switch_on_many(lists: QuerySet[LocalList]) -> int:
        return local_lists.switch_on_many(ChargePoint.objects.filter(local_list__in=lists))

    def _several_or_one(
        self,
        lists: QuerySet[LocalList],
        one: Callable[[ChargePoint], LocalList],
        several: Callable[[QuerySet[LocalList]], int],
    ) -> None:
        if lists.count() > 1:
            tell_soon(self.request, several(lists))
        else:
            self._each(lists, one)

    def _each(self, lists: QuerySet[LocalList], act: Callable[[ChargePoint], LocalList]) -> None:
        done = 0
        for local_list in lists.select_related("charge_point"):
            try:
                act(local_list.charge_point)
                done += 1
            except CommandRefused as refusal:
                messages.error(self.request, str(refusal))
        if done:
            text = ngettext("%(count)d local list changed.", "%(count)d local lists changed.", done)
            messages.success(self.request, text % {"count": done})


class SwitchOn(Allowed, View):
    """POST: keep the list of the named charger from now on, or with `all` those of every charger."""

    permission = ADD
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        if request.POST.get("all"):
            tell_soon(request, local_lists.switch_on_many(self.access.charge_points(ADD)))
        else:
            self._one(request)
        changes.note("tags")
        return back(request, reverse("screens:local_lists"))

    def _one(self, request: HttpRequest) -> None:
        form = ChargerForm(request.POST, chargers=without_list(self.access))
        if not form.is_valid():
            messages.error(request, " ".join(sentences(form)))
            return
        try:
            local_lists.switch_on(form.cleaned_data["charger"], origin=self.origin)
            tell_soon(request, 1)
        except CommandRefused as refusal:
            messages.error(request, str(refusal))


def tell_soon(request: HttpRequest, count: int) -> None:
    text = ngettext(
        "%(count)d local list is published within the next minutes.",
        "%(count)d local lists are published within the next minutes.",
        count,
    )
    messages.success(request, text % {"count": count})
