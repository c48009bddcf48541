"""My charging: what runs, where a session can be started, and what became of the latest wish."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Prefetch, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from people.access import Access
from people.cards import usable
from stations.forms.sending import new_key
from stations.models import ChargePoint, Connector, Site
from transactions.models import Transaction
from transactions.now import now_of

from ..lists import ListPage
from .offers import outlets, stop_obstacle
from .pages import ForHolders, own_sessions
from .progress import latest_wish

#: Connector 0 is the charger as a whole: nothing is plugged in there.
_OUTLETS = Connector.objects.exclude(connector_id=0).order_by("connector_id")
#: Cards to choose from; who has more starts with the card itself.
MAX_CARDS = 50


def _open_sites(request: HttpRequest | None) -> QuerySet[Site]:
    return Site.objects.filter(holders_may_start=True)


class ChargerFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Chargers by site or name."""

    q = django_filters.CharFilter(label=gettext_lazy("Search"), method="search", max_length=100)
    site = django_filters.ModelChoiceFilter(
        label=gettext_lazy("Site"), queryset=_open_sites, empty_label=gettext_lazy("Any")
    )

    def search(self, rows: QuerySet[ChargePoint], _name: str, words: str) -> QuerySet[ChargePoint]:
        for word in words.split()[:5]:
            rows = rows.filter(Q(identity__icontains=word) | Q(name__icontains=word))
        return rows


class Charging(ForHolders, ListPage):
    """The holder's first page: sessions that run, and the chargers of sites where holders may start."""

    template_name = "screens/mine/charging.html"
    part = "screens/mine/_chargers.html"
    filterset_class = ChargerFilter
    sorts = {"name": ("site__name", "name", "identity")}
    paginate_by = 25

    @property
    def parts(self) -> dict[str, str]:  # type: ignore[override]
        return {**super().parts, "wish": "screens/mine/_wish.html", "running": "screens/mine/_running.html"}

    def get_rows(self) -> QuerySet[ChargePoint]:
        rows = self.access.open_charge_points().select_related("site", "gateway")
        return rows.prefetch_related(Prefetch("connectors", _OUTLETS))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        sessions = running(self.access)
        own = {entry["session"].connector_id for entry in sessions}
        return {
            **context,
            "chargers": outlets(context["rows"], own),
            "cards": usable(self.access.own_tags()).order_by("id_tag")[:MAX_CARDS],
            "has_cards": self.access.own_tags().filter(archived_at=None).exists(),
            "running": sessions,
            "wish": latest_wish(self.holder),
            "once": new_key(),
        }


def running(access: Access) -> list[dict[str, Any]]:
    """The person's open sessions, newest first, each with what its connector does now and whether it can be stopped."""
    rows = own_sessions(access).running().select_related("charge_point__gateway", "charge_point__site", "connector")
    sessions = list(rows.order_by("-started_at"))
    now = now_of([session.connector_id for session in sessions])
    return [
        {"session": session, "now": _now_of(session, now), "obstacle": stop_obstacle(session)} for session in sessions
    ]


def _now_of(session: Transaction, now: dict[int, Any]) -> Any:
    """Nothing where another session has begun on the connector since."""
    found = now.get(session.connector_id)
    return found if found is not None and found.transaction_id == session.pk else None
