"""The list of chargers, and the same rows as a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet, Value
from django.db.models.functions import Coalesce, NullIf
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _

from people.access import Access
from stations.models import ChargePoint
from stations.resources import ChargePointResource

from ..lists import ListPage
from ..live.picture import Outlet, Station, read_stations
from ..statuses import OFFLINE
from ..tables import Table, format_of, respond_with_table
from .filters import ChargerFilters

#: What a filter's field suggests; more would make the page heavy, and anything may be typed.
MAX_SUGGESTIONS = 200
#: A row names no more connectors than these: real chargers have a few, hostile ones report thousands.
MAX_CONNECTORS = 12


@dataclass(frozen=True, slots=True)
class Row:
    """A charger with what it does now; figures are None for those who may not see sessions."""

    station: ChargePoint
    state: str
    outlets: Sequence[Outlet] = ()
    more_outlets: int = 0
    power_w: int | None = None
    energy_wh: int | None = None

    @property
    def live(self) -> str:
        """What live.js calls the charger."""
        return f"station:{self.station.pk}"

    @property
    def live_power(self) -> str:
        return f"{self.live}:power_w"

    @property
    def live_energy(self) -> str:
        return f"{self.live}:energy_today_wh"


def rows_of(stations: Sequence[ChargePoint], access: Access) -> list[Row]:
    """What a page of the list shows; a handful of queries for any number of chargers."""
    known = {station.pk: station for station in read_stations([station.pk for station in stations])}
    return [_row(station, known.get(station.pk), access) for station in stations]


def _row(station: ChargePoint, now: Station | None, access: Access) -> Row:
    if now is None:  # archived: what it did last is nothing that it does now
        return Row(station, OFFLINE)
    may_see_sessions = access.on("transactions.view_transaction", station)
    return Row(
        station=station,
        state=now.status,
        outlets=now.real_outlets[:MAX_CONNECTORS],
        more_outlets=max(0, len(now.real_outlets) - MAX_CONNECTORS),
        power_w=_power_w(now) if may_see_sessions else None,
        energy_wh=sum(outlet.energy_today_wh for outlet in now.outlets) if may_see_sessions else None,
    )


def _power_w(station: Station) -> int:
    return sum(outlet.now.power_w or 0 for outlet in station.outlets if outlet.now is not None)


class ChargerList(ListPage):
    template_name = "screens/chargers/list.html"
    part = "screens/chargers/_list.html"
    filterset_class = ChargerFilters
    sorts = {
        "name": ("shown_name", "pk"),
        "identity": ("identity",),
        "site": ("site__name", "shown_name", "pk"),
        "vendor": ("vendor", "model", "pk"),
        "firmware": ("firmware_version", "pk"),
        "seen": ("-last_seen_at", "pk"),
    }

    def get_rows(self) -> QuerySet[ChargePoint]:
        named = Coalesce(NullIf("name", Value("")), "identity")
        return self.access.charge_points().select_related("gateway", "site").annotate(shown_name=named)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        context["rows"] = rows_of(context["page_obj"].object_list, self.access)
        context["suggestions"] = () if self.request.htmx else self._suggestions()
        return context

    def _suggestions(self) -> list[tuple[str, list[str]]]:
        """What the fields of vendor, model and firmware offer: (id of the <datalist>, its values)."""
        columns = ("vendor", "model", "firmware_version")
        makes = self.access.charge_points().order_by(*columns).values_list(*columns).distinct()[:MAX_SUGGESTIONS]
        lists = zip(*makes, strict=True)
        names = ("known-vendors", "known-models", "known-firmware")
        return [(name, sorted(filter(None, {*values}))) for name, values in zip(names, lists, strict=False)]


class ChargerExport(ChargerList):
    """The rows of the filter, all of them, as `?format=` says."""

    permission = "stations.export_chargepoint"
    is_file = True

    def get_rows(self) -> QuerySet[ChargePoint]:
        return self.access.narrow(super().get_rows(), self.permission, "site")

    def get(  # type: ignore[override]  # a file is not a page
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        return respond_with_chargers(request, self.get_queryset(), request.GET.get("format", ""))


def respond_with_chargers(request: HttpRequest, rows: QuerySet[ChargePoint], name: str) -> HttpResponseBase:
    """Chargers as a file. Raises BadRequest for a format that does not exist."""
    chosen = format_of(name)
    resource = ChargePointResource()
    table = Table(_("Chargers"), resource.headers(), resource.iter_rows(rows))
    return respond_with_table(request, table, chosen, f"plugcontrol-chargers-{timezone.localdate():%Y-%m-%d}")
