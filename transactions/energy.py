"""How much was delivered: from registers to watt hours (OCPP 1.6 §4.7, §4.10)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from stations.write_batch import WriteBatch

from . import monthly_sums
from .clock import local_day
from .models import DailyEnergy, EndedBy, Flag, Transaction

#: More than any charger delivers. A larger step is another register, not energy.
LARGEST_POWER_W = 4_000_000
#: What may be counted however little time has passed: clocks have whole seconds, and some stations set them on the way.
LARGEST_STEP_WH = 50_000
#: A terawatt hour: hostile registers must not break the sums of honest days.
LARGEST_ENERGY_WH = 10**12


class Step(NamedTuple):
    """What a reading of a running transaction's register means."""

    counted_wh: int
    moves_register: bool
    is_reset: bool = False


STAY = Step(0, moves_register=False)
REBASE = Step(0, moves_register=True)


def step_to(transaction: Transaction, register_wh: int, at: datetime, *, is_named: bool) -> Step:
    """Judge a reading; `is_named` if the station said that it belongs to this transaction.

    Some stations have two registers: one of the session, from 0, in readings that name the transaction, and the
    meter's own in meterStart and in those that do not (ABB, Vestel, Wallbox: lbbrhzn/ocpp#919, #1925). Going from one
    to the other is neither energy nor a reset. A real reset costs the energy of the drop and is flagged.
    """
    delta = register_wh - transaction.register_wh
    if at < transaction.register_at or (at == transaction.register_at and delta <= 0):
        return STAY
    if not is_named and transaction.register_wh < transaction.meter_start_wh <= register_wh:
        return STAY  # back from the session's register to the meter's own, however long that took
    if 0 <= delta <= LARGEST_STEP_WH or 0 <= delta <= _largest_step(at - transaction.register_at):
        return Step(delta, moves_register=True)
    if not is_named:
        return STAY
    is_first = transaction.energy_wh == 0 and transaction.register_wh == transaction.meter_start_wh
    return Step(0, moves_register=True, is_reset=True) if delta < 0 and not is_first else REBASE


def _largest_step(elapsed: timedelta) -> int:
    return int(elapsed / timedelta(hours=1) * LARGEST_POWER_W)


def follow(batch: WriteBatch, transaction: Transaction, register_wh: int, at: datetime, *, is_named: bool) -> None:
    """Let a running transaction follow its meter. Old readings come again and late: they change nothing."""
    step = step_to(transaction, register_wh, at, is_named=is_named)
    if not step.moves_register:
        return
    transaction.register_wh, transaction.register_at = register_wh, at
    # energy too, changed or not: one UPDATE for the whole batch instead of one for each combination of columns
    batch.change(transaction, "register_wh", "register_at", "energy_wh")
    if step.is_reset:
        transaction.flag(Flag.METER_RESET)
        batch.change(transaction, "flags")
    count(batch, transaction, step.counted_wh, at)


def count(batch: WriteBatch, transaction: Transaction, energy_wh: int, at: datetime) -> None:
    """Add to a transaction's energy and to its day's; a correction may be negative."""
    if energy_wh:
        transaction.energy_wh += energy_wh
        batch.change(transaction, "energy_wh")
        key = {"connector_id": transaction.connector_id, "day": local_day(at)}
        batch.increment(DailyEnergy, key, {"energy_wh": energy_wh})
    monthly_sums.changed(batch, transaction, at)


def delivered_wh(transaction: Transaction, meter_stop_wh: int | None, readings_wh: int | None = None) -> int:
    """Energy by the last register: meterStop - meterStart; if that is nothing to go by, what the readings say.

    `readings_wh` is what they said where a person has already replaced it in the transaction.
    """
    readings_wh = transaction.energy_wh if readings_wh is None else readings_wh
    if meter_stop_wh is None:
        return readings_wh
    if meter_stop_wh >= transaction.meter_start_wh:
        # also after a fall of the register, which is flagged: a clock that jumps makes readings seem to fall, and what
        # the station swears to must not grow by that
        return min(meter_stop_wh - transaction.meter_start_wh, LARGEST_ENERGY_WH)
    # after a reset the last reading and the stop are still of one register
    last = min(max(0, meter_stop_wh - transaction.register_wh), LARGEST_ENERGY_WH)
    return readings_wh + last


def read_wh(transaction: Transaction) -> int | None:
    """What the readings said before a person gave the session its end; None if nobody did."""
    return transaction.corrections.values_list("energy_wh_before", flat=True).first()


def up_to_last_reading_wh(transaction: Transaction) -> int:
    """What the readings say, whatever end was made of it; the whole where the next start has cut it short."""
    first = transaction.corrections.first()
    if first is None:
        ended_by, stop_wh, readings_wh = transaction.ended_by, transaction.meter_stop_wh, transaction.energy_wh
    else:
        ended_by, stop_wh, readings_wh = first.ended_by_before, first.meter_stop_wh_before, first.energy_wh_before
    if ended_by != EndedBy.SUPERSEDED or stop_wh is None or stop_wh >= transaction.register_wh:
        return readings_wh
    register_wh = transaction.register_wh - transaction.meter_start_wh
    is_energy = register_wh <= max(LARGEST_STEP_WH, _largest_step(transaction.register_at - transaction.started_at))
    return register_wh if is_energy else readings_wh


def take_back_end(batch: WriteBatch, transaction: Transaction) -> None:
    """Take what a person's end has added to the readings from its day again, before another end replaces it."""
    readings_wh = read_wh(transaction) if transaction.ended_by == EndedBy.OPERATOR else None
    if readings_wh is not None and transaction.stopped_at is not None:
        count(batch, transaction, readings_wh - transaction.energy_wh, transaction.stopped_at)


def reopen(batch: WriteBatch, transaction: Transaction) -> None:
    """Let a session that the next start has ended go on as its readings left it: its own stop has come after all."""
    readings_wh = up_to_last_reading_wh(transaction)
    count(batch, transaction, readings_wh - transaction.energy_wh, transaction.register_at)
    transaction.ended_by, transaction.stopped_at, transaction.meter_stop_wh = EndedBy.OPEN, None, None


def superseded_end(transaction: Transaction, next_meter_start_wh: int) -> tuple[int, int]:
    """meterStop and energy of a transaction whose stop never came: no more than what is certain."""
    known = [wh for wh in (next_meter_start_wh, transaction.register_wh) if wh >= transaction.meter_start_wh]
    if next_meter_start_wh == transaction.meter_start_wh:
        # both begin alike, at 0 mostly: a register of each session, which says nothing about the end of the last
        known.remove(next_meter_start_wh)
    if not known or Flag.METER_RESET in transaction.flags:
        return max(transaction.register_wh, transaction.meter_start_wh), transaction.energy_wh
    # where there are two registers, a difference may be one between them
    return min(known), min(min(known) - transaction.meter_start_wh, transaction.energy_wh)
