"""Two places that take a station's line from each other: an impostor with its password, or two chargers with one id.

The newest line wins, whoever it is; what can be done is to tell people. Swaps are rows, for the two places may come to
two different processes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from . import services
from .models import ChargePoint, LineSwap, SecurityEvent
from .models.security_event import LINE_CONTESTED

WINDOW = timedelta(minutes=1)
#: So many within the window are an alarm, if one of the places came back.
SWAPS = 4
#: While it goes on, it is said again after this time.
TOLD_FOR = timedelta(minutes=15)
FORGET_AFTER = timedelta(hours=1)


def note_swap(charge_point: ChargePoint, *, old_address: str, new_address: str, at: datetime) -> None:
    """The station came from `new_address` while its line from `old_address` was open."""
    LineSwap.objects.create(charge_point=charge_point, at=at, old_address=old_address, new_address=new_address)
    recent = list(LineSwap.objects.filter(charge_point=charge_point, at__gt=at - WINDOW))
    if len(recent) < SWAPS or not _came_back(recent):
        return
    told = SecurityEvent.objects.filter(charge_point=charge_point, type=LINE_CONTESTED, received_at__gt=at - TOLD_FOR)
    if not told.exists():
        addresses = dict.fromkeys(address for swap in recent for address in (swap.old_address, swap.new_address))
        services.record_security_event(
            charge_point,
            type=LINE_CONTESTED,
            tech_info=f"its line changed hands {len(recent)} times within a minute: {', '.join(addresses)}",
            occurred_at=at,
            received_at=at,
        )


def prune(now: datetime) -> int:
    return LineSwap.objects.filter(at__lt=now - FORGET_AFTER).delete()[0]


def _came_back(swaps: Iterable[LineSwap]) -> bool:
    """Whether one of the addresses was left before: a charger whose network gives it ever new ones fights nobody."""
    left: set[str] = set()
    for swap in swaps:
        if swap.new_address in left:
            return True
        left.add(swap.old_address)
    return False
