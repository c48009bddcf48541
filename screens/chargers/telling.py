"""What a charger is told without a form: to read its configuration, to take its template's, how it logs in."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from stations import configuration, rotation, templates
from stations.commands import CommandRefused, Origin
from stations.models import ChargePoint

from ..pages import Allowed, back
from .forms import CHANGE
from .now import SEND


class Tell(Allowed):
    """POST: queue what `tell` queues for one charger, and lead back."""

    permission = SEND
    http_method_names = ["post"]
    #: Permissions needed beside `permission`.
    also: tuple[str, ...] = ()
    tell: Callable[[ChargePoint, Origin], int]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        station = get_object_or_404(self.access.charge_points(), pk=pk)
        if not all(self.access.on(permission, station) for permission in (self.permission, *self.also)):
            raise PermissionDenied
        try:
            messages.success(request, queued(type(self).tell(station, self.origin)))
        except CommandRefused as refusal:
            messages.warning(request, str(refusal))
        return back(request, reverse("screens:charger", args=[pk]))


def queued(count: int) -> str:
    if not count:
        return _("Nothing to send.")
    return ngettext("%(count)d command queued.", "%(count)d commands queued.", count) % {"count": count}


def read(station: ChargePoint, origin: Origin) -> int:
    configuration.read_configuration(station, origin=origin)
    return 1


def apply(station: ChargePoint, origin: Origin) -> int:
    return len(templates.apply_template(station, origin=origin))


def rotate(station: ChargePoint, origin: Origin) -> int:
    rotation.rotate_key(station, origin=origin)
    return 1


class Read(Tell):
    tell = staticmethod(read)


class Apply(Tell):
    tell = staticmethod(apply)


class Rotate(Tell):
    """Who rotates a password changes how a charger logs in, and does so with a command."""

    also = (CHANGE,)
    tell = staticmethod(rotate)
