"""What stands on a report's page: rows with their share, columns over time, the chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from people.access import Access
from transactions.report_subjects import Subject
from transactions.reports import Line, Report, Use

from ..charts import Chart, Series
from .forms import Wish

VIEW, EXPORT = "transactions.view_transaction", "transactions.export_transaction"
#: Twelve months may touch thirteen; more columns do not fit on a desk's screen.
MAX_COLUMNS = 13


@dataclass(frozen=True)
class ReportRow:
    """A subject's sums; `share` is its percentage of all energy, `amounts` the watt hours of each column."""

    subject: Subject
    use: Use
    share: Decimal
    amounts: Sequence[int]


def report_of(access: Access, wish: Wish, permission: str = VIEW) -> Report:
    """The report over what a person may see (or export)."""
    everywhere = access.everywhere(permission) and wish.site is None
    chargers = access.charge_points(permission)
    if wish.site is not None:
        chargers = chargers.filter(site=wish.site)
    seen = None if everywhere else list(chargers.order_by().values_list("pk", flat=True))
    return Report(wish.by, wish.days, wish.per, seen)


def rows_of(report: Report, lines: Sequence[Line], all_energy_wh: int) -> list[ReportRow]:
    """Rows of one page, with a column for each month or year if there are not too many."""
    buckets = columns_of(report)
    cells = report.cells([line.subject for line in lines]) if buckets else {}
    return [
        ReportRow(
            line.subject,
            line.use,
            Decimal(100 * line.use.energy_wh) / (all_energy_wh or 1),
            [cells[line.subject, bucket].energy_wh if (line.subject, bucket) in cells else 0 for bucket in buckets],
        )
        for line in lines
    ]


def columns_of(report: Report) -> list[date]:
    buckets = report.buckets
    return buckets if report.per != "day" and 1 < len(buckets) <= MAX_COLUMNS else []


def label_of(bucket: date, per: str) -> str:
    """A day, month or year in the reader's way."""
    return date_format(bucket, {"day": "SHORT_DATE_FORMAT", "month": "M Y", "year": "Y"}[per])


def chart_of(over_time: dict[date, Use], per: str) -> Chart:
    labels = [label_of(bucket, per) for bucket in over_time]
    energy = [Decimal(use.energy_wh) / 1000 for use in over_time.values()]
    about = {"day": _("Day"), "month": _("Month"), "year": _("Year")}[per]
    return Chart("energy", "bar", labels, [Series(_("Energy"), "kWh", energy)], about=about)
