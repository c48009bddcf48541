"""The overview: what waits, five figures, every connector as a tile or every site as a row, what needs a person."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import OuterRef, Subquery, Sum
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from people.access import Access
from stations.models import ChargePointStatus, Connector, Site
from transactions.clock import local_day
from transactions.models import DailyEnergy, PowerRecord, Reservation, Transaction

from ..approval import waiting_chargers
from ..live.patches import figures
from ..live.picture import Outlet, Station, read_stations
from ..pages import Page
from ..periods import zone_name
from ..statuses import OFFLINE, STATUSES
from .attention import concerns
from .concern import Concern
from .recent import Recent

#: With more connectors than this the page opens on the sites.
MOST_TILES = 60
#: With more chargers than this the page may be some seconds old; its numbers are live anyway.
MANY_CHARGERS = 200
_recent = Recent(age_s=3)

#: Chips: code in the address → (the states it stands for, the state whose word and icon it bears)
CHIPS: dict[str, tuple[tuple[str, ...], str]] = {
    "charging": ((ChargePointStatus.CHARGING,), ChargePointStatus.CHARGING),
    "available": ((ChargePointStatus.AVAILABLE,), ChargePointStatus.AVAILABLE),
    "preparing": ((ChargePointStatus.PREPARING,), ChargePointStatus.PREPARING),
    "paused": ((ChargePointStatus.SUSPENDED_EV, ChargePointStatus.SUSPENDED_EVSE), ChargePointStatus.SUSPENDED_EV),
    "finishing": ((ChargePointStatus.FINISHING,), ChargePointStatus.FINISHING),
    "reserved": ((ChargePointStatus.RESERVED,), ChargePointStatus.RESERVED),
    "unavailable": ((ChargePointStatus.UNAVAILABLE,), ChargePointStatus.UNAVAILABLE),
    "faulted": ((ChargePointStatus.FAULTED,), ChargePointStatus.FAULTED),
    "offline": ((OFFLINE,), OFFLINE),
}


@dataclass
class Tile:
    """A connector as it stands on the page."""

    station: Station
    outlet: Outlet
    name: str
    may_see_session: bool
    last: Transaction | None = None
    reservation: Reservation | None = None


class Overview(Page):
    """`/?site=3&state=charging`."""

    template_name = "screens/overview/overview.html"
    parts = {"overview": "screens/overview/_overview.html"}

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        access: Access = request.access  # type: ignore[attr-defined]
        if request.user.is_authenticated and not access.is_operator_side and access.is_holder:
            return redirect("screens:mine")
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not self.stations and self.site is None and self.access.everywhere("stations.view_connectionattempt"):
            return redirect("screens:welcome")
        return super().get(request, *args, **kwargs)

    @cached_property
    def site(self) -> Site | None:
        wanted = self.request.GET.get("site", "")
        return self.access.sites().filter(pk=wanted).first() if wanted.isdecimal() and len(wanted) < 10 else None

    @cached_property
    def names(self) -> dict[int, str]:
        """The chargers that the reader may see, at the chosen site if one is."""
        rows = self.access.charge_points().filter(archived_at=None)
        if self.site is not None:
            rows = rows.filter(site=self.site)
        return {pk: name or identity for pk, name, identity in rows.order_by().values_list("pk", "name", "identity")}

    @cached_property
    def stations(self) -> list[Station]:
        names = self.names
        read = _recent.get("stations", lambda: read_stations(None)) if self.is_large else read_stations(list(names))
        seen = [station for station in read if station.pk in names]
        return sorted(seen, key=lambda station: names[station.pk].casefold())

    @property
    def is_large(self) -> bool:
        return len(self.names) > MANY_CHARGERS

    def concerns(self) -> list[Concern]:
        site = self.site.pk if self.site else None
        if not self.is_large:
            return concerns(self.access, site=site)
        return _recent.get(
            (self.access.scope, site, get_language(), timezone.get_current_timezone_name()),
            lambda: concerns(self.access, site=site),
        )

    @cached_property
    def sessions_seen(self) -> set[int | None]:
        """Sites of whose sessions the reader may know."""
        sites = {station.site_id for station in self.stations}
        return {site for site in sites if self.access.at("transactions.view_transaction", site)}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        with_sessions = [station for station in self.stations if station.site_id in self.sessions_seen]
        outlets = [(station, outlet) for station in self.stations for outlet in station.real_outlets]
        state = self.request.GET.get("state", "") if self.request.GET.get("state", "") in CHIPS else ""
        shown = [pair for pair in outlets if not state or pair[1].status in CHIPS[state][0]]
        return super().get_context_data(
            site=self.site,
            sites=self.access.sites(),
            figures=figures(self.stations, with_sessions),
            connector_count=len(outlets),
            last_week_wh=self._energy_a_week_ago(with_sessions),
            chips=_chips(outlets),
            state=state,
            tiles=self._tiles(shown) if len(shown) <= MOST_TILES else None,
            shown_count=len(shown),
            site_rows=self._site_rows() if len(shown) > MOST_TILES else (),
            waiting=waiting_chargers(self.access),
            concerns=self.concerns(),
            refresh_s=30 if self.is_large else 5,
            power_chart=power_chart(self.access, self.site) if self.sessions_seen else None,
            **kwargs,
        )

    def _tiles(self, shown: list[tuple[Station, Outlet]]) -> list[Tile]:
        pks = [outlet.pk for _station, outlet in shown]
        last = _last_sessions(pks)
        reserved = _reservations(pks)
        tiles = []
        for station, outlet in shown:
            name = self.names[station.pk]
            if len(station.real_outlets) > 1:
                name = f"{name} / {outlet.number}"
            may_see = station.site_id in self.sessions_seen
            tiles.append(
                Tile(station, outlet, name, may_see, last.get(outlet.pk) if may_see else None, reserved.get(outlet.pk))
            )
        return tiles

    def _site_rows(self) -> list[dict[str, Any]]:
        by_site: dict[int | None, list[Station]] = defaultdict(list)
        for station in self.stations:
            by_site[station.site_id].append(station)
        sites = {site.pk: site for site in self.access.sites()}
        rows = [
            {"site": sites.get(pk or 0), "pk": pk or 0, **figures(own, own if pk in self.sessions_seen else [])}
            for pk, own in by_site.items()
        ]
        return sorted(rows, key=lambda row: (row["site"] is None, str(row["site"]).casefold()))

    def _energy_a_week_ago(self, stations: Iterable[Station]) -> int:
        day = local_day(timezone.now()) - timedelta(days=7)
        rows = DailyEnergy.objects.filter(day=day, connector__charge_point__in=[station.pk for station in stations])
        return int(rows.aggregate(sum=Sum("energy_wh"))["sum"] or 0)


def _chips(outlets: Iterable[tuple[Station, Outlet]]) -> list[dict[str, Any]]:
    """The states that some connector has, with how many."""
    counts = Counter(outlet.status for _station, outlet in outlets)
    chips = []
    for code, (states, face) in CHIPS.items():
        count = sum(counts[state] for state in states)
        if count:
            chips.append({"code": code, "status": face, "icon": STATUSES[face][1], "count": count})
    return chips


def _last_sessions(connector_pks: list[int]) -> dict[int, Transaction]:
    """The newest finished session of each connector."""
    # by the charger too: its index knows the order
    own = Transaction.objects.filter(charge_point=OuterRef("charge_point"), connector=OuterRef("pk"))
    ended = own.exclude(ended_by="").order_by("-started_at")
    newest = Connector.objects.filter(pk__in=connector_pks).annotate(last=Subquery(ended.values("pk")[:1]))
    numbers = [number for number in newest.values_list("last", flat=True) if number is not None]
    return {row.connector_id: row for row in Transaction.objects.filter(pk__in=numbers)}


def _reservations(connector_pks: list[int]) -> dict[int, Reservation]:
    rows = Reservation.objects.filter(connector__in=connector_pks, status=Reservation.Status.ACTIVE)
    return {row.connector_id: row for row in rows}


def power_chart(access: Access, site: Site | None) -> dict[str, Any] | None:
    """Power since midnight at the sites that the reader may see, for the chart module; None without a record."""
    now = timezone.localtime()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    rows = access.narrow(PowerRecord.objects.filter(at__gte=midnight), "transactions.view_transaction", "site")
    if site is not None:
        rows = rows.filter(site=site)
    sums = list(rows.order_by("at").values_list("at").annotate(sum=Sum("power_w")))
    if not sums:
        return None
    ends = midnight.timestamp(), (midnight + timedelta(days=1)).timestamp()
    points = [(ends[0], None), *_with_pauses(sums), (ends[1], None)]  # the whole day, also in its first hour
    peak_at, peak = max(sums, key=lambda row: row[1])
    return {
        "data": {
            "kind": "step",
            "label": _("Time"),
            "zone": zone_name(),
            "x": [at for at, _watts in points],
            "series": [
                {
                    "label": _("Power"),
                    "unit": "kW",
                    "values": [None if watts is None else watts / 1000 for _at, watts in points],
                    "color": "--st-charging",
                }
            ],
        },
        "peak_w": peak,
        "peak_at": peak_at,
        "rows": sums,
    }


def _with_pauses(sums: list[tuple[datetime, int]]) -> list[tuple[float, int]]:
    """Seconds and watts; an interval without a record is one without power."""
    step = timedelta(minutes=5)
    points: list[tuple[float, int]] = []
    for at, watts in sums:
        if points and at.timestamp() - points[-1][0] > 1.5 * step.total_seconds():
            points += [(points[-1][0] + step.total_seconds(), 0), (at.timestamp() - step.total_seconds(), 0)]
        points.append((at.timestamp(), watts))
    return points
