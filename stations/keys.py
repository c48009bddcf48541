"""Rows by a long list of keys: one parameter, however many there are."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.db import connection
from django.db.models.expressions import RawSQL


def among(keys: Iterable[int]) -> RawSQL:
    """For `filter(pk__in=among(keys))`: Django and the driver look at each key of a list several times, here once."""
    values = list(keys)
    if connection.vendor == "postgresql":
        return RawSQL("SELECT unnest(%s::bigint[])", [values])
    parameters: list[Any] = [json.dumps(values)]
    return RawSQL("SELECT value FROM json_each(%s)", parameters)
