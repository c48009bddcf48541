"""Sampled values, and how they fill the columns of a MeterValue row. Plain arithmetic, no queries.

A column is filled when it can say what the sample says. Where it says less (a rounded fraction, another location than
the outlet, a decimal comma) the sample is kept beside it as it was sent; where no column fits, it is only kept.
Nothing is lost (OCPP 1.6 §7.33, §7.43).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from .models import MeterValue


class Sampled(Protocol):
    """One sampledValue as it was sent, whoever holds it; None where a field was absent (§7.43)."""

    @property
    def value(self) -> str: ...
    @property
    def context(self) -> str | None: ...
    @property
    def format(self) -> str | None: ...
    @property
    def measurand(self) -> str | None: ...
    @property
    def phase(self) -> str | None: ...
    @property
    def location(self) -> str | None: ...
    @property
    def unit(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Sample:
    """A sampledValue that is kept as it was sent."""

    value: str
    context: str | None = None
    format: str | None = None
    measurand: str | None = None
    phase: str | None = None
    location: str | None = None
    unit: str | None = None

    def raw(self) -> dict[str, str]:
        """What was sent and nothing added: the form kept in `MeterValue.samples`."""
        return {name: text for name in _FIELDS if (text := getattr(self, name)) is not None}

    @classmethod
    def of(cls, sampled: Sampled) -> Sample:
        return sampled if isinstance(sampled, cls) else cls(*(getattr(sampled, name) for name in _FIELDS))

    @classmethod
    def from_raw(cls, raw: dict[str, str]) -> Sample:
        return cls(raw["value"], *(raw.get(name) for name in _FIELDS[1:]))


class Reading(NamedTuple):
    """One meterValue: the samples of one moment (§7.33). None is a timestamp that was not sent or is not readable."""

    timestamp: datetime | None
    samples: Sequence[Sampled] = ()


class _Column(NamedTuple):
    """A column, what its unit makes of a value, and the largest value it holds. None places: whole numbers."""

    name: str
    factor: int
    limit: int
    places: Decimal | None


class _Meaning(NamedTuple):
    """What a sample says besides its value: the row it belongs to (None for a context OCPP does not know), the column
    that takes it (None if there is none), and whether it was taken elsewhere than at the outlet."""

    context: str | None
    column: _Column | None
    is_foreign: bool


class _Filling(NamedTuple):
    """What a column says, the sample it comes from, and whether the sample was taken elsewhere than at the outlet."""

    value: int | Decimal
    sample: Sampled
    is_foreign: bool


class Row:
    """The samples of one reading that share a context: column values, and the samples kept as they were sent."""

    __slots__ = ("context", "fillings", "kept")

    def __init__(self, context: str) -> None:
        self.context = context
        self.fillings: dict[str, _Filling] = {}
        # a dict for its order: a reading may hold thousands of samples, and every one is looked up
        self.kept: dict[Sample, None] = {}

    @property
    def energy_wh(self) -> int | None:
        """The energy register (Energy.Active.Import.Register), if the reading has one."""
        filling = self.fillings.get("energy_wh")
        return None if filling is None else int(filling.value)

    def put(self, sample: Sampled, meaning: _Meaning) -> None:
        """Take one sample in. The first one in a column stays, unless the second is the outlet's and it is not."""
        _, column, is_foreign = meaning
        number = None if column is None else _number(sample.value, column)
        if column is None or number is None:
            self.keep(sample)
            return
        value, is_exact = number
        self._fill(column.name, _Filling(value, sample, is_foreign))
        if not is_exact or is_foreign:
            self.keep(sample)

    def keep(self, sample: Sampled) -> None:
        """Keep a sample as it was sent."""
        self.kept[Sample.of(sample)] = None

    def absorb(self, other: Row) -> None:
        """Take in what another message said of the same moment and context."""
        for name, filling in other.fillings.items():
            self._fill(name, filling)
        self.kept.update(other.kept)

    def _fill(self, name: str, filling: _Filling) -> None:
        known = self.fillings.get(name)
        if known is None or (known.is_foreign and not filling.is_foreign):
            self.fillings[name] = filling
        elif known.value != filling.value:
            self.keep(filling.sample)


def rows_of(samples: Iterable[Sampled]) -> list[Row]:
    """One row per context, in the order of their first samples. A context that OCPP does not know is Other."""
    rows: dict[str, Row] = {}
    for sample in samples:
        meaning = _meaning_of(sample)
        name = meaning.context or "Other"
        row = rows.get(name)
        if row is None:
            row = rows[name] = Row(name)
        row.put(sample, meaning)
        if meaning.context is None:
            row.keep(sample)
    return list(rows.values())


def merge(row: MeterValue, other: Row) -> set[str]:
    """Take further samples of the same key into a stored row; returns the names of the fields that changed.

    What the row says already is not said twice, so a repeated message changes nothing (§3.16, errata 3.14).
    """
    changed: set[str] = set()
    kept = dict.fromkeys(Sample.from_raw(raw) for raw in row.samples or ())
    before = len(kept)
    for name, filling in other.fillings.items():
        known = getattr(row, name)
        if known is None or (known != filling.value and not filling.is_foreign and _is_foreign(name, known, kept)):
            setattr(row, name, filling.value)
            changed.add(name)
        elif known != filling.value:
            kept[Sample.of(filling.sample)] = None
    kept.update(other.kept)
    if len(kept) > before:
        row.samples = [sample.raw() for sample in kept]
        changed.add("samples")
    return changed


def samples_of(row: MeterValue) -> list[Sample]:
    """What the station sent, read back from a stored row: columns in their base units, then what was kept as it was.

    Of a column nobody knows any more what was left to its default: it says the default (§7.43), for the state of charge
    no location.
    """
    kept = [Sample.from_raw(raw) for raw in row.samples or ()]
    said = {filling for sample in kept if (filling := _filling_of(sample)) is not None}
    of_columns = [
        Sample(_plain(value), row.context, "Raw", measurand, phase, None if measurand == "SoC" else "Outlet", unit)
        for name, (measurand, phase, unit) in _SAID_BY.items()
        if (value := getattr(row, name)) is not None and (name, value) not in said
    ]
    return of_columns + kept


def _filling_of(sample: Sample) -> tuple[str, int | Decimal] | None:
    """The column that a sample fills, and with what."""
    column = _meaning_of(sample).column
    number = None if column is None else _number(sample.value, column)
    return None if column is None or number is None else (column.name, number[0])


def _plain(value: int | Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _is_foreign(name: str, value: int | Decimal, kept: Iterable[Sample]) -> bool:
    """Whether a stored column was filled from another location than the outlet: then that sample was kept beside it."""
    again = Row("")
    for sample in kept:
        again.put(sample, _meaning_of(sample))
    filling = again.fillings.get(name)
    return filling is not None and filling.is_foreign and filling.value == value


def _meaning_of(sample: Sampled) -> _Meaning:
    return _meaning(sample.context, sample.format, sample.measurand, sample.phase, sample.location, sample.unit)


@lru_cache(maxsize=4096)  # a station says the same of its values again and again
def _meaning(
    context: str | None, form: str | None, measurand: str | None, phase: str | None, location: str | None,
    unit: str | None,
) -> _Meaning:  # fmt: skip
    name = "Sample.Periodic" if context is None else _CONTEXTS.get(context) or _CONTEXTS.get(context.lower())
    column = _COLUMNS.get((measurand, phase, unit))
    if column is None:
        column = _COLUMNS_IN_LOWER_CASE.get((_lower(measurand), _lower(phase), _lower(unit)))
    if form is not None and form != "Raw":
        column = None  # SignedData is opaque (§4.7)
    is_elsewhere = location is not None and location != "Outlet"
    return _Meaning(name, column, is_elsewhere and column is not None and column.name != "soc_percent")


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _number(text: str, column: _Column) -> tuple[int | Decimal, bool] | None:
    """The value in the column's unit, and whether it is the whole truth. None for what is no number or too large."""
    if column.places is None and column.factor == 1 and len(text) < 18 and text.isdecimal():
        return int(text), True  # nearly every register
    # hostile texts of any length must not stay in memory
    rounded = _remembered if len(text) < 28 else _rounded
    return rounded(text, column.factor, column.limit, column.places)


def _rounded(text: str, factor: int, limit: int, places: Decimal | None) -> tuple[int | Decimal, bool] | None:
    number = _decimal(text)
    # the exponent first: 1E+999999999 is a number, but not one to calculate with
    if number is None or not number.is_finite() or number.adjusted() > 18:
        return None
    if factor != 1:
        number *= factor
    # 28 digits are what Decimal calculates with: of more, it may have rounded some away
    is_plain = len(text) < 28 and "," not in text
    if places is None:
        value: int | Decimal = int(number.to_integral_value(ROUND_HALF_UP))
    else:
        value = number.quantize(places, ROUND_HALF_UP)
    return (value, is_plain and value == number) if -limit < value < limit else None


#: Currents and voltages are the same few texts again and again, at every station.
_remembered = lru_cache(maxsize=4096)(_rounded)


def _decimal(text: str) -> Decimal | None:
    """A decimal number, also with a decimal comma (many German stations); Python's own 1_000 is none."""
    try:
        return Decimal(text) if "_" not in text else None
    except InvalidOperation:
        pass
    try:
        return Decimal(text.replace(",", ".", 1)) if "_" not in text else None
    except InvalidOperation:
        return None


_FIELDS = ("value", "context", "format", "measurand", "phase", "location", "unit")
_ENERGY = "Energy.Active.Import.Register"
_CONTEXT_NAMES = (
    "Interruption.Begin",
    "Interruption.End",
    "Sample.Clock",
    "Sample.Periodic",
    "Transaction.Begin",
    "Transaction.End",
    "Trigger",
    "Other",
)
# Some stations write contexts, measurands, phases and units in their own case (lbbrhzn/ocpp#361, #1635).
_CONTEXTS = {name: name for name in _CONTEXT_NAMES} | {name.lower(): name for name in _CONTEXT_NAMES}

_MILLI = Decimal("0.001")
_NO_PHASE: dict[str | None, str] = {None: ""}
# L1-N is L1 (Grizzl-E, lbbrhzn/ocpp#442); L1-L2 is √3 times as much and has no column.
_PHASES = _NO_PHASE | {f"L{n}{suffix}": f"_l{n}" for n in (1, 2, 3) for suffix in ("", "-N")}


def _columns() -> dict[tuple[str | None, str | None, str | None], _Column]:
    """Every (measurand, phase, unit) that has a column; an absent unit is the measurand's base unit."""
    columns: dict[tuple[str | None, str | None, str | None], _Column] = {}
    for measurand, stem, suffix, phases, units, limit, places in (
        (_ENERGY, "energy", "_wh", _NO_PHASE, {None: 1, "Wh": 1, "kWh": 1000}, 10**18, None),
        ("Power.Active.Import", "power", "_w", _NO_PHASE, {None: 1, "W": 1, "kW": 1000}, 10**9, _MILLI),
        ("Current.Import", "current", "_a", _PHASES, {None: 1, "A": 1}, 10**6, _MILLI),
        ("Voltage", "voltage", "_v", _PHASES, {None: 1, "V": 1}, 10**6, _MILLI),
        ("SoC", "soc_percent", "", _NO_PHASE, {None: 1, "Percent": 1}, 10**3, _MILLI),
        ("Current.Offered", "current_offered", "_a", _NO_PHASE, {None: 1, "A": 1}, 10**6, _MILLI),
    ):
        for phase, infix in phases.items():
            for unit, factor in units.items():
                columns[measurand, phase, unit] = _Column(f"{stem}{infix}{suffix}", factor, limit, places)
    return columns | {(None, *key[1:]): column for key, column in columns.items() if key[0] == _ENERGY}


_COLUMNS = _columns()
_COLUMNS_IN_LOWER_CASE = {
    (_lower(measurand), _lower(phase), _lower(unit)): column for (measurand, phase, unit), column in _COLUMNS.items()
}
#: Column → the measurand, phase and base unit that it stands for.
_SAID_BY = {
    column.name: (measurand, phase, unit)
    for (measurand, phase, unit), column in _COLUMNS.items()
    if column.factor == 1 and measurand and unit and not (phase or "").endswith("-N")
}
