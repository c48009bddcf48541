"""GetCompositeSchedule.conf: the limits that a station plans with (OCPP 1.6 §5.7)."""

from __future__ import annotations

import msgspec
from django.utils import timezone

from charging_profiles import comparison
from ocpp_gateway import schema
from ocpp_gateway.v16.messages.get_composite_schedule import GetCompositeScheduleResponse
from stations.models import Command


def settle(command: Command, response: GetCompositeScheduleResponse) -> None:
    if response.status != "Accepted":
        return
    plan = response.charging_schedule
    comparison.record(
        command,
        connector_id=response.connector_id,
        starts_at=response.schedule_start,
        schedule=None if plan is None else msgspec.json.decode(schema.encode(plan)),
        at=timezone.now(),
    )
