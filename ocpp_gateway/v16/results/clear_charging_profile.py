"""ClearChargingProfile.conf: which profiles are gone (OCPP 1.6 §5.5)."""

from django.utils import timezone

from charging_profiles.clearing import cleared
from ocpp_gateway.v16.messages.clear_charging_profile import ClearChargingProfileResponse
from stations.models import Command


def settle(command: Command, response: ClearChargingProfileResponse) -> None:
    cleared(command, response.status, at=timezone.now())
