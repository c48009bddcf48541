"""RemoteStartTransaction.conf: a profile that came with it waits for its session (OCPP 1.6 §5.11)."""

from django.utils import timezone

from charging_profiles.assignments import came_with_start
from ocpp_gateway.v16.messages.remote_start_transaction import RemoteStartTransactionResponse
from stations.models import Command


def settle(command: Command, response: RemoteStartTransactionResponse) -> None:
    came_with_start(command, response.status, at=timezone.now())
