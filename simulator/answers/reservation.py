"""Reservation (OCPP 1.6 §5.1, §5.13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..pace import moment
from ..reservations import Reservation
from ..rpc import Payload
from .answer import Answer, status

if TYPE_CHECKING:
    from ..charge_point import SimulatedChargePoint


def reserve_now(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """ReserveNow (§5.13): a known id is replaced."""
    wished = Reservation(
        reservation_id=payload["reservationId"],
        connector_id=payload["connectorId"],
        id_tag=str(payload["idTag"]),
        parent_id_tag=payload.get("parentIdTag"),
        expires_at=moment(payload["expiryDate"]),
    )
    verdict = station.reservations.verdict(wished)
    if verdict != "Accepted":
        return status(verdict)
    return status("Accepted", station.reservations.hold(wished))


def cancel_reservation(station: SimulatedChargePoint, payload: Payload) -> Answer:
    """CancelReservation (§5.1)."""
    reservation = station.reservations.take(payload["reservationId"])
    if reservation is None:
        return status("Rejected")
    return status("Accepted", lambda: station.reservations.show_free(reservation.connector_id))
