"""What every order to a station may say beside itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework import serializers

from stations.commands import LONGEST_WAIT

from ..fields import Moment


class OrderSerializer(serializers.Serializer[Any]):
    """How long it may wait for its station, and the key by which its repetition is known."""

    valid_until = Moment(
        required=False,
        allow_null=True,
        default=None,
        help_text="An offline station gets the command if it returns by then; without it the command ends undelivered. "
        "At most 30 days ahead.",
    )
    idempotency_key = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=100,
        default="",
        help_text="The same key for the same station means the same order, for 24 hours at least.",
    )

    def validate_valid_until(self, value: datetime | None) -> datetime | None:
        if value is not None and value <= timezone.now():
            raise serializers.ValidationError(_("This time is past."), code="past")
        if value is not None and value > timezone.now() + LONGEST_WAIT:
            raise serializers.ValidationError(_("A command waits for 30 days at most."), code="too_late")
        return value
