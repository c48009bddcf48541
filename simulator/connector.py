"""One outlet and the transaction that may run on it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from .meter import Meter


@dataclass(eq=False, kw_only=True)
class Transaction:
    """What the station knows of a charging session.

    `transaction_id` stays None until the answer to StartTransaction came, `verdict` likewise; both stay None for ever
    when the start was given up. `meter_stop_wh` and `reason` are set when it ended.
    """

    connector_id: int
    id_tag: str
    meter_start_wh: int
    started_at: str
    transaction_id: int | None = None
    verdict: str | None = None
    meter_stop_wh: int | None = None
    reason: str | None = None
    #: values of Transaction.Begin, kept for the transactionData of the stop
    begin_values: list[dict[str, Any]] = field(default_factory=list)
    #: the start was acknowledged or given up
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    #: the stop was acknowledged or given up
    settled: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def wire_id(self) -> int:
        """-1 as long as no id was received (errata 1.6 §3.18)."""
        return -1 if self.transaction_id is None else self.transaction_id

    @property
    def energy_wh(self) -> int:
        return 0 if self.meter_stop_wh is None else self.meter_stop_wh - self.meter_start_wh


@dataclass(eq=False)
class Connector:
    """Status (§7.7) as it is now and as it was last reported; `connector_id` 0 is the station as a whole."""

    connector_id: int
    meter: Meter
    status: str = "Available"
    error_code: str = "NoError"
    reported: tuple[str, str] | None = None
    operative: bool = True
    transaction: Transaction | None = None
    #: set while a transaction runs; a driver who waits for the next car sees a remote start by it
    in_use: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_free(self) -> bool:
        """Ready for a start: nobody charges, nothing is broken or switched off."""
        return self.transaction is None and self.status in {"Available", "Preparing", "Finishing"} and self.operative

    @property
    def resting_status(self) -> str:
        """The status of this connector with no car at it."""
        return "Available" if self.operative else "Unavailable"
