"""StartTransaction: a charging session began (OCPP 1.6 §4.8)."""

from ocpp_gateway.schema import Message, in_utc
from ocpp_gateway.v16.types import (
    ConnectorId,
    IdTagInfo,
    IdToken,
    Integer,
    MeterRegister,
    TransactionId,
    TransactionTimestamp,
)


class StartTransactionRequest(Message, frozen=True, kw_only=True):
    """StartTransaction.req (OCPP 1.6 §6.45); `meter_start` in Wh, `timestamp` None if the station's cannot be used."""

    connector_id: ConnectorId
    id_tag: IdToken
    meter_start: MeterRegister
    timestamp: TransactionTimestamp
    reservation_id: Integer | None = None

    def __post_init__(self) -> None:
        in_utc(self, "timestamp")


class StartTransactionResponse(Message, frozen=True, kw_only=True):
    """StartTransaction.conf (OCPP 1.6 §6.46)."""

    id_tag_info: IdTagInfo
    transaction_id: TransactionId
