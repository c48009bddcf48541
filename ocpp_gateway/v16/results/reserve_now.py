"""ReserveNow: does the station keep the connector (OCPP 1.6 §5.13)?"""

import msgspec

from ocpp_gateway import schema
from ocpp_gateway.v16.messages.reserve_now import ReserveNowRequest, ReserveNowResponse
from stations.models import Command
from transactions.reservations import answered


def settle(command: Command, response: ReserveNowResponse) -> None:
    asked, _repairs = schema.decode(ReserveNowRequest, msgspec.json.encode(command.payload))
    answered(
        command,
        response.status,
        connector_id=asked.connector_id,
        id_tag=asked.id_tag,
        parent_id_tag=asked.parent_id_tag or "",
        expires_at=asked.expiry_date,
        reservation_id=asked.reservation_id,
    )
