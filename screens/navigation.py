"""The ways through the house: what stands in the top bar, for whom."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from .periods import zone_name
from .statuses import STATUSES


@dataclass(frozen=True)
class Place:
    """A way to a page: shown to those who hold `permission` somewhere (or everywhere, if the page knows no sites)."""

    name: str
    label: Any
    icon: str
    permission: str = "stations.view_chargepoint"
    everywhere: bool = False

    def is_for(self, access: Any) -> bool:
        may = access.everywhere if self.everywhere else access.somewhere
        return bool(may(self.permission))


MAIN = (
    Place("overview", _("Overview"), "home"),
    Place("chargers", _("Chargers"), "plug"),
    Place("transactions", _("Transactions"), "bolt", "transactions.view_transaction"),
    Place("tags", _("Tags"), "card", "transactions.view_idtag"),
    Place("reports", _("Reports"), "chart", "transactions.view_transaction"),
)
MORE = (
    Place("search", _("Search"), "search"),
    Place("commands", _("Commands"), "send", "stations.view_command"),
    Place("reservations", _("Reservations"), "clock", "transactions.view_reservation"),
    Place("firmware", _("Firmware and files"), "download", "transfers.view_firmwarefile"),
    Place("profiles", _("Charging profiles"), "gauge", "charging_profiles.view_chargingprofile"),
    Place("certificates", _("Certificates"), "lock", "certificates.view_stationcertificate"),
    Place("messages", _("Messages"), "list", "stations.view_message"),
    Place("jobs", _("Jobs"), "hourglass", "transactions.export_transaction"),
    Place("welcome", _("Connect a charger"), "plus", "stations.view_connectionattempt", everywhere=True),
    Place("people", _("Users and roles"), "people", "auth.view_user", everywhere=True),
    Place("settings", _("Settings"), "gear", "stations.change_site"),
    Place("about", _("About and health"), "heart"),
)
HOLDER = (Place("mine", _("My charging"), "bolt", ""),)
HOLDER_ONLY = (
    *HOLDER,
    Place("mine_sessions", _("My sessions"), "list", ""),
    Place("mine_cards", _("My cards"), "card", ""),
)


def navigation(request: HttpRequest) -> dict[str, Any]:
    """For base.html; pages outside (login, errors, before a required second factor) have no ways."""
    access = getattr(request, "access", None)
    if access is None or not request.user.is_authenticated or getattr(request, "must_set_up", False):
        return {"main_places": (), "more_places": ()}
    main = [place for place in MAIN if place.is_for(access)]
    if access.is_holder:
        main += HOLDER if access.is_operator_side else HOLDER_ONLY
    more = [place for place in MORE if place.is_for(access)]
    here = request.resolver_match.url_name if request.resolver_match else ""
    return {
        "access": access,
        "main_places": [_entry(place, here) for place in main],
        "more_places": [_entry(place, here) for place in more],
        "live_at": time.time(),
        "reader_zone": zone_name(),
        "live_words": {"status": {code: str(word) for code, (word, _icon) in STATUSES.items()}, "icons": _icons()},
    }


def _entry(place: Place, here: str | None) -> dict[str, Any]:
    is_here = here in BELONGING.get(place.name, (place.name,))
    return {"url": reverse(f"screens:{place.name}"), "label": place.label, "icon": place.icon, "is_here": is_here}


#: Pages that count as being at a place of the top bar.
BELONGING = {
    "chargers": ("chargers", "charger"),
    "transactions": ("transactions", "transaction"),
    "tags": (
        *("tags", "tag", "tag_add", "tag_groups", "tag_group", "tag_group_add", "unknown_tags", "tag_learn"),
        *("tag_import", "tag_import_preview", "local_lists"),
    ),
    "commands": ("commands", "command", "batches", "batch"),
    "firmware": (
        *("firmware", "firmware_add", "firmware_file", "firmware_updates", "firmware_update"),
        *("campaigns", "campaign_add", "campaign", "station_files"),
    ),
    "profiles": ("profiles", "profile", "profile_add", "profile_edit", "profile_assign"),
    "certificates": (
        *("certificates", "certificate", "signing_requests", "signing_request", "root_certificates"),
        *("root_certificate", "root_certificate_add", "certificate_authority"),
    ),
    "jobs": ("jobs", "job"),
    "people": ("people", "person"),
}


def _icons() -> dict[str, str]:
    return {code: icon for code, (_word, icon) in STATUSES.items()}
