"""SetChargingProfile: a limit for a connector or the station (OCPP 1.6 §5.16)."""

from typing import Literal

from ocpp_gateway.schema import Message, Open
from ocpp_gateway.v16.types import ChargingProfile, ConnectorId

ChargingProfileStatus = Literal["Accepted", "Rejected", "NotSupported"]


class SetChargingProfileRequest(Message, frozen=True, kw_only=True):
    """SetChargingProfile.req (OCPP 1.6 §6.43): one profile, despite the name."""

    connector_id: ConnectorId
    cs_charging_profiles: ChargingProfile


class SetChargingProfileResponse(Message, frozen=True, kw_only=True):
    """SetChargingProfile.conf (OCPP 1.6 §6.44)."""

    status: Open[ChargingProfileStatus]
