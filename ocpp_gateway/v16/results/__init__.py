"""What the answers to our CALLs are for: results/<action>.settle, for those that change our data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stations.models import Command

from . import (
    cancel_reservation,
    change_configuration,
    get_configuration,
    get_local_list_version,
    reserve_now,
    send_local_list,
)

#: Called with every CALLRESULT that fits its schema, accepted or not, in the transaction that closes the command.
RESULTS: dict[str, Callable[[Command, Any], None]] = {
    "CancelReservation": cancel_reservation.settle,
    "ChangeConfiguration": change_configuration.settle,
    "GetConfiguration": get_configuration.settle,
    "GetLocalListVersion": get_local_list_version.settle,
    "ReserveNow": reserve_now.settle,
    "SendLocalList": send_local_list.settle,
}
