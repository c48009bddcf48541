"""Reports as files: a row for each subject in each day, month or year in which it had any use."""

from __future__ import annotations

import tempfile
from datetime import date

from django.http import QueryDict
from django.utils.translation import gettext as _

from jobs.kinds import JobFailed, Result
from jobs.models import Job
from jobs.progress import Progress
from people.access import Access, access_of
from stations.spreadsheets import Cell, Row, defuse
from transactions.report_subjects import NOBODY, By, Subject
from transactions.reports import Use, total

from ..exports import is_masked
from ..tables import Format, Table
from ..templatetags.screens import masked_number
from .contents import EXPORT, report_of
from .forms import ReportForm, Wish

KIND = "export_report"
_NAMES = {
    By.PERSON: ("person",),
    By.TAG: ("tag_holder", "id_tag"),
    By.GROUP: ("tag_group",),
    By.CHARGER: ("charge_point_name", "charge_point_id"),
    By.SITE: ("site",),
}
_SUMS = ("energy_kwh", "sessions", "duration_s")


def report_table(access: Access, wish: Wish) -> tuple[Table, int]:
    """The report over what a person may export, and how many rows it has."""
    cells = report_of(access, wish, EXPORT).cells()
    hides = wish.by is By.TAG and is_masked(access, "sites")
    in_order = sorted(cells.items(), key=lambda cell: (cell[0][1], cell[0][0]))
    rows = [(_when(bucket, wish), *_who(subject, wish, hides), *_sums(use)) for (subject, bucket), use in in_order]
    all_in_all = total(cells.values())
    headers = (wish.per, *_NAMES[wish.by], *_SUMS)
    return Table(f"by {wish.by.value}", headers, rows, lambda: (_SUMS, _sums(all_in_all))), len(rows)


def _when(bucket: date, wish: Wish) -> Cell:
    if wish.per == "day":
        return bucket
    return f"{bucket:%Y-%m}" if wish.per == "month" else bucket.year


def _who(subject: Subject, wish: Wish, hides: bool) -> Row:
    """Names as people wrote them; nothing for what has none, which is said in no language here."""
    if subject.key == NOBODY:
        return ("",) * len(_NAMES[wish.by])
    number = masked_number(subject.number) if hides else subject.number
    return (defuse(subject.name), defuse(number))[: len(_NAMES[wish.by])]


def _sums(use: Use) -> Row:
    return use.energy_kwh, use.sessions, use.duration_s


def stem_of(wish: Wish) -> str:
    return f"plugcontrol-report-{wish.by.value}-{wish.days.first}_{wish.days.last}"


def query_of(wish: Wish) -> str:
    """The same wish in days that stay the same days tomorrow."""
    query = QueryDict(mutable=True)
    query.update({"by": wish.by.value, "per": wish.per, "since": str(wish.days.first), "until": str(wish.days.last)})
    if wish.site is not None:
        query["site"] = str(wish.site.pk)
    return query.urlencode()


def run_export(job: Job, progress: Progress) -> Result:
    """The work of the job that a large report is."""
    if job.owner is None or not job.owner.is_active:
        raise JobFailed(_("The person who wanted this has no account any more."))
    access, chosen = access_of(job.owner), Format(job.parameters["format"])
    form = ReportForm(QueryDict(job.parameters["query"]), access)
    if not form.is_valid() or not access.somewhere(EXPORT):
        raise JobFailed(_("You may not export this any more."))
    table, count = report_table(access, form.wish)
    progress.expect(count)
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the runner closes it
    Table(table.title, table.headers, progress.over(table.rows), table.sums).write(file, chosen)
    return Result(content=file, file_name=f"{stem_of(form.wish)}.{chosen.ending}", content_type=chosen.content_type)
