"""RemoteStopTransaction: the station shall end a transaction (OCPP 1.6 §5.12)."""

from ocpp_gateway.schema import Message, Open
from ocpp_gateway.v16.types import GenericStatus, TransactionId


class RemoteStopTransactionRequest(Message, frozen=True, kw_only=True):
    """RemoteStopTransaction.req (OCPP 1.6 §6.35)."""

    transaction_id: TransactionId


class RemoteStopTransactionResponse(Message, frozen=True, kw_only=True):
    """RemoteStopTransaction.conf (OCPP 1.6 §6.36); Rejected: the station does not know the transaction."""

    status: Open[GenericStatus]
