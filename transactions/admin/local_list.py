from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from stations.admin.on_screen import OnScreen
from stations.admin.pages import badge, link, moment

from ..models import LocalList

_BADGES = {
    LocalList.State.UP_TO_DATE: "accepted",
    LocalList.State.PENDING: "pending",
    LocalList.State.REFUSED: "rejected",
    LocalList.State.NOT_SUPPORTED: "unavailable",
    LocalList.State.OFF: "offline",
}


@admin.register(LocalList)
class LocalListAdmin(OnScreen[LocalList]):
    """What stations' answers wrote; lists are switched and published on the screen "Local lists"."""

    list_display = ("charger", "state_badge", "explanation", "tag_count", "version", "published", "since")
    list_filter = ("state",)
    list_select_related = ("charge_point",)
    search_fields = ("charge_point__identity", "charge_point__name", "charge_point__site__name")
    search_help_text = _("Search by charger or site.")
    fields = (
        *("charger", ("state_badge", "since"), "explanation", ("tag_count", "left_out"), ("version", "last_version")),
        *(("published", "asked"), "command_link"),
    )
    readonly_fields = ("charger", "state_badge", "since", "explanation", "published", "asked", "command_link")

    def screen_url(self, local_list: LocalList) -> str:
        return f"{reverse('screens:local_lists')}?{urlencode({'q': local_list.charge_point.identity})}"

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

    @admin.display(description=_("version asked"), ordering="asked_at")
    def asked(self, local_list: LocalList) -> str:
        return moment(local_list.asked_at)

    @admin.display(description=_("since"), ordering="state_at")
    def since(self, local_list: LocalList) -> str:
        return moment(local_list.state_at)

    @admin.display(description=_("command"))
    def command_link(self, local_list: LocalList) -> SafeString | str:
        return link(local_list.command)
