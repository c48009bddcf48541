"""StopTransaction: never refused; idTagInfo only where the station sent an idTag (OCPP 1.6 §4.10)."""

from ocpp_gateway.calls import IncomingCall
from ocpp_gateway.v16.messages.stop_transaction import StopTransactionRequest, StopTransactionResponse
from transactions.services import stop_transaction

from .readings import readings_of
from .verdicts import id_tag_info


def handle(call: IncomingCall[StopTransactionRequest]) -> StopTransactionResponse:
    _transaction, verdict = stop_transaction(
        call.charge_point,
        transaction_id=call.request.transaction_id,
        meter_stop_wh=call.request.meter_stop,
        timestamp=call.request.timestamp,
        id_tag=call.request.id_tag,
        tag_too_long=call.is_repaired("too_long", "idTag"),
        reason=call.request.reason,
        readings=readings_of(call.request.transaction_data or ()),
        received_at=call.received_at,
    )
    return StopTransactionResponse(id_tag_info=None if verdict is None else id_tag_info(verdict))
