"""The pages of an import: choose a file, look at what it would change, confirm."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import View

import jobs
from jobs.models import Job, State, TooManyJobs
from jobs.progress import Progress
from people.access import Access
from stations.downloads import download
from stations.uploads import MAX_BYTES, UnreadableFile, UploadStorage

from ..long_work import begin_job
from ..pages import Allowed, FormPage, Page
from ..tables import Format, Table, format_of
from .import_work import IMPORT, PREVIEW, Outdated, Upload, import_now, is_large, look, outcome_of, summary
from .importing import KINDS, PERMISSION, Outcome

#: What the template file asks for; IdTagResource knows them all.
COLUMNS = ("id_tag", "holder", "parent_id_tag", "blocked", "expires_at", "max_concurrent", "note")
#: Looks at large files that the page still knows.
MOST_PREVIEWS = 5


class FileForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("File"),
        help_text=gettext_lazy("CSV or XLSX, at most 10 MB and 200,000 rows."),
        widget=forms.FileInput({"accept": ".csv,.xlsx"}),
    )
    site: Any = forms.ModelChoiceField(
        label=gettext_lazy("Site of new tags"), queryset=None, help_text=gettext_lazy("Its people manage them.")
    )

    def __init__(self, *args: Any, access: Access, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        site: Any = self.fields["site"]
        site.queryset = access.sites(PERMISSION)
        site.required = not access.everywhere(PERMISSION)
        site.empty_label = None if site.required else gettext_lazy("All sites")

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MAX_BYTES:
            raise forms.ValidationError(_("The file is larger than 10 MB."))
        if self.format_of(file) not in ("csv", "xlsx"):
            raise forms.ValidationError(_("Choose a file that ends in .csv or .xlsx."))
        return file

    @staticmethod
    def format_of(file: Any) -> str:
        return str(file.name).rpartition(".")[2].lower()


class ImportTags(FormPage):
    """Choose a file: small ones are looked at on the next page, large ones by a job."""

    template_name = "screens/tags/import.html"
    permission = PERMISSION
    form_class = FileForm

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "access": self.access}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        own = Job.objects.filter(owner=self.request.user.pk, kind=PREVIEW)
        kept = own.filter(state__in=(State.QUEUED, State.RUNNING, State.DONE)).exclude(state=State.DONE, file="")
        previews = kept.order_by("-created_at")[:MOST_PREVIEWS]
        return super().get_context_data(columns=COLUMNS, previews=previews, **kwargs)

    def form_valid(self, form: FileForm) -> HttpResponse:
        file, site = form.cleaned_data["file"], form.cleaned_data["site"]
        data, file_format = file.read(), form.format_of(file)
        try:
            goes_to_job = is_large(data, file_format)
        except UnreadableFile as error:
            form.add_error("file", str(error))
            return self.form_invalid(form)
        storage = UploadStorage()
        storage.save(data)
        upload = Upload(str(storage.name), file_format, site.pk if site else None)
        try:
            return redirect(preview_url(upload, self.access) if not goes_to_job else self._begin(upload, file.name))
        except TooManyJobs as refusal:
            form.add_error("file", str(refusal))
            return self.form_invalid(form)

    def _begin(self, upload: Upload, name: str) -> str:
        title = _("Look at %(file)s") % {"file": name[:100]}
        job = jobs.queue(PREVIEW, title, self.request.user, upload.parameters())
        return f"{reverse('screens:tag_import_preview')}?{urlencode({'job': str(job.pk)})}"


def preview_url(upload: Upload, access: Access) -> str:
    return f"{reverse('screens:tag_import_preview')}?{urlencode({'file': upload.signed(access)})}"


class ImportPreview(Page):
    """`?file=` (signed) or `?job=`: what the file would change. A POST imports it."""

    template_name = "screens/tags/import_preview.html"
    parts = {"preview": "screens/tags/_import_preview.html"}
    permission = PERMISSION

    @cached_property
    def job(self) -> Job | None:
        if "job" not in self.request.GET:
            return None
        try:
            return get_object_or_404(Job, pk=self.request.GET["job"], owner=self.request.user.pk, kind=PREVIEW)
        except (ValueError, forms.ValidationError):
            raise Http404 from None

    @cached_property
    def upload(self) -> Upload | None:
        if self.job is not None:
            return Upload(**self.job.parameters)
        return Upload.read(self.request.GET.get("file", ""), self.access)

    @cached_property
    def outcome(self) -> Outcome | None:
        """What would change; None while a job still looks. Raises UnreadableFile."""
        if self.job is not None:
            return outcome_of(self.job)
        return look(self._wanted, self.access, Progress(yields=True))[1]

    @property
    def _wanted(self) -> Upload:
        if self.upload is None:
            raise UnreadableFile(_("The uploaded file is no longer here; please upload it again."))
        return self.upload

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return self.render_to_response(self.get_context_data())
        except UnreadableFile as error:
            return self._again(str(error))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        outcome, kind = self.outcome, self.request.GET.get("show", "")
        chosen = [row for row in outcome.rows if kind not in KINDS or row.kind == kind] if outcome else []
        rows = [(row, row.named_cells(outcome.headers)) for row in chosen] if outcome else []
        shown = {"outcome": outcome, "job": self.job, "rows": rows, "show": kind if kind in KINDS else ""}
        return super().get_context_data(**shown, **kwargs)

    def post(self, request: HttpRequest) -> HttpResponse:
        try:
            if self.job is not None:
                return self._queue()
            counts = summary(import_now(self._wanted, self.access))
            messages.success(request, _("Imported: %(counts)s") % {"counts": counts})
            return redirect("screens:tags")
        except UnreadableFile as error:
            return self._again(str(error))
        except Outdated:
            messages.error(request, _("Nothing was imported: the tags have changed meanwhile. Look again."))
            return redirect(request.get_full_path())

    def _queue(self) -> HttpResponse:
        outcome = self.outcome
        if outcome is None or not outcome.is_possible:
            raise BadRequest("nothing to import")
        return begin_job(self.request, IMPORT, _("Import of tags"), self._wanted.parameters())

    def _again(self, sentence: str) -> HttpResponse:
        messages.error(self.request, sentence)
        return redirect("screens:tag_import")


class ImportTemplate(Allowed, View):
    """An empty table with the columns that an import knows."""

    permission = PERMISSION

    def get(self, request: HttpRequest) -> HttpResponseBase:
        chosen = format_of(request.GET.get("format", "xlsx"))
        table = Table("tags", COLUMNS, ())
        pieces = table.xlsx_pieces() if chosen is Format.XLSX else table.csv_pieces(chosen)
        return download(request, pieces, chosen.content_type, f"plugcontrol-tags.{chosen.ending}")
