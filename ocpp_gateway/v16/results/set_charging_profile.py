"""SetChargingProfile.conf: does the station follow the profile (OCPP 1.6 §5.16)?"""

from django.utils import timezone

from charging_profiles.assignments import answered
from ocpp_gateway.v16.messages.set_charging_profile import SetChargingProfileResponse
from stations.models import Command


def settle(command: Command, response: SetChargingProfileResponse) -> None:
    answered(command, response.status, at=timezone.now())
