"""A CALL on its way from the socket to its handler."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from stations.models import ChargePoint

from .schema import Message, Repaired

R = TypeVar("R", bound=Message)


@dataclass(frozen=True, slots=True)
class IncomingCall(Generic[R]):
    """What a handler gets: whose CALL, its typed request, what tolerance mended in it, and when it arrived.

    `charge_point` is the row as the socket knows it: identity and settings, not live state.
    """

    charge_point: ChargePoint
    request: R
    repairs: tuple[Repaired, ...]
    received_at: datetime

    def is_repaired(self, rule: str, field: str) -> bool:
        return any(repair.rule == rule and repair.field == field for repair in self.repairs)
