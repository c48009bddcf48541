"""Reports: how much was charged, by whom and where."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.functional import cached_property
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from transactions.report_subjects import NOBODY, By, Subject
from transactions.reports import Use, total

from ..exports import DIRECT_ROWS
from ..long_work import ask_first, begin_job
from ..pages import Allowed, Page
from ..tables import format_of, respond_with_table
from . import exports
from .contents import EXPORT, VIEW, chart_of, columns_of, label_of, report_of, rows_of
from .forms import PER, ReportForm

MAX_SESSIONS = 2000
#: Filters of the list of transactions.
_LISTED = {By.TAG: "card", By.GROUP: "group", By.CHARGER: "station", By.SITE: "site"}
PER_PAGE = 50


class Asked(Allowed):
    """What has a report's question in its address."""

    permission = VIEW

    @cached_property
    def form(self) -> ReportForm:
        return ReportForm(self.request.GET, self.access)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        shown = {"form": self.form, "zone": settings.TIME_ZONE, "may_export": self.access.somewhere(EXPORT)}
        context: dict[str, Any] = super().get_context_data(**shown, **kwargs)  # type: ignore[misc]
        return context


class ReportPage(Asked, Page):
    """The report; with `?subject=` that of one person, tag, … over time."""

    template_name = "screens/reports/report.html"
    parts = {"list": "screens/reports/_report.html"}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        shown: dict[str, Any] = {"filterset": {"form": self.form}, "is_filtered": bool(self.request.GET)}
        if self.form.is_valid():
            shown |= {"wish": self.form.wish, "per_word": PER[self.form.wish.per]}
            key = self.request.GET.get("subject", "")
            shown |= self._about(key) if key else self._all()
        return super().get_context_data(**shown, **kwargs)

    def _all(self) -> dict[str, Any]:
        report = report_of(self.access, self.form.wish)
        lines, over_time = report.lines(), report.over_time()
        all_in_all = lines.total
        paginator = Paginator(lines, PER_PAGE)
        page = paginator.get_page(self.request.GET.get("page"))
        rows = rows_of(report, list(page.object_list), all_in_all.energy_wh)
        columns = [label_of(bucket, report.per) for bucket in columns_of(report)]
        pages = {"page_obj": page, "paginator": paginator}
        return {"rows": rows, "columns": columns, "total": all_in_all, **pages, **self._over_time(over_time)}

    def _about(self, key: str) -> dict[str, Any]:
        report = report_of(self.access, self.form.wish)
        subject = report.subjects.find(key)
        if subject is None:
            raise Http404
        over_time = report.over_time(subject)
        all_in_all = total(over_time.values())
        # its name is for those who see what it used
        shown = subject if all_in_all != Use() else Subject(key, "")
        listed = self._listed(shown)
        return {"subject": shown, "listed": listed, "total": all_in_all, **self._over_time(over_time)}

    def _listed(self, subject: Subject) -> str:
        """The query under which the list of transactions shows the subject's sessions; "" where it cannot."""
        wish = self.form.wish
        if wish.by not in _LISTED or subject.key == NOBODY:
            return ""
        chosen = {_LISTED[wish.by]: subject.number if wish.by is By.CHARGER else subject.key}
        return urlencode({**chosen, "since": str(wish.days.first), "until": str(wish.days.last)})

    def _over_time(self, over_time: dict[Any, Use]) -> dict[str, Any]:
        per = self.form.wish.per
        buckets = [(label_of(bucket, per), use) for bucket, use in over_time.items()]
        return {"chart": chart_of(over_time, per), "buckets": buckets}


class StatementPage(Asked, Page):
    """What a person charged in a period, session by session: to be printed and sent."""

    template_name = "screens/reports/statement.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        if not self.form.is_valid() or self.form.wish.by is not By.PERSON:
            raise Http404
        report = report_of(self.access, self.form.wish)
        subject = report.subjects.find(self.request.GET.get("subject", ""))
        sessions = list(self._sessions(report, subject)) if subject else []
        if subject is None or not sessions:
            raise Http404
        sums = total(report.over_time(subject).values())
        shown = {"wish": self.form.wish, "subject": subject, "sessions": sessions[:MAX_SESSIONS], "total": sums}
        return super().get_context_data(**shown, is_cut=len(sessions) > MAX_SESSIONS, **kwargs)

    @staticmethod
    def _sessions(report: Any, subject: Subject) -> Any:
        rows = report.sessions_of(subject).select_related("charge_point__site", "connector")
        return rows.order_by("started_at", "id")[: MAX_SESSIONS + 1]


class ExportView(Asked):
    """The report as a file; a large one is a job, begun by POST."""

    permission = EXPORT

    def get(self, request: HttpRequest) -> HttpResponseBase:
        return self._respond(request)

    def post(self, request: HttpRequest) -> HttpResponseBase:
        return self._respond(request)

    def _respond(self, request: HttpRequest) -> HttpResponseBase:
        chosen = format_of(request.GET.get("format", ""))
        if not self.form.is_valid():
            raise BadRequest("no such report")
        table, count = exports.report_table(self.access, self.form.wish)
        if count <= DIRECT_ROWS:
            return respond_with_table(request, table, chosen, exports.stem_of(self.form.wish))
        if request.method != "POST":
            return ask_first(self.request, chosen, DIRECT_ROWS, request.get_full_path())
        title = _("Report as %(format)s") % {"format": chosen.label}
        parameters = {"query": exports.query_of(self.form.wish), "format": chosen.value}
        return begin_job(self.request, exports.KIND, title, parameters)
