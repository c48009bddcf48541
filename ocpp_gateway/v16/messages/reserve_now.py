"""ReserveNow: a connector is kept free for a tag (OCPP 1.6 §5.13)."""

from typing import Literal

from ocpp_gateway.schema import Message, Open, in_utc
from ocpp_gateway.v16.types import ConnectorId, IdToken, Integer, Timestamp

ReservationStatus = Literal["Accepted", "Faulted", "Occupied", "Rejected", "Unavailable"]


class ReserveNowRequest(Message, frozen=True, kw_only=True):
    """ReserveNow.req (OCPP 1.6 §6.37): connector 0 is any one of them, a known `reservation_id` is replaced."""

    connector_id: ConnectorId
    expiry_date: Timestamp
    id_tag: IdToken
    reservation_id: Integer
    parent_id_tag: IdToken | None = None

    def __post_init__(self) -> None:
        in_utc(self, "expiry_date")


class ReserveNowResponse(Message, frozen=True, kw_only=True):
    """ReserveNow.conf (OCPP 1.6 §6.38)."""

    status: Open[ReservationStatus]
