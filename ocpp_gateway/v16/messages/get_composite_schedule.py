"""GetCompositeSchedule: what all its profiles together come to (OCPP 1.6 §5.7)."""

from ocpp_gateway.schema import Message, Open, in_utc
from ocpp_gateway.v16.types import ChargingRateUnit, ChargingSchedule, ConnectorId, Count, GenericStatus, Timestamp


class GetCompositeScheduleRequest(Message, frozen=True, kw_only=True):
    """GetCompositeSchedule.req (OCPP 1.6 §6.21); `duration` in seconds, connector 0 is the station's grid draw."""

    connector_id: ConnectorId
    duration: Count
    charging_rate_unit: ChargingRateUnit | None = None


class GetCompositeScheduleResponse(Message, frozen=True, kw_only=True):
    """GetCompositeSchedule.conf (OCPP 1.6 §6.22); the rest may be absent, also of an accepted one (§8)."""

    status: Open[GenericStatus]
    connector_id: ConnectorId | None = None
    schedule_start: Timestamp | None = None
    charging_schedule: ChargingSchedule | None = None

    def __post_init__(self) -> None:
        in_utc(self, "schedule_start")
