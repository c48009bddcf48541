"""GetConfiguration.conf: what a station is set to (OCPP 1.6 §5.8)."""

from django.utils import timezone

from ocpp_gateway.v16.messages.get_configuration import GetConfigurationResponse
from stations import configuration
from stations.configuration import ReportedKey
from stations.models import Command


def settle(command: Command, response: GetConfigurationResponse) -> None:
    configuration.record_reading(
        command.charge_point,
        asked=command.payload.get("key") or (),
        known=[ReportedKey(entry.key, entry.readonly, entry.value) for entry in response.configuration_key or ()],
        unknown=response.unknown_key or (),
        at=timezone.now(),
    )
