"""Templates: what a station's configuration should say, where it says something else, and how to put that right."""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db.models.functions import Upper

from .commands import SYSTEM, Origin, queue_command
from .masking import masked
from .models import ChargePoint, Command, ConfigurationKey, StationModel, TemplateKey

_TRUE, _FALSE = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})
#: Some stations cut the values they report; shorter ones that are the beginning of another one differ from it.
_PLAUSIBLY_CUT = 20


class Difference(enum.Enum):
    """Why a key is not as the template wants it. The first two can be put right from here."""

    OTHER_VALUE = "other_value"
    NOT_READ = "not_read"
    MISSING = "missing"
    READ_ONLY = "read_only"


@dataclass(frozen=True, slots=True)
class Drift:
    """A key that is not as the template of the station's model wants it; `actual` is None where there is no value."""

    key: str
    wanted: str
    actual: str | None
    difference: Difference

    @property
    def can_be_set(self) -> bool:
        return self.difference in (Difference.OTHER_VALUE, Difference.NOT_READ)


class _Reported(NamedTuple):
    """What a comparison needs of a stored key."""

    key: str
    value: str | None
    readonly: bool


Wanted = dict[str, tuple[str, str]]
Actual = dict[str, _Reported]


def drift_of(charge_point: ChargePoint) -> list[Drift]:
    """What differs at one station, by key."""
    return list(_compare(charge_point, wanted_of(charge_point), _keys_of(charge_point)))


def wanted_of(charge_point: ChargePoint) -> Wanted:
    """Key in capitals → its name and value: what is wanted of every charger, the vendor's and the model's on top."""
    models = StationModel.all_of(charge_point)
    rows = TemplateKey.objects.filter(station_model__in=models)
    by_model: dict[int, list[TemplateKey]] = defaultdict(list)
    for row in rows:
        by_model[row.station_model_id].append(row)
    return {row.key.upper(): (row.key, row.value) for model in models for row in by_model[model.pk]}


def _keys_of(charge_point: ChargePoint) -> Actual:
    rows = charge_point.configuration_keys.values_list("key", "value", "readonly")
    return {key.upper(): _Reported(key, value, readonly) for key, value, readonly in rows}


def _compare(charge_point: ChargePoint, wanted: Wanted, actual: Actual) -> Iterator[Drift]:
    for name, (key, value) in sorted(wanted.items()):
        row = actual.get(name)
        if row is None:
            was_read = charge_point.configuration_read_at is not None
            yield Drift(key, value, None, Difference.MISSING if was_read else Difference.NOT_READ)
        elif not is_same(value, row.value or ""):
            yield Drift(row.key, value, row.value, Difference.READ_ONLY if row.readonly else Difference.OTHER_VALUE)


def is_same(wanted: str, actual: str) -> bool:
    """Whether a station that reports `actual` has `wanted`: there are many spellings, and long values come cut.

    Credentials in addresses are not stored, so they are not compared either.
    """
    wanted, actual = masked(wanted).strip(), masked(actual).strip()
    if wanted == actual or (len(actual) >= _PLAUSIBLY_CUT and wanted.startswith(actual)):
        return True
    if any({wanted.lower(), actual.lower()} <= spellings for spellings in (_TRUE, _FALSE)):
        return True
    return "," in wanted and _items(wanted) == _items(actual)


def _items(text: str) -> set[str]:
    return {item.strip(" '\"").lower() for item in text.split(",")} - {""}


def drifting() -> set[int]:
    """Stations in use that differ from their template in something that can be put right; three queries for all."""
    by_model = _templates()
    if not by_model:
        return set()
    stations = ChargePoint.objects.filter(archived_at=None).only("vendor", "model", "configuration_read_at")
    wanted_by = {station.pk: (station, _wanted(by_model, station)) for station in stations}
    keys = {name for _station, wanted in wanted_by.values() for name in wanted}
    if not keys:
        return set()
    actual: dict[int, Actual] = defaultdict(dict)
    rows = ConfigurationKey.objects.alias(name=Upper("key")).filter(name__in=keys, charge_point__archived_at=None)
    columns = rows.order_by().values_list("charge_point_id", "key", "value", "readonly")
    for pk, key, value, readonly in columns.iterator():
        actual[pk][key.upper()] = _Reported(key, value, readonly)
    return {
        pk
        for pk, (station, wanted) in wanted_by.items()
        if any(drift.can_be_set for drift in _compare(station, wanted, actual[pk]))
    }


def _templates() -> dict[tuple[str, str], Wanted]:
    by_model: dict[tuple[str, str], Wanted] = defaultdict(dict)
    for row in TemplateKey.objects.select_related("station_model"):
        make = (row.station_model.vendor.upper(), row.station_model.model.upper())
        by_model[make][row.key.upper()] = (row.key, row.value)
    return by_model


def _wanted(by_model: dict[tuple[str, str], Wanted], station: ChargePoint) -> Wanted:
    vendor, model = station.vendor.upper(), station.model.upper()
    wanted: Wanted = {}
    for make in dict.fromkeys([("", ""), (vendor, ""), (vendor, model)]):
        wanted |= by_model.get(make, {})
    return wanted


def apply_template(
    charge_point: ChargePoint, *, origin: Origin = SYSTEM, valid_until: datetime | None = None
) -> list[Command]:
    """Queue a ChangeConfiguration for each key that differs and can be set, and for none else."""
    return [
        queue_command(
            charge_point,
            "ChangeConfiguration",
            {"key": drift.key, "value": drift.wanted},
            origin=origin,
            valid_until=valid_until,
        )
        for drift in drift_of(charge_point)
        if drift.can_be_set
    ]


def apply_templates(charge_points: Iterable[ChargePoint], *, origin: Origin = SYSTEM) -> int:
    """As `apply_template`, for many; returns how many commands were queued."""
    return sum(len(apply_template(charge_point, origin=origin)) for charge_point in charge_points)
