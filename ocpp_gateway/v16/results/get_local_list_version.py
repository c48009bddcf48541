"""GetLocalListVersion: does the station hold what we think (OCPP 1.6 §5.10)?"""

from ocpp_gateway.v16.messages.get_local_list_version import GetLocalListVersionResponse
from stations.models import Command
from transactions.local_lists import version_answered


def settle(command: Command, response: GetLocalListVersionResponse) -> None:
    version_answered(command, response.list_version)
