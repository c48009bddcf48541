"""Root certificates: the library, a new one, and which chargers have them."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.functional import cached_property
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from certificates import roots
from certificates.models import RootCertificate
from stations import changes
from stations.commands import CommandRefused
from stations.models import ChargePoint, RegistrationStatus

from ..lists import ListPage
from ..pages import Allowed, FormPage, ObjectPage
from ..tags.changes import sentences
from .filters import RootFilters
from .forms import ChargersForm, RootForm
from .pem import pem_file
from .rights import ADD_ROOT, CHANGE_ROOT, SEND, VIEW_ROOTS, visible_installed

#: Chargers to choose from on a root's page; a larger fleet is narrowed by its name.
MOST_CHARGERS = 200


class Roots(ListPage):
    permission = VIEW_ROOTS
    template_name = "screens/certificates/roots.html"
    part = "screens/certificates/_roots.html"
    filterset_class = RootFilters
    sorts = {"name": ("name", "pk"), "until": ("not_after", "pk"), "chargers": ("-held_by", "name")}

    def get_rows(self) -> QuerySet[RootCertificate]:
        seen = Q(installed__in=visible_installed(self.access).order_by().values("pk"))
        return RootCertificate.objects.annotate(held_by=Count("installed__charge_point", filter=seen, distinct=True))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(may_add=self.access.everywhere(ADD_ROOT), **kwargs)


class AddRoot(FormPage):
    form_class = RootForm
    template_name = "screens/certificates/add_root.html"
    permission = ADD_ROOT

    def is_allowed(self) -> bool:
        return self.access.everywhere(self.permission)

    def form_valid(self, form: Any) -> HttpResponse:
        entered = form.cleaned_data
        try:
            root = roots.add_root(entered["name"], entered["use"], entered["pem"], by=self.request.user)
        except ValidationError as error:
            form.add_error(None, ValidationError(error.messages))
            return self.form_invalid(form)
        messages.success(self.request, _("%(root)s was saved.") % {"root": root})
        return redirect("screens:root_certificate", pk=root.pk)


class OfRoot(Allowed):
    permission = VIEW_ROOTS
    kwargs: dict[str, Any]

    @cached_property
    def root(self) -> RootCertificate:
        return get_object_or_404(RootCertificate, pk=self.kwargs["pk"])

    def candidates(self) -> QuerySet[ChargePoint]:
        """Chargers to which the reader may send it, without those that say that they have it."""
        holders = self.root.installed.order_by().values("charge_point")
        rows = self.access.charge_points(SEND).exclude(pk__in=holders)
        return rows.filter(registration_status=RegistrationStatus.ACCEPTED, archived_at=None).order_by("identity")


class RootPage(OfRoot, ObjectPage):
    template_name = "screens/certificates/root.html"
    parts = {"holders": "screens/certificates/_holders.html"}
    context_object_name = "root"
    queryset = RootCertificate.objects.select_related("created_by")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        text = self.request.GET.get("charger", "").replace("\0", "")[:100].strip()
        candidates = self.candidates()
        if text:
            candidates = candidates.filter(Q(identity__icontains=text) | Q(name__icontains=text))
        may_install = self.access.somewhere(SEND) and self.root.archived_at is None
        found = list(candidates.values_list("pk", flat=True)[: MOST_CHARGERS + 1]) if may_install else []
        choice = ChargePoint.objects.filter(pk__in=found[:MOST_CHARGERS]).order_by("identity")
        return super().get_context_data(
            holders=visible_installed(self.access).filter(root=self.root).order_by("charge_point__identity"),
            may_install=may_install,
            may_archive=self.access.everywhere(CHANGE_ROOT),
            form=ChargersForm(stations=choice) if found else None,
            is_cut=len(found) > MOST_CHARGERS,
            text=text,
            **kwargs,
        )


class RootFile(OfRoot):
    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        return pem_file(self.root.pem, f"{slugify(self.root.name)}-root")


class ArchiveRoot(OfRoot):
    """POST: put a root away, or back (`restore`); chargers keep it until they are told otherwise."""

    permission = CHANGE_ROOT
    http_method_names = ["post"]

    def is_allowed(self) -> bool:
        return self.access.everywhere(self.permission)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        if request.POST.get("restore"):
            self.root.archived_at = None
            self.root.save(update_fields=["archived_at"])
            changes.note("certificates")
        else:
            roots.archive(self.root)
        return redirect("screens:root_certificate", pk=pk)


class InstallRoot(OfRoot):
    """POST: send the root to the chosen chargers."""

    permission = SEND
    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        form = ChargersForm(request.POST, stations=self.candidates())
        if not form.is_valid():
            messages.error(request, " ".join(sentences(form)))
            return redirect("screens:root_certificate", pk=pk)
        sent = 0
        for station in form.cleaned_data["stations"]:
            try:
                roots.install(self.root, station, origin=self.origin)
                sent += 1
            except CommandRefused as refusal:
                messages.warning(request, f"{station}: {refusal}")
        if sent:
            done = ngettext("Sent to %(count)d charger.", "Sent to %(count)d chargers.", sent)
            messages.success(request, done % {"count": sent})
        return redirect("screens:root_certificate", pk=pk)
