from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from stations.admin.pages import PageAdmin, badge, link, moment, origin_of
from stations.commands import CommandRefused
from stations.models import ChargePoint

from .. import local_lists
from ..models import LocalList

_BADGES = {
    LocalList.State.UP_TO_DATE: "accepted",
    LocalList.State.PENDING: "pending",
    LocalList.State.REFUSED: "rejected",
    LocalList.State.NOT_SUPPORTED: "unavailable",
    LocalList.State.OFF: "offline",
}


@admin.register(LocalList)
class LocalListAdmin(PageAdmin[LocalList]):
    list_display = ("charger", "state_badge", "explanation", "tag_count", "version", "published", "since")
    list_filter = ("state",)
    list_select_related = ("charge_point",)
    search_fields = ("charge_point__identity", "charge_point__name", "charge_point__site__name")
    search_help_text = _("Search by charger or site.")
    autocomplete_fields = ("charge_point",)
    actions = ("publish", "publish_in_full", "switch_on", "switch_off")
    fields = (
        *("charger", ("state_badge", "since"), "explanation", ("tag_count", "left_out"), ("version", "last_version")),
        *(("published", "asked"), "command_link"),
    )
    readonly_fields = ("charger", "state_badge", "since", "explanation", "published", "asked", "command_link")

    def get_fields(self, request: HttpRequest, obj: LocalList | None = None) -> Any:
        return self.fields if obj else ("charge_point",)

    def has_change_permission(self, request: HttpRequest, obj: LocalList | None = None) -> bool:
        return False  # the station's answers write it

    def has_delete_permission(self, request: HttpRequest, obj: LocalList | None = None) -> bool:
        return False  # it is switched off

    def has_publish_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("transactions.change_locallist")

    # What is shown

    @admin.display(description=_("charger"), ordering="charge_point__identity")
    def charger(self, local_list: LocalList) -> SafeString | str:
        return link(local_list.charge_point)

    @admin.display(description=_("state"), ordering="state")
    def state_badge(self, local_list: LocalList) -> SafeString:
        return badge(_BADGES[LocalList.State(local_list.state)], local_list.get_state_display())

    @admin.display(description=_("reason"))
    def explanation(self, local_list: LocalList) -> str:
        return local_list.explanation or "–"

    @admin.display(description=_("published"), ordering="published_at")
    def published(self, local_list: LocalList) -> str:
        return moment(local_list.published_at)

    @admin.display(description=_("version asked"))
    def asked(self, local_list: LocalList) -> str:
        return moment(local_list.asked_at)

    @admin.display(description=_("since"), ordering="state_at")
    def since(self, local_list: LocalList) -> str:
        return moment(local_list.state_at)

    @admin.display(description=_("command"))
    def command_link(self, local_list: LocalList) -> SafeString | str:
        return link(local_list.command)

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        context["can_publish"] = self.has_publish_permission(request)
        return super().render_change_form(request, context, *args, **kwargs)

    # What may be done

    def save_model(self, request: HttpRequest, obj: LocalList, form: Any, change: bool) -> None:
        obj.save()
        local_lists.switch_on(obj.charge_point, origin=origin_of(request))

    @admin.action(description=_("Publish"), permissions=["publish"])
    def publish(self, request: HttpRequest, queryset: QuerySet[LocalList]) -> None:
        self._soon(request, local_lists.publish_soon(queryset))

    @admin.action(description=_("Publish in full"), permissions=["publish"])
    def publish_in_full(self, request: HttpRequest, queryset: QuerySet[LocalList]) -> None:
        self._soon(request, local_lists.publish_soon(queryset, full=True))

    @admin.action(description=_("Switch on"), permissions=["publish"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[LocalList]) -> None:
        self._soon(request, local_lists.switch_on_many(ChargePoint.objects.filter(local_list__in=queryset)))

    @admin.action(description=_("Switch off, and empty the list at the charger"), permissions=["publish"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[LocalList]) -> None:
        self._each(request, queryset, self._switch_off)

    def _soon(self, request: HttpRequest, count: int) -> None:
        text = ngettext(
            "%(count)d local list is published within the next minutes.",
            "%(count)d local lists are published within the next minutes.",
            count,
        )
        self.message_user(request, text % {"count": count}, messages.SUCCESS)

    def _publish(self, request: HttpRequest, local_list: LocalList) -> None:
        local_lists.publish(local_list.charge_point, origin=origin_of(request))
        self.log_change(request, local_list, "published")

    def _switch_on(self, request: HttpRequest, local_list: LocalList) -> None:
        local_lists.switch_on(local_list.charge_point, origin=origin_of(request))
        self.log_change(request, local_list, "switched on")

    def _switch_off(self, request: HttpRequest, local_list: LocalList) -> None:
        local_lists.switch_off(local_list.charge_point, origin=origin_of(request))
        self.log_change(request, local_list, "switched off")

    def _each(
        self, request: HttpRequest, queryset: QuerySet[LocalList], act: Callable[[HttpRequest, LocalList], None]
    ) -> None:
        done = 0
        for local_list in queryset.select_related("charge_point"):
            try:
                act(request, local_list)
                done += 1
            except CommandRefused as error:
                self.message_user(request, str(error), messages.ERROR)
        if done:
            text = ngettext("%(count)d local list changed.", "%(count)d local lists changed.", done)
            self.message_user(request, text % {"count": done}, messages.SUCCESS)

    # Buttons: each is a POST, GET changes nothing

    def get_urls(self) -> list[Any]:
        def button(route: str, view: Any, name: str) -> Any:
            return path(route, self.admin_site.admin_view(require_POST(view)), name=f"transactions_locallist_{name}")

        def of_one(act: Callable[[HttpRequest, LocalList], None]) -> Any:
            return lambda request, pk: self._one(request, pk, act)

        return [
            button("<int:pk>/publish/", of_one(self._publish), "publish"),
            button("<int:pk>/switch-on/", of_one(self._switch_on), "switch_on"),
            button("<int:pk>/switch-off/", of_one(self._switch_off), "switch_off"),
            button("switch-on/", self.switch_on_all_view, "switch_on_all"),
            *super().get_urls(),
        ]

    def _one(self, request: HttpRequest, pk: int, act: Callable[[HttpRequest, LocalList], None]) -> HttpResponse:
        if not self.has_publish_permission(request):
            raise PermissionDenied
        local_list = get_object_or_404(LocalList, pk=pk)
        self._each(request, LocalList.objects.filter(pk=local_list.pk), act)
        return HttpResponseRedirect(reverse("admin:transactions_locallist_change", args=[pk]))

    def switch_on_all_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        self._soon(request, local_lists.switch_on_many(ChargePoint.objects.all()))
        return HttpResponseRedirect(reverse("admin:transactions_locallist_changelist"))
