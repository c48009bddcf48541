"""Jobs: how far they are, what they made, and how to stop them."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from jobs import files
from jobs.models import Job
from people.access import Access
from stations.downloads import download

from ..exports import SCOPES, may_export, queue_export
from ..lists import ListPage
from ..pages import Allowed, ObjectPage
from ..tables import format_of


def visible_jobs(access: Access) -> QuerySet[Job]:
    """A person's own jobs; everybody's for those who look after the house."""
    rows = Job.objects.select_related("owner")
    return rows if access.everywhere("jobs.view_job") else rows.filter(owner=access.user.pk)


class JobsPage(ListPage):
    """Everybody who can begin a job can find it again; `""`: holders export their own sessions."""

    permission = ""
    template_name = "screens/jobs/list.html"
    part = "screens/jobs/_list.html"
    sorts = {"created": ("-created_at",)}

    def get_rows(self) -> QuerySet[Job]:
        return visible_jobs(self.access)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(shows_owners=self.access.everywhere("jobs.view_job"), **kwargs)


class JobPage(ObjectPage):
    permission = ""
    template_name = "screens/jobs/job.html"
    parts = {"job": "screens/jobs/_job.html"}
    context_object_name = "job"

    def get_queryset(self) -> QuerySet[Job]:
        return visible_jobs(self.access)


class DownloadView(Allowed):
    permission = ""

    def get(self, request: HttpRequest, pk: Any) -> HttpResponseBase:
        job = get_object_or_404(visible_jobs(self.access), pk=pk)
        try:
            pieces = files.pieces(job)
        except FileNotFoundError:
            messages.error(request, _("The file is no longer there. Start the export again."))
            return redirect("screens:job", pk=job.pk)
        return download(request, pieces, job.content_type, job.file_name, is_stored=True)


class CancelView(Allowed):
    permission = ""

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        job = get_object_or_404(visible_jobs(self.access), pk=pk)
        if not job.cancel():
            messages.info(request, _("It was over already."))
        return redirect("screens:job", pk=job.pk)


class ExportView(Allowed):
    """Begins an export that is too large to come at once."""

    permission = ""

    def post(self, request: HttpRequest) -> HttpResponseBase:
        scope = request.POST.get("scope", "")
        if scope not in SCOPES:
            raise BadRequest("unknown scope")
        if not may_export(self.access, scope):
            raise PermissionDenied
        chosen, query = format_of(request.POST.get("format", "")), QueryDict(request.POST.get("query", ""))
        if "%00" in query.urlencode():  # PostgreSQL's JSON cannot hold it
            raise BadRequest("not text")
        return queue_export(self.request, query, chosen, scope)
