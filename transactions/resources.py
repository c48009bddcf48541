"""Tags, transactions and meter values as tables; `stations.spreadsheets` holds the rules for cells."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db.models import Value
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext as _
from import_export.widgets import Widget

from stations.sheet_resource import ImportableResource, SheetResource
from stations.spreadsheets import Column, NumberWidget, TextWidget, UtcWidget, YesNoWidget, parse_moment

from .models import IdTag, IdTagGroup, MeterValue, Transaction


class GroupWidget(TextWidget):
    """A group by its number, without regard to case; one that does not exist is made (`make`).

    Every resource has widgets of its own, so what one import has read or made is known to that import only.
    """

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[str, IdTagGroup] = {}

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return super().render(value.parent_id_tag if value else None)

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        number = super().clean(value).strip()
        if not number:
            return None
        if len(number) > 20:
            raise ValueError(_("A group number has at most 20 characters."))
        key = number.upper()
        if key not in self._known:
            known = IdTagGroup.objects.filter(parent_id_tag__upper=Upper(Value(number))).first()
            self._known[key] = known or self.make(number)
        return self._known[key]

    def make(self, number: str) -> IdTagGroup:
        return IdTagGroup.objects.create(parent_id_tag=number)


class ConcurrencyWidget(NumberWidget):
    """How many sessions at once; empty means no limit."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> int | None:
        number = super().clean(value)
        if number is not None and not 0 <= number <= 32767:
            raise ValueError(_("“%(value)s” is not a number from 0 to 32767.") % {"value": number})
        return number


class IdTagResource(ImportableResource):
    """Import and export of tags. What was exported imports again unchanged.

    Besides `expires_at_utc` an import takes `expires_at`, whose times are local (`TIME_ZONE`) unless they name an
    offset: that is what people type.
    """

    RELATED: ClassVar[tuple[str, ...]] = ("group",)

    id_tag = Column("id_tag", "id_tag")
    holder = Column("holder", "holder")
    group = Column("parent_id_tag", "group", GroupWidget())
    blocked = Column("blocked", "blocked", YesNoWidget())
    expires_at = Column("expires_at_utc", "expires_at", UtcWidget())
    max_concurrent = Column("max_concurrent", "max_concurrent", ConcurrencyWidget())
    note = Column("note", "note")

    class Meta:
        model = IdTag
        import_id_fields = ("id_tag",)

    def known_headers(self) -> set[str]:
        return {*super().known_headers(), "expires_at"}

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        super().before_import(dataset, **kwargs)
        if {"expires_at", "expires_at_utc"} <= {*dataset.headers}:
            raise ValidationError(_("Give either expires_at or expires_at_utc, not both."))
        if "expires_at" in dataset.headers:
            self._given.add("expires_at_utc")

    def before_import_row(self, row: Any, **kwargs: Any) -> None:
        super().before_import_row(row, **kwargs)
        if "expires_at" in row:
            try:
                row["expires_at_utc"] = parse_moment(row["expires_at"], timezone.get_default_timezone())
            except ValueError as error:
                raise ValidationError({"expires_at": str(error)}) from None


def _number(name: str, value: Callable[[Any], Any] | str) -> Column:
    return Column(name, value, NumberWidget())


def _column(name: str, value: Callable[[Any], Any] | str, widget: Widget | None = None) -> Column:
    return Column(name, value, widget)


class TransactionResource(SheetResource):
    """Export of transactions. `status` is `running` or `finished`; `remarks` are the flags' stable codes."""

    RELATED: ClassVar[tuple[str, ...]] = ("charge_point__site", "connector", "tag__group")

    transaction_id = _number("transaction_id", "id")
    charge_point_id = _column("charge_point_id", "charge_point__identity")
    charge_point_name = _column("charge_point_name", "charge_point__name")
    connector_id = _number("connector_id", "connector__connector_id")
    site = _column("site", "charge_point__site")
    id_tag = _column("id_tag", "id_tag")
    tag_holder = _column("tag_holder", "tag__holder")
    tag_group = _column("tag_group", "tag__group")
    started_at = _column("started_at_utc", "started_at", UtcWidget())
    stopped_at = _column("stopped_at_utc", "stopped_at", UtcWidget())
    duration_s = _number("duration_s", lambda row: int(row.duration().total_seconds()) if row.stopped_at else None)
    meter_start_wh = _number("meter_start_wh", "meter_start_wh")
    meter_stop_wh = _number("meter_stop_wh", "meter_stop_wh")
    energy_kwh = _number("energy_kwh", "energy_kwh")
    stop_reason = _column("stop_reason", "stop_reason")
    status = _column("status", lambda row: "running" if row.is_running else "finished")
    ended_by = _column("ended_by", "ended_by")
    authorization_status = _column("authorization_status", "authorization_status")
    stop_id_tag = _column("stop_id_tag", "stop_id_tag")
    remarks = _column("remarks", lambda row: " ".join(row.flags))

    class Meta:
        model = Transaction


class MeterValueResource(SheetResource):
    """Export of meter values. `further_samples` is JSON: what the typed columns do not hold, as the station sent it."""

    RELATED: ClassVar[tuple[str, ...]] = ("connector__charge_point",)

    # 0 stands for "none" in the table
    transaction_id = _number("transaction_id", lambda row: row.transaction_id or None)
    charge_point_id = _column("charge_point_id", "connector__charge_point__identity")
    connector_id = _number("connector_id", "connector__connector_id")
    measured_at = _column("measured_at_utc", "timestamp", UtcWidget())
    context = _column("context", "context")
    energy_wh = _number("energy_wh", "energy_wh")
    power_w = _number("power_w", "power_w")
    current_a = _number("current_a", "current_a")
    current_l1_a = _number("current_l1_a", "current_l1_a")
    current_l2_a = _number("current_l2_a", "current_l2_a")
    current_l3_a = _number("current_l3_a", "current_l3_a")
    voltage_v = _number("voltage_v", "voltage_v")
    voltage_l1_v = _number("voltage_l1_v", "voltage_l1_v")
    voltage_l2_v = _number("voltage_l2_v", "voltage_l2_v")
    voltage_l3_v = _number("voltage_l3_v", "voltage_l3_v")
    soc_percent = _number("soc_percent", "soc_percent")
    current_offered_a = _number("current_offered_a", "current_offered_a")
    reported_transaction_id = _column("reported_transaction_id", "reported_transaction_id")
    further_samples = _column(
        "further_samples", lambda row: json.dumps(row.samples, ensure_ascii=False) if row.samples else None
    )

    class Meta:
        model = MeterValue


#: The columns of `TransactionResource().iter_rows(queryset)`, in order.
HEADERS = TransactionResource.headers()
#: The columns of `MeterValueResource().iter_rows(queryset)`, in order.
METER_VALUE_HEADERS = MeterValueResource.headers()
