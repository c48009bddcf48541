"""Firmware, updates, campaigns and files of stations as JSON, and what it takes to ask for them."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from stations.models import ChargePoint
from transfers.campaign_progress import Progress, progress
from transfers.models import Campaign, FirmwareFile, FirmwareUpdate, StationFile
from transfers.updates import failure_text

from ..fields import Moment, RowSerializer
from .orders import OrderSerializer

#: Stations of one campaign.
MAX_STATIONS = 10_000


class FirmwareFileSerializer(RowSerializer):
    """`vendor` and `model` empty: for any."""

    is_signed = serializers.BooleanField(read_only=True)
    uploaded_by = serializers.CharField(source="uploaded_by.username", default=None, allow_null=True, read_only=True)

    class Meta:
        model = FirmwareFile
        fields = (
            *("id", "name", "version", "vendor", "model", "file_name", "size", "sha256", "is_signed"),
            *("notes", "uploaded_by", "uploaded_at", "archived_at"),
        )
        read_only_fields = fields


class FirmwareUploadSerializer(serializers.Serializer[Any]):
    """multipart/form-data. `signature` is Base64, `signing_certificate` PEM: both or neither."""

    file = serializers.FileField()
    name = serializers.CharField(max_length=100)
    version = serializers.CharField(max_length=50, help_text="As stations report it after the update.")
    vendor = serializers.CharField(max_length=50, required=False, allow_blank=True, default="")
    model = serializers.CharField(max_length=50, required=False, allow_blank=True, default="")
    signature = serializers.CharField(max_length=800, required=False, allow_blank=True, default="")
    signing_certificate = serializers.CharField(max_length=5500, required=False, allow_blank=True, default="")
    notes = serializers.CharField(max_length=10_000, required=False, allow_blank=True, default="")


class FirmwareUpdateSerializer(RowSerializer):
    """`status` and `steps` are the station's own words; `reason` says in words why it failed, and what to do."""

    charge_point = serializers.CharField(source="charge_point.identity", read_only=True)
    reason = serializers.SerializerMethodField()
    steps = serializers.SerializerMethodField()
    is_open = serializers.BooleanField(read_only=True)
    command = serializers.UUIDField(source="command_id", read_only=True, allow_null=True)

    class Meta:
        model = FirmwareUpdate
        fields = (
            *("id", "charge_point", "firmware", "campaign", "state", "is_open", "failure", "reason", "status", "steps"),
            *("signed", "tries", "command", "version_before", "version_after", "retrieve_at", "install_at"),
            *("created_at", "begun_at", "reported_at", "due_at", "next_try_at", "ended_at"),
        )
        read_only_fields = fields

    def get_reason(self, update: FirmwareUpdate) -> str:
        return failure_text(update)

    @extend_schema_field(
        {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"status": {"type": "string"}, "at": {"type": "string", "format": "date-time"}},
            },
        }
    )
    def get_steps(self, update: FirmwareUpdate) -> list[dict[str, str]]:
        pairs = [step for step in update.steps if isinstance(step, list) and len(step) == 2]
        return [{"status": str(status), "at": str(at)} for status, at in pairs]


class UpdateRequestSerializer(OrderSerializer):
    charge_point = serializers.CharField(max_length=255, trim_whitespace=False, help_text="Identity.")
    firmware = serializers.PrimaryKeyRelatedField(queryset=FirmwareFile.objects.filter(archived_at=None))
    signed = serializers.BooleanField(default=False, help_text="Send SignedUpdateFirmware.")
    retrieve_at = Moment(required=False, allow_null=True, default=None, help_text="The download begins not before.")
    install_at = Moment(required=False, allow_null=True, default=None, help_text="For signed updates only.")


@extend_schema_field(
    {"type": "object", "properties": {name: {"type": "integer"} for name in (*Progress.__slots__, "percent")}}
)
class ProgressField(serializers.Field[Any, Any, Any, Any]):
    """Stations by what became of them."""

    def to_representation(self, progress: Progress) -> dict[str, int]:
        return {name: getattr(progress, name) for name in (*Progress.__slots__, "percent")}


class CampaignSerializer(RowSerializer):
    """`progress` counts stations; the stations themselves are `firmware-updates/?campaign=`."""

    progress = serializers.SerializerMethodField()
    is_over = serializers.BooleanField(read_only=True)

    class Meta:
        model = Campaign
        fields = (
            *("id", "name", "firmware", "state", "is_over", "progress", "signed", "begins_at", "ends_at"),
            *("at_once", "per_minute", "while_charging", "retries", "source", "actor", "created_at", "ended_at"),
        )
        read_only_fields = fields

    @extend_schema_field(ProgressField)
    def get_progress(self, campaign: Campaign) -> dict[str, int]:
        return ProgressField().to_representation(getattr(campaign, "counted", None) or progress(campaign))


class CampaignRequestSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)
    firmware = serializers.PrimaryKeyRelatedField(queryset=FirmwareFile.objects.filter(archived_at=None))
    charge_points = serializers.ListField(
        child=serializers.CharField(max_length=255, trim_whitespace=False),
        min_length=1,
        max_length=MAX_STATIONS,
        help_text="Identities, in the order in which they are updated.",
    )
    signed = serializers.BooleanField(default=False)
    while_charging = serializers.BooleanField(default=False, help_text="Also stations at which a car charges.")
    at_once = serializers.IntegerField(min_value=1, max_value=1000, default=5)
    per_minute = serializers.IntegerField(min_value=1, max_value=1000, default=10)
    retries = serializers.IntegerField(min_value=0, max_value=10, default=1)
    begins_at = Moment(required=False, allow_null=True, default=None)
    ends_at = Moment(required=False, allow_null=True, default=None)
    idempotency_key = serializers.CharField(required=False, allow_blank=True, max_length=100, default="")

    def validate_charge_points(self, identities: list[str]) -> list[ChargePoint]:
        """The stations, in this order. One query for hundreds of them."""
        wanted = {identity.upper(): identity for identity in identities}
        found: dict[str, ChargePoint] = {}
        names = list(wanted)
        for begin in range(0, len(names), 500):
            rows = ChargePoint.objects.filter(identity__upper__in=names[begin : begin + 500])
            found |= {row.identity.upper(): row for row in rows}
        missing = [wanted[name] for name in names if name not in found]
        if missing:
            named = {"names": ", ".join(missing[:10])}
            raise serializers.ValidationError(_("There is no such charger: %(names)s.") % named, code="unknown")
        return [found[name] for name in names]


class StationFileSerializer(RowSerializer):
    """`content/` below its address is the file itself, until `deleted_at`."""

    charge_point = serializers.CharField(source="charge_point.identity", read_only=True)
    command = serializers.UUIDField(source="transfer.command_id", read_only=True, allow_null=True)

    class Meta:
        model = StationFile
        fields = (
            *("id", "charge_point", "kind", "file_name", "size", "sha256", "over", "command"),
            *("received_at", "deleted_at"),
        )
        read_only_fields = fields


class FetchRequestSerializer(OrderSerializer):
    """`log` empty: diagnostics by GetDiagnostics; else GetLog of the security extension."""

    log = serializers.ChoiceField(
        choices=[("DiagnosticsLog", "DiagnosticsLog"), ("SecurityLog", "SecurityLog")],
        required=False,
        allow_blank=True,
        default="",
    )
    start = Moment(required=False, allow_null=True, default=None)
    stop = Moment(required=False, allow_null=True, default=None)
    way = serializers.ChoiceField(
        choices=[(way, way) for way in ("http", "https", "ftp")],
        required=False,
        allow_blank=True,
        default="",
        help_text="Empty: the best that the station knows.",
    )
