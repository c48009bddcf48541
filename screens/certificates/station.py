"""What is done with one charger's security: the wizard, roots read, sent and removed, a certificate asked for."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from certificates import installed, renewal, roots, upgrades
from certificates.models import CertificateUse, SecurityUpgrade
from stations.commands import CommandRefused
from stations.models import ChargePoint

from ..chargers.one import OfCharger
from ..chargers.telling import queued
from ..pages import Allowed, back
from ..tags.changes import sentences
from .forms import RootChoiceForm, UpgradeForm
from .rights import ADD_UPGRADE, CHANGE_UPGRADE, SEND, visible_installed, visible_upgrades


def tab_of(station: ChargePoint) -> str:
    return reverse("screens:charger", args=[station.pk]) + "?tab=security"


class Told(OfCharger):
    """POST: queue what `tell` queues for the charger, and lead back to its tab."""

    permission = SEND
    http_method_names = ["post"]

    def tell(self) -> int:
        raise NotImplementedError

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        try:
            messages.success(request, queued(self.tell()))
        except CommandRefused as refusal:
            messages.warning(request, str(refusal))
        return back(request, tab_of(self.station))


class ReadRoots(Told):
    """Both uses, one command each."""

    def tell(self) -> int:
        for use in CertificateUse:
            installed.read(self.station, use, origin=self.origin)
        return len(CertificateUse)


class InstallRootHere(Told):
    def tell(self) -> int:
        form = RootChoiceForm(self.request.POST)
        if not form.is_valid():
            return 0
        roots.install(form.cleaned_data["root"], self.station, origin=self.origin)
        return 1


class AskForCertificate(Told):
    """The charger makes a key and a request; the rest happens by itself."""

    def tell(self) -> int:
        renewal.ask(self.station, origin=self.origin)
        return 1


class RemoveRoot(Allowed):
    """POST: tell a charger to forget a root that it holds."""

    permission = SEND
    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = get_object_or_404(visible_installed(self.access), pk=pk)
        if not self.access.on(SEND, row.charge_point):
            raise PermissionDenied
        try:
            installed.remove(row, origin=self.origin)
            messages.success(request, queued(1))
        except CommandRefused as refusal:
            messages.warning(request, str(refusal))
        return back(request, tab_of(row.charge_point))


class BeginUpgrade(OfCharger):
    """POST: begin to raise the charger's security profile."""

    permission = ADD_UPGRADE
    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        form = UpgradeForm(request.POST, station=self.station)
        if form.is_valid():
            self._begin(form.cleaned_data)
        else:
            messages.error(request, " ".join(sentences(form)))
        return back(request, tab_of(self.station))

    def _begin(self, wish: dict[str, Any]) -> None:
        try:
            upgrades.begin(self.station, wish["profile"], origin=self.origin, root=wish.get("root"))
            messages.success(self.request, _("It begins now, step by step."))
        except CommandRefused as refusal:
            messages.warning(self.request, str(refusal))


class SteerUpgrade(Allowed):
    """POST: take an upgrade back, or carry on with one that waits for somebody."""

    permission = CHANGE_UPGRADE
    http_method_names = ["post"]

    def act(self, upgrade: SecurityUpgrade) -> bool:
        raise NotImplementedError

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        upgrade = get_object_or_404(visible_upgrades(self.access), pk=pk)
        if not self.access.on(CHANGE_UPGRADE, upgrade.charge_point):
            raise PermissionDenied
        if not self.act(upgrade):
            messages.info(request, _("Nothing was changed."))
        return back(request, tab_of(upgrade.charge_point))


class CancelUpgrade(SteerUpgrade):
    def act(self, upgrade: SecurityUpgrade) -> bool:
        return upgrades.cancel(upgrade)


class CarryOn(SteerUpgrade):
    def act(self, upgrade: SecurityUpgrade) -> bool:
        return upgrades.carry_on(upgrade)
