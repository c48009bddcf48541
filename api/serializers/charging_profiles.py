"""Charging profiles, where they are and what stations make of them, as JSON; rates are strings, lengths seconds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.models import Value
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from charging_profiles import comparison
from charging_profiles.models import Assignment, ChargingProfile, CompositeReading, Purpose, RateUnit
from charging_profiles.rules import LARGEST_LIMIT, contradictions
from charging_profiles.schedule import Period
from stations.forms.fields import YEARS
from stations.models import ChargePoint
from transactions.models import Transaction

from ..fields import Moment, RowSerializer
from .commands import ObjectField
from .orders import OrderSerializer

MAX_INTEGER = 2**31 - 1
MAX_PERIODS = 1000
MAX_HOURS = 168


def _whole(**options: Any) -> serializers.IntegerField:
    return serializers.IntegerField(**{"min_value": 0, "max_value": MAX_INTEGER, **options})


class PeriodSerializer(serializers.Serializer[Any]):
    """`start` counts from the beginning of the schedule, the first is 0; `phases`: all, if nothing is said."""

    start = _whole()
    limit = serializers.DecimalField(max_digits=9, decimal_places=1, min_value=Decimal(0), max_value=LARGEST_LIMIT)
    phases = serializers.IntegerField(min_value=1, max_value=3, required=False)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """As `ChargingProfile.periods` holds it."""
        read: dict[str, Any] = super().to_internal_value(data)
        return {**read, "limit": f"{read['limit']:.1f}"}


class ChargingProfileSerializer(RowSerializer):
    """A profile of the library. A recurring one repeats what begins at `starts_at`."""

    periods = serializers.ListField(child=PeriodSerializer(), allow_empty=False, max_length=MAX_PERIODS)
    stack_level = _whole(required=False)
    duration_s = _whole(required=False, allow_null=True, min_value=1)
    min_rate = serializers.DecimalField(
        max_digits=9, decimal_places=1, min_value=Decimal(0), max_value=LARGEST_LIMIT, required=False, allow_null=True
    )
    archived = serializers.BooleanField(
        required=False, write_only=True, help_text="No longer offered; stations keep what they were told."
    )

    class Meta:
        model = ChargingProfile
        fields = (
            *("id", "name", "purpose", "stack_level", "kind", "recurrency", "unit", "starts_at", "duration_s"),
            *("valid_from", "valid_to", "follows_clock", "min_rate", "periods", "notes"),
            *("archived", "archived_at", "created_at", "changed_at"),
        )
        read_only_fields = ("archived_at", "created_at", "changed_at")
        # as in the editor: beyond them a schedule's arithmetic, and its drawing in another zone, run out of years
        extra_kwargs = {moment: {"validators": YEARS} for moment in ("starts_at", "valid_from", "valid_to")}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "archived" in attrs:
            since = self.instance.archived_at if self.instance else None
            attrs["archived_at"] = (since or timezone.now()) if attrs.pop("archived") else None
        stored = {field: getattr(self.instance, field) for field in _PLAIN} if self.instance else {}
        profile = ChargingProfile(**{**stored, **attrs})
        if wrong := contradictions(profile):
            raise serializers.ValidationError(wrong, code="contradiction")
        others = ChargingProfile.objects.filter(name__upper=Upper(Value(profile.name)), archived_at=None)
        if self.instance:
            others = others.exclude(pk=self.instance.pk)
        if profile.archived_at is None and others.exists():
            raise serializers.ValidationError({"name": _("There is already a profile with this name.")}, code="unique")
        return attrs

    def update(self, instance: Any, validated_data: dict[str, Any]) -> Any:
        return super().update(instance, {**validated_data, "changed_at": timezone.now()})


_PLAIN = (
    *("name", "purpose", "stack_level", "kind", "recurrency", "unit", "starts_at", "duration_s", "valid_from"),
    *("valid_to", "follows_clock", "min_rate", "periods", "notes", "archived_at"),
)


class AssignmentSerializer(RowSerializer):
    """A profile that a station was told; `profile` is null for one that the library does not know."""

    charge_point = serializers.CharField(source="charge_point.identity", read_only=True)
    profile = serializers.IntegerField(source="profile_id", read_only=True, allow_null=True)
    transaction = serializers.IntegerField(source="transaction_id", read_only=True, allow_null=True)
    command = serializers.UUIDField(source="command_id", read_only=True, allow_null=True)
    payload = ObjectField(read_only=True)

    class Meta:
        model = Assignment
        fields = (
            *("id", "charge_point", "connector_id", "profile", "transaction", "charging_profile_id"),
            *("purpose", "stack_level", "payload", "state", "command", "asked_at", "installed_at", "ended_at"),
        )
        read_only_fields = fields


class AssignRequestSerializer(OrderSerializer):
    """`target` and `session`, once it is valid."""

    charge_point = serializers.CharField(max_length=255, trim_whitespace=False, help_text="Identity.")
    connector_id = _whole(default=0, help_text="0: the whole station, or the default of every connector.")
    transaction = _whole(required=False, allow_null=True, default=None, help_text="For a TxProfile: what runs.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs["target"] = ChargePoint.objects.with_identity(attrs["charge_point"]).first()
        if attrs["target"] is None:
            raise serializers.ValidationError({"charge_point": _("There is no such charger.")}, code="unknown")
        number = attrs["transaction"]
        sessions = Transaction.objects.select_related("connector").filter(charge_point=attrs["target"], pk=number)
        attrs["session"] = None if number is None else sessions.first()
        if number is not None and attrs["session"] is None:
            raise serializers.ValidationError({"transaction": _("There is no such session.")}, code="unknown")
        return attrs


class ClearRequestSerializer(serializers.Serializer[Any]):
    """What meets all that is given; or `all`, and nothing else."""

    connector_id = _whole(required=False, allow_null=True, default=None)
    purpose = serializers.ChoiceField(choices=Purpose.choices, required=False, allow_blank=True, default="")
    stack_level = _whole(required=False, allow_null=True, default=None)
    all = serializers.BooleanField(default=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        named = attrs["connector_id"] is not None or bool(attrs["purpose"]) or attrs["stack_level"] is not None
        if named == attrs["all"]:
            raise serializers.ValidationError(_("Name which profiles, or all of them."), code="required")
        return attrs


class WindowSerializer(serializers.Serializer[Any]):
    connector_id = _whole(default=0)
    hours = serializers.IntegerField(min_value=1, max_value=MAX_HOURS, default=24)
    unit = serializers.ChoiceField(choices=RateUnit.choices, default="A")


class ExpectedPeriodSerializer(serializers.Serializer[Period]):
    """`limit` null: nothing limits as far as we know."""

    start = serializers.IntegerField(read_only=True)
    limit = serializers.DecimalField(max_digits=20, decimal_places=1, read_only=True, allow_null=True)
    phases = serializers.IntegerField(read_only=True)


class CompositeScheduleSerializer(serializers.Serializer[Any]):
    """The limit that we expect from `begins` on: each period holds until the next, the last until the end."""

    connector_id = serializers.IntegerField(read_only=True)
    begins = Moment(read_only=True)
    hours = serializers.IntegerField(read_only=True)
    unit = serializers.CharField(read_only=True)
    periods = ExpectedPeriodSerializer(many=True, read_only=True)


class DifferenceSerializer(serializers.Serializer[Any]):
    begin = Moment(read_only=True)
    end = Moment(read_only=True)
    expected = serializers.DecimalField(max_digits=20, decimal_places=1, read_only=True, allow_null=True)
    reported = serializers.DecimalField(max_digits=20, decimal_places=1, read_only=True)


class CompositeReadingSerializer(RowSerializer):
    """What a station answered GetCompositeSchedule; `schedule` is in OCPP's own spelling."""

    charge_point = serializers.CharField(source="charge_point.identity", read_only=True)
    command = serializers.UUIDField(source="command_id", read_only=True, allow_null=True)
    schedule = ObjectField(read_only=True)

    class Meta:
        model = CompositeReading
        fields: tuple[str, ...] = (
            *("id", "charge_point", "connector_id", "command", "starts_at", "duration_s", "unit"),
            *("schedule", "read_at"),
        )
        read_only_fields = fields


class ComparedReadingSerializer(CompositeReadingSerializer):
    """With where it differs from what we believed when it was read."""

    differences = serializers.SerializerMethodField()

    class Meta(CompositeReadingSerializer.Meta):
        fields = (*CompositeReadingSerializer.Meta.fields, "differences")
        read_only_fields = fields

    @extend_schema_field(DifferenceSerializer(many=True))
    def get_differences(self, reading: CompositeReading) -> Any:
        return DifferenceSerializer(comparison.differences(reading), many=True).data
