"""RemoteStartTransaction: the station shall start charging for a tag (OCPP 1.6 §5.11)."""

from ocpp_gateway.schema import Message, Open
from ocpp_gateway.v16.types import ChargingProfile, GenericStatus, IdToken, PlugId


class RemoteStartTransactionRequest(Message, frozen=True, kw_only=True):
    """RemoteStartTransaction.req (OCPP 1.6 §6.33).

    A profile is a TxProfile without a transactionId. Without `connector_id` the station chooses, or rejects.
    """

    id_tag: IdToken
    connector_id: PlugId | None = None
    charging_profile: ChargingProfile | None = None


class RemoteStartTransactionResponse(Message, frozen=True, kw_only=True):
    """RemoteStartTransaction.conf (OCPP 1.6 §6.34); Accepted: it will try."""

    status: Open[GenericStatus]
