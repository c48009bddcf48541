"""Commands as JSON, and what it takes to raise one."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from ocpp_gateway.v16.outgoing import OUTGOING
from stations.masking import masked
from stations.models import Command

from ..fields import RowSerializer, Seconds
from .orders import OrderSerializer

#: Proxies give up after a minute or two; a client that wants to wait longer asks for the row again.
MAX_WAIT_S = 120
_OBJECT = {"type": "object", "additionalProperties": True}


@extend_schema_field(_OBJECT)
class ObjectField(serializers.DictField):
    """A JSON object of any members."""


@extend_schema_field({**_OBJECT, "nullable": True})
class AnswerField(serializers.JSONField):
    """What the station said; null while or where it said nothing."""


class CommandSerializer(RowSerializer):
    """One CALL of ours and what became of it; `payload`, `answer` and `effect` are in OCPP's own spelling."""

    charge_point = serializers.CharField(source="charge_point.identity", read_only=True)
    payload = serializers.SerializerMethodField()
    answer = AnswerField(read_only=True)
    late_answer = AnswerField(read_only=True)
    effect = ObjectField(read_only=True)
    is_final = serializers.BooleanField(read_only=True)
    created_by = serializers.CharField(source="created_by.username", default=None, allow_null=True, read_only=True)

    class Meta:
        model = Command
        fields = (
            *("id", "charge_point", "action", "payload", "status", "is_final"),
            *("answer", "error_code", "error_description", "timeout_s", "late_answer", "late_at"),
            *("effect_status", "effect_due_at", "effect_at", "effect"),
            *("source", "actor", "created_by", "remote_address", "idempotency_key", "batch"),
            *("created_at", "not_before", "valid_until", "sent_at", "closed_at"),
        )
        read_only_fields = fields

    @extend_schema_field(_OBJECT)
    def get_payload(self, command: Command) -> Any:
        return masked(command.payload)  # one that still waits holds its secrets


class CommandRequestSerializer(OrderSerializer):
    """`payload` is what OCPP 1.6 says for the action; it is checked against its schema and sent as it is."""

    action = serializers.ChoiceField(choices=sorted(OUTGOING))
    payload = ObjectField(required=False, default=dict)
    wait_s = Seconds(
        required=False,
        min_value=0,
        max_value=MAX_WAIT_S,
        help_text="Answer when the command is final (200), at the latest after so many seconds (202).",
    )
