"""To take along: sessions as a table, a session's readings, its signed values untouched."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header

from transactions.models import MeterValue
from transactions.readings import is_signed
from transactions.resources import METER_VALUE_HEADERS, MeterValueResource

from ..exports import respond_with_transactions
from ..tables import Table, format_of, respond_with_table
from .listing import Transactions
from .page import OfTransaction


class ExportTransactions(Transactions):
    """The sessions of exactly this filter as a file: `/transactions/export/xlsx/?…`."""

    permission = "transactions.export_transaction"
    is_file = True

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return respond_with_transactions(self.request, self.filtered, request.GET, format_of(kwargs["format"]))


class Readings(OfTransaction):
    """All meter values of a session as CSV or XLSX, in the columns of every export of meter values."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        transaction = self.get_object()
        if not self.access.on("transactions.export_metervalue", transaction.charge_point):
            raise PermissionDenied
        rows = MeterValue.objects.filter(transaction=transaction.pk).order_by("timestamp", "pk")
        table = Table("meter values", METER_VALUE_HEADERS, MeterValueResource().iter_rows(rows))
        stem = f"plugcontrol-transaction-{transaction.pk}-meter-values"
        return respond_with_table(request, table, format_of(kwargs["format"]), stem)


class SignedData(OfTransaction):
    """One signed value, letter for letter as the charger sent it: a checker wants nothing else in the file."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        transaction = self.get_object()
        if not self.access.on("transactions.export_metervalue", transaction.charge_point):
            raise PermissionDenied
        reading = get_object_or_404(MeterValue, pk=kwargs["reading"], transaction=transaction.pk)
        samples = reading.samples or []
        if kwargs["position"] >= len(samples) or not is_signed(samples[kwargs["position"]]):
            raise Http404
        name = f"plugcontrol-transaction-{transaction.pk}-signed-{reading.pk}-{kwargs['position']}.txt"
        response = HttpResponse(samples[kwargs["position"]]["value"], content_type="text/plain; charset=utf-8")
        response.headers["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
        return response
