"""One session: facts, chart, what happened, every value its charger sent; live while it runs."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from stations.pagination import CappedPaginator
from transactions import history, readings
from transactions.corrections import can_be_closed
from transactions.models import MeterValue, OrphanedStop, Transaction
from transactions.samples import Sample, samples_of

from ..pages import ObjectPage
from ..tables import Format
from .charting import session_chart

VIEW = "transactions.view_transaction"
#: Stops that wait for their session and might be this one's.
MAX_LOOSE = 10
READINGS_PER_PAGE = 10


class OfTransaction(ObjectPage):
    """A page about a session that the reader may see."""

    model = Transaction
    permission = VIEW
    context_object_name = "row"

    def get_queryset(self) -> QuerySet[Transaction]:
        rows = Transaction.objects.select_related("charge_point__site", "charge_point__gateway", "connector", "tag")
        return self.access.narrow(rows, VIEW, "charge_point__site")


class TransactionPage(OfTransaction):
    template_name = "screens/transactions/page.html"
    parts = {"session": "screens/transactions/_session.html", "list": "screens/transactions/_values.html"}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        transaction: Transaction = self.object
        station = transaction.charge_point
        return super().get_context_data(
            page_obj=self.page,
            paginator=self.page.paginator,
            link=self.request.build_absolute_uri(self.request.path),
            formats=[(choice.value, choice.label) for choice in Format],
            may_stop=transaction.is_running and self.access.on("stations.send_command", station),
            why_no_stop=_why_no_stop(transaction),
            may_close=can_be_closed(transaction) and self.access.on("transactions.change_transaction", station),
            may_attach=self.access.on("transactions.change_orphanedstop", station),
            may_export=self.access.on("transactions.export_metervalue", station),
            may_see_values=self.access.on("transactions.view_metervalue", station),
            may_see_who=self.access.on("transactions.view_idtag", station),
            **kwargs,
        )

    # Asked for by the templates, so that a part fetches only what it shows

    def chart(self) -> Any:
        return session_chart(readings.points(self.object))

    def timeline(self) -> list[history.Event]:
        return history.timeline(self.object)

    def signed(self) -> list[readings.SignedValue]:
        return readings.signed_values(self.object)

    def loose_stops(self) -> list[OrphanedStop]:
        """Stops of the charger that nobody has attached, from the session's start on."""
        stops = OrphanedStop.objects.filter(charge_point=self.object.charge_point_id, transaction=None)
        return list(stops.filter(received_at__gte=self.object.start_received_at).order_by("received_at")[:MAX_LOOSE])

    @cached_property
    def page(self) -> Any:
        rows = MeterValue.objects.filter(transaction=self.object.pk).order_by("timestamp", "pk")
        return CappedPaginator(rows, READINGS_PER_PAGE).get_page(self.request.GET.get("page"))

    def readings(self) -> list[tuple[MeterValue, list[tuple[int | None, Sample]]]]:
        """The page's readings with their samples; a signed one with its place among those kept."""
        return [(reading, _numbered(reading)) for reading in self.page]


def _numbered(reading: MeterValue) -> list[tuple[int | None, Sample]]:
    samples = samples_of(reading)
    first_kept = len(samples) - len(reading.samples or ())
    return [
        (place - first_kept if readings.is_signed(sample.raw()) else None, sample)
        for place, sample in enumerate(samples)
    ]


def _why_no_stop(transaction: Transaction) -> str:
    """Why the charger cannot be told to stop now; "" if it can."""
    if transaction.charge_point.archived_at is not None:
        return _("The charger is archived.")
    return "" if transaction.charge_point.is_online else _("The charger is offline.")
