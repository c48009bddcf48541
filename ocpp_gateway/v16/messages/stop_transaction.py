"""StopTransaction: a charging session ended (OCPP 1.6 §4.10)."""

from typing import Annotated, Literal

from ocpp_gateway.schema import Message, in_utc, tolerate
from ocpp_gateway.v16.types import (
    IdTagInfo,
    IdToken,
    MeterRegister,
    MeterValue,
    TransactionId,
    TransactionTimestamp,
)

Reason = Literal[
    "DeAuthorized",
    "EmergencyStop",
    "EVDisconnected",
    "HardReset",
    "Local",
    "Other",
    "PowerLoss",
    "Reboot",
    "Remote",
    "SoftReset",
    "UnlockCommand",
]


class StopTransactionRequest(Message, frozen=True, kw_only=True):
    """StopTransaction.req (OCPP 1.6 §6.49).

    `meter_stop` in Wh; it and `timestamp` are None if the station's cannot be used. No `reason` means Local, a reason
    that OCPP does not know is Other.
    """

    meter_stop: Annotated[MeterRegister | None, tolerate(missing="missing_meter_stop")]
    timestamp: TransactionTimestamp
    transaction_id: TransactionId
    id_tag: IdToken | None = None
    reason: Annotated[Reason, tolerate(unknown="Other")] | None = None
    transaction_data: tuple[MeterValue, ...] | None = None

    def __post_init__(self) -> None:
        in_utc(self, "timestamp")


class StopTransactionResponse(Message, frozen=True, kw_only=True):
    """StopTransaction.conf (OCPP 1.6 §6.50); `id_tag_info` only if the request had an idTag."""

    id_tag_info: IdTagInfo | None = None
