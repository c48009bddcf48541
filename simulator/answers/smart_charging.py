"""SmartCharging (OCPP 1.6 §5.5, §5.7, §5.16)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..rpc import Payload
from .answer import Answer, status

if TYPE_CHECKING:
    from ..charge_point import SimulatedChargePoint


def set_charging_profile(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """SetChargingProfile (§5.16); power and status follow at once."""
    connector_id, profile = payload["connectorId"], payload["csChargingProfiles"]
    if not station.smart_charging.accepts(connector_id, profile):
        return status("Rejected")
    station.smart_charging.install(connector_id, profile)
    return status("Accepted", station.charging.follow_limits)


def clear_charging_profile(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """ClearChargingProfile (§5.5)."""
    if not station.smart_charging.clear(payload):
        return status("Unknown")
    return status("Accepted", station.charging.follow_limits)


def get_composite_schedule(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """GetCompositeSchedule (§5.7); startSchedule inside is omitted."""
    connector_id, duration_s = payload["connectorId"], payload["duration"]
    if connector_id not in station.connectors:
        return status("Rejected")
    unit = payload.get("chargingRateUnit", "A")
    begin = station.pace.now()
    return Answer(
        {
            "status": "Accepted",
            "connectorId": connector_id,
            "scheduleStart": station.pace.timestamp(),
            "chargingSchedule": {
                "duration": duration_s,
                "chargingRateUnit": unit,
                "chargingSchedulePeriod": station.smart_charging.composite(connector_id, begin, duration_s, unit),
            },
        }
    )
