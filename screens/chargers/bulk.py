"""One thing for many chargers: what is ticked in the list. Commands with a form have a page of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from stations import services
from stations.commands import CommandRefused, Origin
from stations.models import ChargePoint

from ..pages import Allowed, back
from . import telling
from .forms import APPROVE, CHANGE
from .listing import respond_with_chargers
from .now import SEND

#: A page of the list has fewer; more come from nobody's browser.
MAX_CHOSEN = 1000
Act = Callable[[ChargePoint, Origin], Any]


class Bulk(Allowed):
    """POST: `stations` are the ticked chargers, `do` names what is done with them.

    Chargers for which the reader lacks the permission are left out, as if they did not exist.
    """

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponseBase:
        name = request.POST.get("do", "")
        if name.startswith("export-"):
            rows = self._chosen("stations.export_chargepoint").order_by("identity")
            return respond_with_chargers(request, rows, name.removeprefix("export-"))
        if name not in _DEEDS:
            raise BadRequest("unknown deed")
        permissions, act = _DEEDS[name]
        self._tell(self._do(act, self._chosen(*permissions)))
        return back(request, reverse("screens:chargers"))

    def _chosen(self, *permissions: str) -> QuerySet[ChargePoint]:
        """The ticked chargers that the reader holds every one of `permissions` for; 403 if they do so nowhere."""
        if not all(self.access.somewhere(permission) for permission in permissions):
            raise PermissionDenied
        keys = [key for key in self.request.POST.getlist("stations") if key.isdecimal() and len(key) <= 18]
        rows = self.access.charge_points().filter(pk__in=keys[:MAX_CHOSEN])
        for permission in permissions:
            rows = self.access.narrow(rows, permission, "site")
        return rows

    def _do(self, act: Act, stations: Iterable[ChargePoint]) -> int:
        count = 0
        for station in stations:
            try:
                act(station, self.origin)
                count += 1
            except CommandRefused as refusal:
                messages.warning(self.request, f"{station}: {refusal}")
        return count

    def _tell(self, count: int) -> None:
        if not count:
            messages.info(self.request, _("Nothing was changed."))
            return
        done = ngettext("Done for %(count)d charger.", "Done for %(count)d chargers.", count)
        messages.success(self.request, done % {"count": count})


def _approve(station: ChargePoint, origin: Origin) -> None:
    services.approve_charge_point(station, origin=origin)


def _reject(station: ChargePoint, origin: Origin) -> None:
    services.reject_charge_point(station, origin=origin)


def _archive(station: ChargePoint, _origin: Origin) -> None:
    services.archive_charge_point(station)


def _restore(station: ChargePoint, _origin: Origin) -> None:
    services.restore_charge_point(station)


#: Name → the permissions it needs, and what it does with each charger.
_DEEDS: dict[str, tuple[tuple[str, ...], Act]] = {
    "approve": ((APPROVE,), _approve),
    "reject": ((APPROVE,), _reject),
    "archive": ((CHANGE,), _archive),
    "restore": ((CHANGE,), _restore),
    "read-configuration": ((SEND,), telling.read),
    "apply-template": ((SEND,), telling.apply),
    "rotate-password": ((SEND, CHANGE), telling.rotate),
}
