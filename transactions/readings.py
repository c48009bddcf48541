"""What a session's meter said: its readings for a chart, and the values that its charger signed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from .models import Flag, MeterValue, Transaction
from .samples import Sample

#: Rows that are read of one session.
MAX_READINGS = 50_000
MAX_SIGNED = 200


class Point(NamedTuple):
    """A reading of a session, or the mean of some neighbours: W, Wh since the start, A, A of L1 to L3, %."""

    at: datetime
    power_w: float | None
    energy_wh: float | None
    current_a: float | None
    current_l1_a: float | None
    current_l2_a: float | None
    current_l3_a: float | None
    soc_percent: float | None


_CHARTED = ("timestamp", *Point._fields[1:])


def points(transaction: Transaction, limit: int = 500) -> list[Point]:
    """The session's readings by time, at most `limit`: of many, neighbours are drawn together to their mean.

    Energy is what was delivered by then. A charger whose readings begin anew with each session (and whose meterStart
    does not) is understood, also where the meter's own register comes beside them. Without a power of its own, it is
    what the register says.
    """
    rows = MeterValue.objects.filter(transaction=transaction.pk).order_by("timestamp", "pk")
    readings = list(rows.values_list(*_CHARTED)[:MAX_READINGS])
    energy = _delivered(transaction, (row[2] for row in readings))
    known = [Point(at, *map(_float, (w, wh, *rest))) for (at, w, _wh, *rest), wh in zip(readings, energy, strict=True)]
    size = -(-len(known) // limit) or 1
    drawn = [_mean(known[at : at + size]) for at in range(0, len(known), size)]
    return drawn if any(point.power_w is not None for point in drawn) else _with_power(drawn)


def _delivered(transaction: Transaction, registers: Iterable[int | None]) -> Iterator[int | None]:
    """What each reading of the register means: of two registers (`energy.step_to`) the one that goes on from the last.

    After a real reset the register counts on from what was delivered before it.
    """
    start_wh, has_reset = transaction.meter_start_wh, Flag.METER_RESET in transaction.flags
    before_wh, last_wh, is_own = 0, 0, True
    for register_wh in registers:
        if register_wh is None:
            yield None
            continue
        own_wh = register_wh - start_wh
        own_step, step = abs(before_wh + own_wh - last_wh), abs(before_wh + register_wh - last_wh)
        # a session's register that passes a small meterStart has not become the other one
        is_own = own_wh >= 0 and (own_step <= step if is_own else own_step < step / 2)
        here_wh = own_wh if is_own else register_wh
        if has_reset and before_wh + here_wh < last_wh:
            before_wh = last_wh - here_wh
        last_wh = before_wh + here_wh
        yield last_wh


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def _mean(some: Sequence[Point]) -> Point:
    """Neighbours as one: at the last one's time, with its energy."""
    if len(some) == 1:
        return some[0]
    columns = zip(*(point[1:] for point in some), strict=True)
    means = [_average([value for value in column if value is not None]) for column in columns]
    energy_wh = next((point.energy_wh for point in reversed(some) if point.energy_wh is not None), None)
    return Point(some[-1].at, means[0], energy_wh, *means[2:])


def _average(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _with_power(drawn: list[Point]) -> list[Point]:
    """Power from one reading of the register to the next."""
    last: Point | None = None
    result = []
    for point in drawn:
        if point.energy_wh is not None:
            if last is not None and last.energy_wh is not None and point.at > last.at:
                hours = (point.at - last.at) / timedelta(hours=1)
                point = point._replace(power_w=max(0.0, (point.energy_wh - last.energy_wh) / hours))
            last = point
        result.append(point)
    return result


class SignedValue(NamedTuple):
    """A value with the charger's signature: where it is stored, and as it was sent."""

    meter_value_id: int
    position: int
    at: datetime
    context: str
    sample: Sample


def signed_values(transaction: Transaction) -> list[SignedValue]:
    """The first MAX_SIGNED values of format SignedData (§7.33)."""
    rows = MeterValue.objects.filter(transaction=transaction.pk, samples__isnull=False).order_by("timestamp", "pk")
    found: list[SignedValue] = []
    for row in rows.only("timestamp", "context", "samples", "transaction")[:MAX_READINGS]:
        for position, raw in enumerate(row.samples or ()):
            if is_signed(raw):
                found.append(SignedValue(row.pk, position, row.timestamp, row.context, Sample.from_raw(raw)))
        if len(found) >= MAX_SIGNED:
            break
    return found[:MAX_SIGNED]


def is_signed(raw: dict[str, str]) -> bool:
    return str(raw.get("format", "")).lower() == "signeddata"
