"""CancelReservation: Accepted, or Rejected because the station knows no such reservation: gone either way (§5.1)."""

from ocpp_gateway.v16.messages.cancel_reservation import CancelReservationResponse
from stations.models import Command
from transactions.reservations import cancelled

_GONE = frozenset({"Accepted", "Rejected"})


def settle(command: Command, response: CancelReservationResponse) -> None:
    if response.status in _GONE:
        cancelled(command, command.payload["reservationId"])
