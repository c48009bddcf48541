"""ChangeConfiguration.conf: whether a station took a value (OCPP 1.6 §5.3)."""

from django.utils import timezone

from ocpp_gateway.v16.messages.change_configuration import ChangeConfigurationResponse
from stations import configuration
from stations.models import Command


def settle(command: Command, response: ChangeConfigurationResponse) -> None:
    configuration.record_change(command, status=response.status, at=timezone.now())
