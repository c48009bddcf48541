"""SendLocalList: did the station take the list, or this part of it (OCPP 1.6 §5.15)?"""

from ocpp_gateway.v16.messages.send_local_list import SendLocalListResponse
from stations.models import Command
from transactions.local_lists import list_answered


def settle(command: Command, response: SendLocalListResponse) -> None:
    list_answered(command, response.status)
