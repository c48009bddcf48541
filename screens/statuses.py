"""How states look: a word, an icon and a colour, never a colour alone. The code is what `data-status` says."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from stations.models import ChargePointStatus, Connector

OFFLINE = "Offline"
UNKNOWN = "Unknown"
WAITING = "Pending"
REJECTED = "Rejected"

#: state → (word, icon of static/img/icons.svg)
STATUSES: dict[str, tuple[Any, str]] = {
    ChargePointStatus.AVAILABLE: (ChargePointStatus.AVAILABLE.label, "plug"),
    ChargePointStatus.PREPARING: (ChargePointStatus.PREPARING.label, "car"),
    ChargePointStatus.CHARGING: (ChargePointStatus.CHARGING.label, "bolt"),
    ChargePointStatus.SUSPENDED_EV: (ChargePointStatus.SUSPENDED_EV.label, "pause"),
    ChargePointStatus.SUSPENDED_EVSE: (ChargePointStatus.SUSPENDED_EVSE.label, "pause"),
    ChargePointStatus.FINISHING: (ChargePointStatus.FINISHING.label, "flag"),
    ChargePointStatus.RESERVED: (ChargePointStatus.RESERVED.label, "clock"),
    ChargePointStatus.UNAVAILABLE: (ChargePointStatus.UNAVAILABLE.label, "blocked"),
    ChargePointStatus.FAULTED: (ChargePointStatus.FAULTED.label, "warning"),
    OFFLINE: (_("Offline"), "offline"),
    UNKNOWN: (_("Unknown"), "question"),
    WAITING: (_("Waiting for approval"), "hourglass"),
    REJECTED: (_("Rejected"), "blocked"),
}


def shown_status(connector: Connector, *, is_online: bool) -> str:
    """What a connector's tile says: its last state counts only while the charger's line stands."""
    return (connector.status or UNKNOWN) if is_online else OFFLINE
