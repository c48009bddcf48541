"""StartTransaction: always a real transaction, whatever the tag (OCPP 1.6 §4.8, errata 3.17)."""

from ocpp_gateway.calls import IncomingCall
from ocpp_gateway.v16.messages.start_transaction import StartTransactionRequest, StartTransactionResponse
from transactions.services import start_transaction

from .verdicts import id_tag_info


def handle(call: IncomingCall[StartTransactionRequest]) -> StartTransactionResponse:
    transaction, verdict = start_transaction(
        call.charge_point,
        connector_id=call.request.connector_id,
        id_tag=call.request.id_tag,
        tag_too_long=call.is_repaired("too_long", "idTag"),
        meter_start_wh=call.request.meter_start,
        timestamp=call.request.timestamp,
        reservation_id=call.request.reservation_id,
        received_at=call.received_at,
    )
    return StartTransactionResponse(transaction_id=transaction.pk, id_tag_info=id_tag_info(verdict))
