"""Local lists as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from transactions.models import LocalList

from ..fields import RowSerializer


class LocalListSerializer(RowSerializer):
    """`version` is what the station last acknowledged or reported; `explanation` says in words why it is so."""

    charge_point = serializers.CharField(source="charge_point.identity", read_only=True)
    explanation = serializers.CharField(read_only=True)
    command = serializers.UUIDField(source="command_id", read_only=True, allow_null=True)

    class Meta:
        model = LocalList
        fields = (
            *("charge_point", "state", "state_at", "reason", "explanation", "version", "last_version"),
            *("tag_count", "left_out", "published_at", "asked_at", "command"),
        )
        read_only_fields = fields


class PublishSerializer(serializers.Serializer[Any]):
    full = serializers.BooleanField(default=False, help_text="Send the whole list even if only little has changed.")
