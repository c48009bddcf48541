"""The library of firmware files: which there are, a new one, one of them, one taken out of use."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from stations.downloads import download, pieces_of
from stations.models import ChargePoint
from transfers import firmware_files
from transfers.audit import recorded
from transfers.models import FirmwareFile, FirmwareUpdate

from ..lists import ListPage
from ..pages import Allowed, FormPage, ObjectPage
from .filters import LibraryFilters
from .forms import FirmwareForm
from .rights import ADD_CAMPAIGN, ADD_FIRMWARE, CHANGE_FIRMWARE, SEND, VIEW_FIRMWARE, visible_updates

#: Updates on a file's page; their list has the others.
NEWEST = 10
#: What the fields of vendor and model offer.
MAX_SUGGESTIONS = 200


class Library(ListPage):
    permission = VIEW_FIRMWARE
    template_name = "screens/firmware/library.html"
    part = "screens/firmware/_library.html"
    filterset_class = LibraryFilters
    sorts = {
        "uploaded": ("-uploaded_at", "-pk"),
        "name": ("name", "version", "pk"),
        "vendor": ("vendor", "model", "name", "pk"),
        "size": ("-size", "pk"),
    }

    def get_rows(self) -> QuerySet[FirmwareFile]:
        return FirmwareFile.objects.all()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(may_add=self.access.everywhere(ADD_FIRMWARE), **kwargs)
        shown = list(context["page_obj"].object_list)
        return {**context, "rows": [(firmware, count) for firmware, count in _with_installed(shown, self.access)]}


def _with_installed(files: list[FirmwareFile], access: Any) -> list[tuple[FirmwareFile, int]]:
    """Each file with the number of chargers, of those the reader sees, that report its version; one query."""
    makes = Q()
    for firmware in files:
        makes |= _running(firmware)
    found = access.charge_points().filter(makes, archived_at=None) if files else ChargePoint.objects.none()
    grouped = found.order_by().values_list(*_MADE).annotate(count=Count("pk"))
    counts = [(ChargePoint(**dict(zip(_MADE, row, strict=False))), row[-1]) for row in grouped]
    return [(firmware, sum(count for made, count in counts if _reports(made, firmware))) for firmware in files]


_MADE = ("vendor", "model", "firmware_version")


def _running(firmware: FirmwareFile) -> Q:
    wanted = {"vendor": firmware.vendor, "model": firmware.model, "firmware_version": firmware.version}
    return Q(**{f"{column}__iexact": value for column, value in wanted.items() if value})


def _reports(made: ChargePoint, firmware: FirmwareFile) -> bool:
    return firmware.fits(made) and made.firmware_version.casefold() == firmware.version.casefold()


class AddFirmware(FormPage):
    """The form of a new file. With a script it shows how far the upload is; errors come back without the page."""

    permission = ADD_FIRMWARE
    form_class = FirmwareForm
    template_name = "screens/firmware/add.html"
    parts = {"upload": "screens/firmware/_upload.html"}

    def is_allowed(self) -> bool:
        return self.access.everywhere(self.permission)

    def form_valid(self, form: FirmwareForm) -> HttpResponse:
        entered = {**form.cleaned_data}
        try:
            firmware = firmware_files.store(entered.pop("file"), **entered, by=self.request.user)
        except ValidationError as refusal:
            _tell(form, refusal)
            return self.form_invalid(form)
        messages.success(self.request, _("%(firmware)s was stored.") % {"firmware": firmware})
        url = reverse("screens:firmware_file", args=[firmware.pk])
        if self.request.htmx:
            return HttpResponse(status=204, headers={"HX-Redirect": url})
        return redirect(url)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        columns = ("vendor", "model")
        makes = self.access.charge_points().order_by(*columns).values_list(*columns).distinct()[:MAX_SUGGESTIONS]
        known = [sorted(filter(None, {*values})) for values in zip(*makes, strict=True)] or [[], []]
        return super().get_context_data(known_vendors=known[0], known_models=known[1], **kwargs)


def _tell(form: FirmwareForm, refusal: ValidationError) -> None:
    """What is wrong beside its field, if it has one here."""
    problems = refusal.message_dict if hasattr(refusal, "error_dict") else {"": refusal.messages}
    for name, sentences in problems.items():
        for sentence in sentences:
            form.add_error(name if name in form.fields else None, sentence)


class FirmwarePage(ObjectPage):
    permission = VIEW_FIRMWARE
    template_name = "screens/firmware/file.html"
    context_object_name = "firmware"

    def get_queryset(self) -> QuerySet[FirmwareFile]:
        return FirmwareFile.objects.select_related("uploaded_by")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        firmware: FirmwareFile = self.object
        in_use = firmware.archived_at is None
        updates = visible_updates(self.access).filter(firmware=firmware).select_related("charge_point", "campaign")
        ended = updates.filter(state=FirmwareUpdate.State.INSTALLED).order_by()
        scheme, problem = _signature_of(firmware)
        return super().get_context_data(
            signature_scheme=scheme,
            signature_problem=problem,
            updates=updates.order_by("-created_at")[:NEWEST],
            installed=ended.values("charge_point").distinct().count(),
            may_archive=in_use and self.access.everywhere(CHANGE_FIRMWARE),
            may_update=in_use and self.access.somewhere(ADD_CAMPAIGN) and self.access.somewhere(SEND),
            **kwargs,
        )


def _signature_of(firmware: FirmwareFile) -> tuple[str, str]:
    """How a file is signed, and why chargers would refuse that by now; both empty for one without a signature."""
    if not firmware.is_signed:
        return "", ""
    try:
        return str(firmware_files.check_signature(firmware).label), ""
    except ValidationError as problem:
        return "", " ".join(problem.messages)


class ArchiveFirmware(Allowed):
    permission = CHANGE_FIRMWARE
    http_method_names = ["post", "options"]

    def is_allowed(self) -> bool:
        return self.access.everywhere(self.permission)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        firmware = get_object_or_404(FirmwareFile, pk=pk)
        try:
            with recorded(firmware, "archived_at"):
                firmware_files.archive(firmware)
        except ValidationError as refusal:
            messages.warning(request, " ".join(refusal.messages))
        else:
            messages.success(request, _("%(firmware)s is archived.") % {"firmware": firmware})
        return redirect("screens:firmware_file", pk=pk)


class DownloadFirmware(Allowed):
    permission = VIEW_FIRMWARE

    def get(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        firmware = get_object_or_404(FirmwareFile, pk=pk)
        try:
            pieces = pieces_of(firmware.file)
        except FileNotFoundError:
            raise Http404 from None
        return download(request, pieces, "application/octet-stream", firmware.file_name, is_stored=True)
