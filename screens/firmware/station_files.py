"""Files that chargers delivered: which there are, one of them as a download, and a new one asked for."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from stations.commands import CommandRefused
from stations.downloads import download, pieces_of
from stations.forms import SendingForm
from stations.models import Command
from transfers import fetching, retention
from transfers.models import StationFile

from ..commands.sending import ToOneCharger, way_back
from ..lists import ListPage
from ..pages import Allowed, back
from .filters import FileFilters
from .forms import DIAGNOSTICS, FetchForm
from .rights import DELETE_FILES, DOWNLOAD_FILES, VIEW_FILES, visible_files


class FileList(ListPage):
    permission = VIEW_FILES
    template_name = "screens/firmware/files.html"
    part = "screens/firmware/_files.html"
    filterset_class = FileFilters
    sorts = {"received": ("-received_at", "-pk"), "size": ("-size", "-pk")}

    @property
    def parts(self) -> dict[str, str]:  # type: ignore[override]
        return {"list": self.part, "files": self.part}

    def get_rows(self) -> QuerySet[StationFile]:
        return visible_files(self.access).select_related("charge_point")


class DownloadFile(Allowed):
    """Always as an attachment of no known type: a charger could send a page with scripts."""

    permission = DOWNLOAD_FILES

    def get(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        file = get_object_or_404(visible_files(self.access).select_related("charge_point"), pk=pk)
        if not self.access.on(DOWNLOAD_FILES, file.charge_point):
            raise PermissionDenied
        try:
            pieces = pieces_of(file.file if file.deleted_at is None else None)
        except FileNotFoundError:
            messages.error(request, _("The file is no longer there."))
            return redirect("screens:station_files")
        return download(request, pieces, "application/octet-stream", file.file_name or "file", is_stored=True)


class DeleteFile(Allowed):
    """Deletes the file; that there was one stays known."""

    permission = DELETE_FILES
    http_method_names = ["post", "options"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        file = get_object_or_404(visible_files(self.access).select_related("charge_point"), pk=pk)
        if not self.access.on(DELETE_FILES, file.charge_point):
            raise PermissionDenied
        if retention.delete_file(file):
            messages.success(request, _("%(file)s was deleted.") % {"file": file})
        else:
            messages.info(request, _("It was deleted already."))
        return back(request, reverse("screens:station_files"))


class Fetch(ToOneCharger):
    """The form; a POST that is complete asks the charger and shows the life of the command."""

    template_name = "screens/firmware/fetch.html"
    parts = {"sheet": "screens/firmware/_fetch.html"}

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        waiting = {} if self.station.is_online else {"if_offline": "wait"}
        return self.show(FetchForm(), SendingForm(initial=waiting))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form, sending = FetchForm(request.POST), SendingForm(request.POST)
        if all([form.is_valid(), sending.is_valid()]):
            try:
                return self.asked(self.ask(form.cleaned_data, sending))
            except CommandRefused as refusal:
                form.add_error(None, str(refusal))
        return self.show(form, sending, status=422)

    def ask(self, entered: dict[str, Any], sending: SendingForm) -> Command:
        options = {
            "origin": self.origin,
            "start": entered["start"],
            "stop": entered["stop"],
            "way": entered["way"] or None,
            "valid_until": sending.valid_until,
            "idempotency_key": sending.idempotency,
        }
        if entered["what"] == DIAGNOSTICS:
            return fetching.fetch_diagnostics(self.station, **options)
        return fetching.fetch_log(self.station, entered["what"], **options)

    def asked(self, command: Command) -> HttpResponse:
        """In the sheet the command's life is shown where its form was."""
        if self.request.htmx:
            self.parts = {"sheet": "screens/commands/_sent.html"}
            return self.render_to_response(self.get_context_data(command=command))
        came_from = way_back(self.request) or f"{reverse('screens:charger', args=[self.station.pk])}?tab=firmware"
        query = urlencode({"next": came_from})
        return redirect(f"{reverse('screens:command', args=[command.pk])}?{query}")

    def show(self, form: FetchForm, sending: SendingForm, status: int = 200) -> HttpResponse:
        context = self.get_context_data(form=form, sending=sending, can_wait=True)
        return self.render_to_response(context, status=status)
