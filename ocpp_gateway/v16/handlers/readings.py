"""Sampled values of the wire as the readings our services know."""

from collections.abc import Iterable

from ocpp_gateway.v16.types import MeterValue
from transactions.samples import Reading


def readings_of(meter_values: Iterable[MeterValue]) -> list[Reading]:
    return [Reading(meter_value.timestamp, meter_value.sampled_value) for meter_value in meter_values]
