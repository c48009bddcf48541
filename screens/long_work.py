"""What pages do with work that is too long for them: begin a job and show how far it is."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

import jobs
from jobs.models import TooManyJobs

from .tables import Format


def begin_job(request: HttpRequest, kind: str, title: str, parameters: dict[str, Any]) -> HttpResponse:
    """Queue the work and go to its page, which is live; or say why not. Only in answer to a POST."""
    try:
        job = jobs.queue(kind, title, request.user, parameters)  # type: ignore[arg-type]
    except TooManyJobs as refusal:
        messages.error(request, str(refusal))
        return redirect("screens:jobs")
    return redirect("screens:job", pk=job.pk)


def ask_first(
    request: HttpRequest,
    chosen: Format,
    limit: int,
    action: str,
    fields: dict[str, str] | None = None,
) -> HttpResponse:
    """In answer to a GET: a page that says that the file takes a while; its button posts `fields` to `action`."""
    shown = {"format": chosen, "limit": limit, "action": action, "fields": fields or {}}
    return render(request, "screens/jobs/large_export.html", shown)
