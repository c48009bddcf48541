"""Certificates, requests, roots and security upgrades as JSON, and what it takes to ask for them."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from certificates.models import (
    CertificateUse,
    InstalledCertificate,
    RootCertificate,
    SecurityUpgrade,
    SigningRequest,
    StationCertificate,
)
from certificates.upgrade_words import explanation
from stations.models import ChargePoint, SecurityProfile

from ..fields import RowSerializer

#: Characters of PEM: CertificateSigned takes 10 000, and what a CA returns may hold its root as well.
LONGEST_PEM = 50_000


class StationCertificateSerializer(RowSerializer):
    """`chain` is PEM, the station's own certificate first; `serial_number` and `sha256` are hexadecimal."""

    charge_point = serializers.CharField(source="charge_point.identity", read_only=True)
    is_revoked = serializers.BooleanField(read_only=True)

    class Meta:
        model = StationCertificate
        fields = (
            *("id", "charge_point", "serial_number", "subject", "issuer", "sha256", "key_text", "is_ours"),
            *("not_before", "not_after", "created_at", "delivered_at", "used_at", "last_used_at"),
            *("is_revoked", "revoked_at", "revocation", "revoked_by", "chain"),
        )
        read_only_fields = fields


class RevokeSerializer(serializers.Serializer[Any]):
    revocation = serializers.ChoiceField(
        choices=[choice for choice in StationCertificate.Revocation.choices if choice[0]],
        default=StationCertificate.Revocation.LOST,
    )


class SigningRequestSerializer(RowSerializer):
    """`pem` is the station's PKCS#10 request; `problem` says why it was not signed by itself."""

    charge_point = serializers.CharField(source="charge_point.identity", read_only=True)
    command = serializers.UUIDField(source="command_id", read_only=True, allow_null=True)

    class Meta:
        model = SigningRequest
        fields = (
            *("id", "charge_point", "subject", "key_text", "state", "problem", "certificate", "command"),
            *("deliveries", "next_delivery_at", "decided_by", "received_at", "ended_at", "pem"),
        )
        read_only_fields = fields


class SignedSerializer(serializers.Serializer[Any]):
    pem = serializers.CharField(
        max_length=LONGEST_PEM, help_text="The station's certificate, then those of the CAs below the root."
    )


class RootCertificateSerializer(RowSerializer):
    created_by = serializers.CharField(source="created_by.username", default=None, allow_null=True, read_only=True)

    class Meta:
        model = RootCertificate
        fields = (
            *("id", "name", "use", "subject", "sha256", "not_before", "not_after"),
            *("created_by", "created_at", "archived_at", "pem"),
        )
        read_only_fields = fields


class RootRequestSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)
    use = serializers.ChoiceField(choices=CertificateUse.choices)
    pem = serializers.CharField(max_length=LONGEST_PEM, help_text="One certificate.")


class StationOrderSerializer(serializers.Serializer[Any]):
    charge_point = serializers.CharField(max_length=255, help_text="Its identity.")

    def validate_charge_point(self, value: str) -> ChargePoint:
        station = ChargePoint.objects.select_related("gateway").with_identity(value).first()
        if station is None:
            raise serializers.ValidationError(_("There is no such charger."), code="unknown")
        return station


class InstalledCertificateSerializer(RowSerializer):
    """A root that a station says it holds; `root` is ours of the library, if it is known there."""

    charge_point = serializers.CharField(source="charge_point.identity", read_only=True)

    class Meta:
        model = InstalledCertificate
        fields = (
            *("id", "charge_point", "use", "root", "hash_algorithm", "issuer_name_hash", "issuer_key_hash"),
            *("serial_number", "read_at"),
        )
        read_only_fields = fields


class SecurityUpgradeSerializer(RowSerializer):
    """`explanation` says in words why it waits or has ended; `steps` what happened at each step."""

    charge_point = serializers.CharField(source="charge_point.identity", read_only=True)
    is_open = serializers.BooleanField(read_only=True)
    explanation = serializers.SerializerMethodField()
    steps = serializers.SerializerMethodField()

    class Meta:
        model = SecurityUpgrade
        fields = (
            *("id", "charge_point", "profile", "profile_before", "root", "state", "is_open", "step", "problem"),
            *("explanation", "steps", "actor", "created_at", "step_at", "due_at", "ended_at"),
        )
        read_only_fields = fields

    def get_explanation(self, upgrade: SecurityUpgrade) -> str:
        return explanation(upgrade)

    @extend_schema_field(
        {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "step": {"type": "string"},
                    "word": {"type": "string"},
                    "at": {"type": "string", "format": "date-time"},
                },
            },
        }
    )
    def get_steps(self, upgrade: SecurityUpgrade) -> list[dict[str, str]]:
        return [{"step": step, "word": word, "at": at} for step, word, at in upgrade.steps]


class UpgradeRequestSerializer(StationOrderSerializer):
    profile = serializers.ChoiceField(choices=[profile for profile in SecurityProfile.choices if profile[0]])
    root = serializers.PrimaryKeyRelatedField(  # type: ignore[assignment]  # the name of the field, not of the parent
        queryset=RootCertificate.objects.filter(archived_at=None),
        required=False,
        allow_null=True,
        default=None,
        help_text="Installed first at a station that does not speak TLS yet; null: it trusts this server already.",
    )


class AuthoritySerializer(serializers.Serializer[Any]):
    """The CA; `certificate` is PEM, its own first. `problem` says why there is none that can be used."""

    problem = serializers.CharField()
    can_sign = serializers.BooleanField()
    certificate = serializers.CharField()
