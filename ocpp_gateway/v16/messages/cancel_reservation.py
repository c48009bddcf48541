"""CancelReservation: a reservation ends before its time (OCPP 1.6 §5.1)."""

from ocpp_gateway.schema import Message, Open
from ocpp_gateway.v16.types import GenericStatus, Integer


class CancelReservationRequest(Message, frozen=True, kw_only=True):
    """CancelReservation.req (OCPP 1.6 §6.5)."""

    reservation_id: Integer


class CancelReservationResponse(Message, frozen=True, kw_only=True):
    """CancelReservation.conf (OCPP 1.6 §6.6); Rejected: the station does not know the id."""

    status: Open[GenericStatus]
