"""Charge points and connectors as JSON; both are read here and kept in the admin."""

from __future__ import annotations

from rest_framework import serializers

from stations.models import ChargePoint, Connector

from ..fields import RowSerializer


class ChargePointSerializer(RowSerializer):
    site = serializers.CharField(
        source="site.name", default=None, allow_null=True, read_only=True, help_text="Name of the site."
    )
    is_online = serializers.BooleanField(read_only=True)

    class Meta:
        model = ChargePoint
        fields = (
            *("identity", "name", "site", "notes"),
            *("registration_status", "accepted_at", "archived_at", "created_at", "discovered"),
            *("vendor", "model", "serial_number", "box_serial_number", "firmware_version"),
            *("iccid", "imsi", "meter_type", "meter_serial_number", "booted_at"),
            *("security_profile", "credential_kind", "strict", "no_close_frame"),
            *("is_online", "connected_at", "disconnected_at", "last_seen_at", "protocol", "remote_address"),
        )
        read_only_fields = fields


class ConnectorSerializer(RowSerializer):
    """Number 0 is the station as a whole."""

    charge_point = serializers.CharField(source="charge_point.identity", read_only=True)

    class Meta:
        model = Connector
        fields = (
            *("id", "charge_point", "connector_id", "status", "status_at"),
            *("error_code", "info", "vendor_id", "vendor_error_code"),
        )
        read_only_fields = fields
