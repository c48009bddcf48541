"""Pages about one charger: not found where the reader may not look, forbidden where they may not act."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.functional import cached_property

from stations.models import ChargePoint

from ..pages import Allowed, back
from .forms import CHANGE


class OfCharger(Allowed):
    """Something done with one charger, by those who hold `permission` for it."""

    permission = CHANGE
    kwargs: dict[str, Any]

    @cached_property
    def station(self) -> ChargePoint:
        station = get_object_or_404(self.access.charge_points().select_related("gateway", "site"), pk=self.kwargs["pk"])
        if not self.access.on(self.permission, station):
            raise PermissionDenied
        return station

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        # only for those who are logged in; everybody else is shown the way there
        if request.user.is_authenticated and self.is_allowed():
            _station = self.station
        return super().dispatch(request, *args, **kwargs)

    def details_url(self) -> str:
        return f"{reverse('screens:charger', args=[self.station.pk])}?tab=details"


class Do(OfCharger):
    """POST: do something with the charger and say so."""

    http_method_names = ["post"]
    done: Any = ""
    act: Callable[[ChargePoint], None]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        type(self).act(self.station)
        messages.success(request, str(self.done) % {"charger": self.station})
        return back(request, self.details_url())
