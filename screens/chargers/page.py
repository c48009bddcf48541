"""A charger's page: its state above, and one of its tabs."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.utils.functional import cached_property

from stations.models import ChargePoint, RegistrationStatus

from ..approval import ApprovalForm
from ..live.picture import read_stations
from ..pages import ObjectPage
from ..statuses import OFFLINE
from . import now
from .forms import APPROVE, CHANGE
from .tabs import PARTS, TABS, Tab


class ChargerPage(ObjectPage):
    """`?tab=` names what is shown; a tab that the reader may not see is absent, and forbidden by its address."""

    template_name = "screens/chargers/page.html"
    context_object_name = "station"

    def get_queryset(self) -> QuerySet[ChargePoint]:
        return self.access.charge_points().select_related("gateway", "site")

    @property
    def station(self) -> ChargePoint:
        station: ChargePoint = self.object
        return station

    @property
    def parts(self) -> dict[str, str]:  # type: ignore[override]
        own = {part: f"screens/chargers/_{name}.html" for part, (name, _fill) in PARTS.items()}
        return {"tab": self.tab.template, "acts": "screens/chargers/_acts.html", **own}

    @cached_property
    def tabs(self) -> list[Tab]:
        return [tab for tab in TABS if self.access.on(tab.permission, self.station)]

    @cached_property
    def tab(self) -> Tab:
        name = self.request.GET.get("tab", "")
        wanted = next((tab for tab in TABS if tab.name == name), TABS[0])
        if wanted not in self.tabs:
            raise PermissionDenied
        return wanted

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        may_send = self.access.on(now.SEND, self.station)
        shared = {
            "live_topic": f"station:{self.station.pk}",
            "acts": now.acts_of(self.station) if may_send else [],
            "may_send": may_send and self.station.archived_at is None,
        }
        target = self.request.htmx.target if self.request.htmx else ""
        if target == "acts":
            own: dict[str, Any] = {}
        elif target in PARTS:
            own = PARTS[target][1](self)
        elif target == "tab":
            own = self.tab.fill(self)
        else:
            own = {**self._head(), **self.tab.fill(self)}
        return super().get_context_data(tab=self.tab, **shared, **own, **kwargs)

    def _head(self) -> dict[str, Any]:
        """What stands above the tabs."""
        station, access = self.station, self.access
        found = read_stations([station.pk])
        in_use = station.archived_at is None
        is_accepted = station.registration_status == RegistrationStatus.ACCEPTED
        may_decide = in_use and access.on(APPROVE, station)
        # the banner of approval reads it off the charger, as in a list of several
        station.approval = (  # type: ignore[attr-defined]
            ApprovalForm(instance=station, access=access) if may_decide and not is_accepted else None
        )
        return {
            "tabs": self.tabs,
            "state": found[0].status if found else OFFLINE,
            "is_waiting": in_use and not is_accepted,
            "is_rejected": in_use and station.registration_status == RegistrationStatus.REJECTED,
            "may_reject": may_decide and is_accepted,
            "may_change": access.on(CHANGE, station),
        }
