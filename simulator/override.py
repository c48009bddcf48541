"""Answers on request: refusals, errors, delays and silence for tests and fault campaigns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

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

    @classmethod
    def read(cls, wish: str) -> Override:
        """`Rejected` (a status), `{"status":"Rejected"}` (a payload), `error:InternalError`, or `silence`.

        Raises ValueError for an unreadable payload.
        """
        if wish == "silence":
            return cls(silent=True)
        if wish.startswith("error:"):
            return cls(payload=CallFailed(wish.removeprefix("error:"), "as requested"))
        if wish.startswith("{"):
            return cls(payload=msgspec.json.decode(wish, type=dict))
        return cls(payload={"status": wish})

    def after(self, delay_s: float) -> Override:
        """The same, later."""
        return replace(self, delay_s=delay_s)
