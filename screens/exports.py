"""Exports of sessions: every page that offers one comes through `respond_with_transactions`.

A large export is a job. It asks for the sessions anew, with the rights its owner has by then, so it must know the
filter that the page used: `@exports_with(scope)` on the FilterSet says which one that is.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import Max, Min, QuerySet
from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from jobs.kinds import JobFailed, Result
from jobs.models import Job
from jobs.progress import Progress
from people.access import Access, access_of
from stations.spreadsheets import MAX_XLSX_ROWS
from transactions.models import Transaction

from .long_work import ask_first, begin_job
from .periods import zone_name
from .session_table import SessionTable
from .tables import Format, respond_with_table
from .templatetags.screens import number

#: More sessions than these are a job.
DIRECT_ROWS = 5000
KIND = "export_transactions"

F = TypeVar("F")

#: Which sessions somebody may export: those of sites where they may, or their own.
SCOPES: dict[str, Callable[[Access, QuerySet[Transaction]], QuerySet[Transaction]]] = {
    "sites": lambda access, rows: access.narrow(rows, "transactions.export_transaction", "charge_point__site"),
    "own": lambda access, rows: rows.filter(tag__in=access.own_tags()),
}
_filters: dict[str, Any] = {}


def exports_with(scope: str) -> Callable[[F], F]:
    """Decorates the FilterSet of a page whose sessions are exported under `scope`, "sites" or "own"."""

    def register(filterset: F) -> F:
        _filters[scope] = filterset
        return filterset

    return register


def may_export(access: Access, scope: str) -> bool:
    return scope == "own" or access.somewhere("transactions.export_transaction")


def is_direct(transactions: QuerySet[Transaction]) -> bool:
    """Whether an export comes at once; the page says beforehand if it does not."""
    return transactions.order_by()[: DIRECT_ROWS + 1].count() <= DIRECT_ROWS


def respond_with_transactions(
    request: Any,
    transactions: QuerySet[Transaction],
    filter_query: QueryDict,
    format: Format,  # noqa: A002
    scope: str = "sites",
) -> HttpResponseBase:
    """The sessions that a page shows, as a file; or, if they are many, the way to the job that makes it.

    `transactions` are the filtered ones, `filter_query` what their FilterSet was given. A GET changes nothing: it asks
    first whether to begin a job. Raises PermissionDenied for who may export nowhere.
    """
    if not may_export(request.access, scope):
        raise PermissionDenied
    rows = SCOPES[scope](request.access, transactions)
    if is_direct(rows):
        sessions = SessionTable(rows, is_masked=is_masked(request.access, scope), is_own=scope == "own")
        return respond_with_table(request, sessions.table(), format, _stem(rows))
    if request.method == "POST":
        return queue_export(request, filter_query, format, scope)
    fields = {"query": filter_query.urlencode(), "format": format.value, "scope": scope}
    return ask_first(request, format, DIRECT_ROWS, reverse("screens:job_export"), fields)


def queue_export(request: Any, filter_query: QueryDict, format: Format, scope: str) -> HttpResponseBase:  # noqa: A002
    """Begin the job and go to its page; dates that the filter names are meant in the reader's zone, then too."""
    parameters = {
        "query": dict(filter_query.lists()),
        "format": format.value,
        "scope": scope,
        "zone": zone_name(),
    }
    return begin_job(request, KIND, _("Transactions as %(format)s") % {"format": format.label}, parameters)


def run_export(job: Job, progress: Progress) -> Result:
    """The work of such a job."""
    if job.owner is None or not job.owner.is_active:
        raise JobFailed(_("The person who wanted this has no account any more."))
    access, scope, chosen = access_of(job.owner), job.parameters["scope"], Format(job.parameters["format"])
    with timezone.override(job.parameters["zone"]):
        # evaluated within: a filter by day asks for the zone when the query is made, and by week when it is run
        rows = SCOPES[scope](access, _filtered(access, scope, job.parameters["query"]))
        progress.expect(rows.count())
        _refuse_impossible(progress.total, chosen)
        sessions = SessionTable(rows, progress, is_masked=is_masked(access, scope), is_own=scope == "own")
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the runner closes it
        sessions.table().write(file, chosen)
        return Result(_message(sessions), file, f"{_stem(rows)}.{chosen.ending}", chosen.content_type)


def _filtered(access: Access, scope: str, query: dict[str, list[str]]) -> QuerySet[Transaction]:
    """What the page's filter gives for the owner of the job, as if they asked for the page now."""
    request: Any = HttpRequest()
    request.user, request.access, request.GET = access.user, access, QueryDict(mutable=True)
    for name, values in query.items():
        request.GET.setlist(name, values)
    filterset = _filters[scope](request.GET, queryset=Transaction.objects.all(), request=request)
    if not filterset.is_valid():
        raise JobFailed(_("The filter names something that no longer exists, or that you may not see any more."))
    rows: QuerySet[Transaction] = filterset.qs
    return rows


def _refuse_impossible(count: int, chosen: Format) -> None:
    if not count:
        raise JobFailed(_("There is nothing to export: no transaction matches, or you may not export them any more."))
    if chosen is Format.XLSX and count > MAX_XLSX_ROWS:
        raise JobFailed(_("An XLSX sheet cannot hold more than 1,048,575 rows; choose CSV or a shorter period."))


def is_masked(access: Access, scope: str) -> bool:
    """Numbers of cards are for those who keep cards, as on the pages, and for whose own they are."""
    return scope != "own" and not access.somewhere("transactions.change_idtag")


def _message(sessions: SessionTable) -> str:
    count = ngettext("%(count)s transaction", "%(count)s transactions", sessions.count)
    return f"{count % {'count': number(sessions.count)}}, {number(sessions.energy_kwh, 2)} kWh"


def _stem(transactions: QuerySet[Transaction]) -> str:
    """The file's name without its ending: with the days of the first and the last session in it."""
    zone = timezone.get_default_timezone()
    ends = transactions.order_by().aggregate(first=Min("started_at"), last=Max("started_at"))
    days = [f"{at.astimezone(zone):%Y-%m-%d}" for at in (ends["first"], ends["last"]) if at]
    return "-".join(["plugcontrol-transactions", *(["_".join(days)] if days else [])])
