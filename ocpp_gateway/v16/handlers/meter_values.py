"""MeterValues: readings of a connector's or the station's meter (OCPP 1.6 §4.7)."""

from ocpp_gateway.calls import IncomingCall
from ocpp_gateway.v16.messages.meter_values import MeterValuesRequest, MeterValuesResponse
from transactions.services import record_meter_values

from .readings import readings_of


def handle(call: IncomingCall[MeterValuesRequest]) -> MeterValuesResponse:
    record_meter_values(
        call.charge_point,
        connector_id=call.request.connector_id,
        transaction_id=call.request.transaction_id,
        readings=readings_of(call.request.meter_value),
        received_at=call.received_at,
    )
    return MeterValuesResponse()
