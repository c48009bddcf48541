"""Reservations as JSON, and what it takes to ask for one."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from stations.models import ChargePoint, Connector
from transactions.models import Reservation

from ..fields import Moment, RowSerializer


class ReservationSerializer(RowSerializer):
    """`reservation_id` is OCPP's number: that of the row, unless an expert chose one."""

    reservation_id = serializers.IntegerField(read_only=True)
    charge_point = serializers.CharField(source="connector.charge_point.identity", read_only=True)
    connector_id = serializers.IntegerField(source="connector.connector_id", read_only=True)
    command = serializers.UUIDField(source="command_id", read_only=True, allow_null=True)
    transaction = serializers.IntegerField(source="transaction_id", read_only=True, allow_null=True)

    class Meta:
        model = Reservation
        fields = (
            *("id", "reservation_id", "charge_point", "connector_id", "id_tag", "parent_id_tag"),
            *("status", "answer", "command", "expires_at", "transaction", "created_at", "ended_at"),
        )
        read_only_fields = fields


class ReservationRequestSerializer(serializers.Serializer[Any]):
    charge_point = serializers.CharField(max_length=255, trim_whitespace=False, help_text="Identity.")
    connector_id = serializers.IntegerField(
        min_value=0, max_value=2**31 - 1, default=0, help_text="0, or none: any of the station's."
    )
    id_tag = serializers.CharField(max_length=20, trim_whitespace=False)
    expires_at = Moment()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        station = ChargePoint.objects.with_identity(attrs["charge_point"]).first()
        if station is None:
            raise serializers.ValidationError({"charge_point": _("There is no such charger.")}, code="unknown")
        number = attrs["connector_id"]
        connector = Connector.objects.select_related("charge_point").filter(charge_point=station, connector_id=number)
        attrs["target"] = connector.first() if number else station
        if attrs["target"] is None:
            raise serializers.ValidationError({"connector_id": _("The charger has no such connector.")}, code="unknown")
        return attrs
