"""Tags, transactions and meter values as JSON."""

from __future__ import annotations

from typing import Any

from django.db.models import Value
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers

from transactions.models import IdTag, IdTagGroup, MeterValue, Transaction

from ..fields import KilowattHours, Moment, RowSerializer


class GroupField(serializers.CharField):
    """A group by its number (parentIdTag), without regard to case."""

    default_error_messages = {"unknown": gettext_lazy("There is no group of this number.")}

    def to_internal_value(self, data: Any) -> Any:
        number = super().to_internal_value(data)
        group = IdTagGroup.objects.filter(parent_id_tag__upper=Upper(Value(number))).first()
        return group if group is not None else self.fail("unknown")

    def to_representation(self, value: Any) -> Any:
        return value.parent_id_tag


class IdTagSerializer(RowSerializer):
    id_tag = serializers.CharField(max_length=20, trim_whitespace=False)
    group = GroupField(required=False, allow_null=True, help_text="Number (parentIdTag) of its group.")
    # SQLite would take more than PostgreSQL
    max_concurrent = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=32767)
    archived = serializers.BooleanField(required=False, write_only=True, help_text="Out of use; its sessions stay.")

    class Meta:
        model = IdTag
        fields = (
            *("id_tag", "holder", "group", "blocked", "expires_at", "max_concurrent", "note"),
            *("archived", "archived_at", "created_at"),
        )
        read_only_fields = ("archived_at", "created_at")

    def validate_id_tag(self, value: str) -> str:
        if not value.isprintable():
            raise serializers.ValidationError(_("A tag's number has 1 to 20 printable characters."), code="invalid")
        known = IdTag.objects.with_number(value).first()
        if known is not None and known != self.instance:
            raise serializers.ValidationError(_("There is already a tag with this number."), code="unique")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "archived" in attrs:
            since = self.instance.archived_at if self.instance else None
            attrs["archived_at"] = (since or timezone.now()) if attrs.pop("archived") else None
        return attrs


class TransactionSerializer(RowSerializer):
    charge_point = serializers.CharField(source="charge_point.identity", read_only=True)
    connector_id = serializers.IntegerField(source="connector.connector_id", read_only=True)
    tag_holder = serializers.CharField(source="tag.holder", default=None, allow_null=True, read_only=True)
    tag_group = serializers.CharField(source="tag.group.parent_id_tag", default=None, allow_null=True, read_only=True)
    is_running = serializers.BooleanField(read_only=True)
    duration_s = serializers.SerializerMethodField(help_text="Until now while it runs.")
    energy_kwh = KilowattHours(source="energy_wh")
    flags = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = Transaction
        fields = (
            *("id", "charge_point", "connector_id", "id_tag", "tag_holder", "tag_group"),
            *("authorization_status", "reservation_id", "is_running", "started_at", "stopped_at", "duration_s"),
            *("energy_wh", "energy_kwh", "meter_start_wh", "meter_stop_wh", "register_wh", "register_at"),
            *("stop_reason", "stop_id_tag", "ended_by", "start_reported_at", "stop_reported_at", "flags"),
        )
        read_only_fields = fields

    def get_duration_s(self, transaction: Transaction) -> int:
        return int(transaction.duration().total_seconds())


class MeterValueSerializer(RowSerializer):
    """Decimals are strings. `further_samples` holds what the columns do not, as the station sent it."""

    measured_at = Moment(source="timestamp", read_only=True)
    connector_id = serializers.IntegerField(source="connector.connector_id", read_only=True)
    energy_kwh = KilowattHours(source="energy_wh", allow_null=True)
    further_samples = serializers.ListField(
        source="samples", child=serializers.JSONField(), read_only=True, allow_null=True
    )

    class Meta:
        model = MeterValue
        fields = (
            *("measured_at", "connector_id", "context", "energy_wh", "energy_kwh", "power_w"),
            *("current_a", "current_l1_a", "current_l2_a", "current_l3_a", "current_offered_a"),
            *("voltage_v", "voltage_l1_v", "voltage_l2_v", "voltage_l3_v", "soc_percent", "further_samples"),
        )
        read_only_fields = fields
