"""ClearChargingProfile: limits are taken away (OCPP 1.6 §5.5)."""

from typing import Literal

from ocpp_gateway.schema import Message, Open
from ocpp_gateway.v16.types import ChargingProfilePurpose, ConnectorId, Count, Integer

ClearChargingProfileStatus = Literal["Accepted", "Unknown"]


class ClearChargingProfileRequest(Message, frozen=True, kw_only=True):
    """ClearChargingProfile.req (OCPP 1.6 §6.13).

    With `id` that profile; else all that fit every member given, and without any member simply all.
    """

    id: Integer | None = None
    connector_id: ConnectorId | None = None
    charging_profile_purpose: ChargingProfilePurpose | None = None
    stack_level: Count | None = None


class ClearChargingProfileResponse(Message, frozen=True, kw_only=True):
    """ClearChargingProfile.conf (OCPP 1.6 §6.14); Unknown: nothing fitted."""

    status: Open[ClearChargingProfileStatus]
