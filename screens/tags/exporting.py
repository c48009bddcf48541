"""Tags as a table: at once, or as a job where they are many."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from jobs.kinds import JobFailed, Result
from jobs.models import Job
from jobs.progress import Progress
from people.access import Access, access_of
from stations.spreadsheets import Row
from transactions.models import IdTag
from transactions.resources import IdTagResource

from ..long_work import begin_job
from ..tables import Format, Table
from ..templatetags.screens import masked_number
from .filters import TagFilter

DIRECT_ROWS = 5000
KIND = "export_tags"
_NUMBER = IdTagResource.headers().index("id_tag")


def tag_table(tags: QuerySet[IdTag], access: Access, progress: Progress | None = None) -> Table:
    """`tags` in the columns of IdTagResource; numbers in full only for those who see them in full on screen."""
    rows = (progress or Progress()).over(IdTagResource().iter_rows(tags))
    shown = rows if access.somewhere("transactions.change_idtag") else _masked(rows)
    return Table("tags", IdTagResource.headers(), shown)


def _masked(rows: Iterator[Row]) -> Iterator[Row]:
    for row in rows:
        yield tuple(masked_number(str(cell)) if index == _NUMBER else cell for index, cell in enumerate(row))


def file_stem() -> str:
    return f"plugcontrol-tags-{timezone.localdate():%Y-%m-%d}"


def queue_export(request: HttpRequest, chosen: Format) -> HttpResponse:
    """Begin the job for what the address filters, and go to its page."""
    parameters = {"query": request.GET.urlencode(), "format": chosen.value}
    return begin_job(request, KIND, _("Tags as %(format)s") % {"format": chosen.label}, parameters)


def run_export(job: Job, progress: Progress) -> Result:
    """The work of such a job, with the rights its owner has by then."""
    if job.owner is None or not job.owner.is_active:
        raise JobFailed(_("The person who wanted this has no account any more."))
    access, chosen = access_of(job.owner), Format(job.parameters["format"])
    rows = _filtered(access, QueryDict(job.parameters["query"]))
    progress.expect(rows.count())
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the runner closes it
    tag_table(rows.order_by("id_tag"), access, progress).write(file, chosen)
    message = ngettext("%(count)d tag.", "%(count)d tags.", progress.done) % {"count": progress.done}
    return Result(message, file, f"{file_stem()}.{chosen.ending}", chosen.content_type)


def _filtered(access: Access, query: QueryDict) -> QuerySet[IdTag]:
    request: Any = SimpleNamespace(access=access, GET=query)
    filterset = TagFilter(query, queryset=access.id_tags("transactions.export_idtag"), request=request)
    if not filterset.is_valid():
        raise JobFailed(_("The filter names something that no longer exists, or that you may not see any more."))
    rows: QuerySet[IdTag] = filterset.qs
    return rows
