"""Answers on request: refusals, errors, delays and silence for tests and fault campaigns."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import CallFailed
from .rpc import Payload


@dataclass(frozen=True, kw_only=True)
class Override:
    """What the station answers to one action instead of its own mind; without `payload` it answers as usual.

    With `payload` or `silent` the command has no effect on the station. `delay_s` are real seconds.
    """

    payload: Payload | CallFailed | None = None
    silent: bool = False
    delay_s: float = 0.0
