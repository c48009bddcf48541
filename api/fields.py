"""How values look in JSON: moments in UTC with Z, energy as integer Wh and as kWh in a string, seconds as numbers."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers


class Moment(serializers.DateTimeField):
    """Written in UTC with Z, whatever TIME_ZONE is; read with any offset, but never without one."""

    default_error_messages = {"zone": _("Name the time zone, for instance 2026-11-21T13:02:11Z.")}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, default_timezone=UTC)

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            self.fail("zone")
        return super().enforce_timezone(value)


class Seconds(serializers.FloatField):
    """A duration of somebody's choice; NaN passes every comparison and is refused here."""

    def to_internal_value(self, data: Any) -> float:
        value = super().to_internal_value(data)
        if not math.isfinite(value):
            self.fail("invalid")
        return value


class KilowattHours(serializers.DecimalField):
    """An integer column of Wh as kWh."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, max_digits=20, decimal_places=3, read_only=True)

    def to_representation(self, value: Any) -> Any:
        return super().to_representation(Decimal(value).scaleb(-3))


class RowSerializer(serializers.ModelSerializer[Any]):
    """A row with our moments."""

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.DateTimeField: Moment,
    }
