"""The tabs of a charger's page: who may see each, and what it shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext_lazy as _

from stations.masking import mask_text
from transactions.models import Reservation, Transaction

from ..certificates import tab as security
from ..certificates.rights import VIEW_UPGRADES
from ..firmware import tab as firmware
from ..profiles import of_charger
from ..profiles.library import VIEW_ASSIGNMENTS
from ..tag_numbers import hide_tags
from . import configuration, history, now, power
from .connection import help_for
from .forms import CHANGE, ChargerForm

if TYPE_CHECKING:
    from .page import ChargerPage

#: Rows of a tab; the full list is a link away.
NEWEST = 20
#: Characters of a message that its row has room for.
BEGINNING = 400


@dataclass(frozen=True)
class Tab:
    """`rows` fills the template's context; the template is `screens/chargers/_<name>.html`."""

    name: str
    label: Any
    permission: str
    fill: Callable[[ChargerPage], dict[str, Any]]

    @property
    def template(self) -> str:
        return f"screens/chargers/_{self.name}.html"


def _now(page: ChargerPage) -> dict[str, Any]:
    may_see_power = page.access.on("transactions.view_transaction", page.station)
    return {**_cards(page), "may_see_power": may_see_power, **(_power(page) if may_see_power else {})}


def _cards(page: ChargerPage) -> dict[str, Any]:
    station = page.station
    cards = now.cards_of(station, page.access)
    return {
        "cards": cards,
        "whole": station.connectors.filter(connector_id=0).first(),
        "more_connectors": max(0, station.connectors.exclude(connector_id=0).count() - len(cards)),
    }


def _power(page: ChargerPage) -> dict[str, Any]:
    if not page.access.on("transactions.view_transaction", page.station):
        raise PermissionDenied
    return {"chart": power.power_chart(page.station)}


#: Parts of the first tab that are fetched alone: id of the element → its template and what fills it.
PARTS: dict[str, tuple[str, Callable[[ChargerPage], dict[str, Any]]]] = {
    "cards": ("cards", _cards),
    "power-part": ("power", _power),
    "security-part": ("security_now", security.standing),
}


def _transactions(page: ChargerPage) -> dict[str, Any]:
    rows = Transaction.objects.filter(charge_point=page.station).select_related("connector", "tag", "charge_point")
    return {"rows": rows.order_by("-started_at", "-pk")[:NEWEST]}


def _configuration(page: ChargerPage) -> dict[str, Any]:
    query = page.request.GET
    only = query.get("only") == "differences"
    return {
        "comparison": configuration.compare(page.station, page.access, query.get("with", ""), only_differences=only)
    }


def _messages(page: ChargerPage) -> dict[str, Any]:
    newest = page.station.messages.order_by("-at", "-pk")[:NEWEST]
    return {"rows": [(row, hide_tags(mask_text(row.text[:BEGINNING]), page.access)) for row in newest]}


def _commands(page: ChargerPage) -> dict[str, Any]:
    rows = page.station.commands.select_related("charge_point", "created_by", "batch")
    return {"rows": rows.order_by("-created_at")[:NEWEST]}


def _reservations(page: ChargerPage) -> dict[str, Any]:
    rows = Reservation.objects.filter(connector__charge_point=page.station).select_related("connector", "transaction")
    return {"rows": rows.order_by("-pk")[:NEWEST]}


def _profiles(page: ChargerPage) -> dict[str, Any]:
    return of_charger.tab_of(page.station, page.access, page.request.GET.get("connector", ""))


def _details(page: ChargerPage) -> dict[str, Any]:
    station, access = page.station, page.access
    may_change = access.on(CHANGE, station)
    may_rotate = may_change and access.on(now.SEND, station) and station.archived_at is None
    return {
        "form": ChargerForm(instance=station, access=access) if may_change else None,
        "help": help_for(page.request, station, access),
        "security_changes": station.security_changes.filter(ended_at=None).select_related("command"),
        "why_no_command": now.why_no_command(station),
        "may_rotate": may_rotate,
    }


def _history(page: ChargerPage) -> dict[str, Any]:
    kind = page.request.GET.get("what", "")
    kinds = [(name, label) for name, (label, _look) in history.KINDS.items()]
    return {
        "events": history.history_of(page.station, kind, names_sites=page.access.everywhere("stations.view_site")),
        "kinds": kinds,
        "kind": kind,
        "most": history.MOST,
    }


TABS = (
    Tab("now", _("Now"), "stations.view_chargepoint", _now),
    Tab("transactions", _("Transactions"), "transactions.view_transaction", _transactions),
    Tab("configuration", _("Configuration"), configuration.VIEW, _configuration),
    Tab("messages", _("Messages"), "stations.view_message", _messages),
    Tab("commands", _("Commands"), "stations.view_command", _commands),
    Tab("reservations", _("Reservations"), "transactions.view_reservation", _reservations),
    Tab("firmware", _("Firmware"), firmware.VIEW_UPDATES, firmware.fill),
    Tab("profiles", _("Charging profiles"), VIEW_ASSIGNMENTS, _profiles),
    Tab("security", _("Security"), VIEW_UPGRADES, security.fill),
    Tab("details", _("Details"), "stations.view_chargepoint", _details),
    Tab("history", _("History"), "stations.view_statusrecord", _history),
)
