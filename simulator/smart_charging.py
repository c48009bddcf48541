"""Charging profiles a simulated station holds, and the limits they come to (OCPP 1.6 §3.13).

Schedules run on the clock on the wall, also in a sped-up station: they are what the central system dictates.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from .hardware import Hardware
from .pace import moment
from .rpc import Payload

if TYPE_CHECKING:
    from .charge_point import SimulatedChargePoint

_RECURRENCE = {"Daily": timedelta(days=1), "Weekly": timedelta(weeks=1)}
_RATE_UNITS = {"A": "Current", "W": "Power"}


@dataclass(frozen=True)
class Installed:
    """A ChargingProfile (§7.8) and its place."""

    connector_id: int
    profile: Payload

    @property
    def purpose(self) -> str:
        return str(self.profile["chargingProfilePurpose"])

    @property
    def stack_level(self) -> int:
        return int(self.profile["stackLevel"])

    def limit_w(self, at: datetime, began_at: datetime, hardware: Hardware) -> float | None:
        """Its limit at a moment; None where it has nothing to say. Relative schedules run from `began_at`."""
        if not self._is_valid(at):
            return None
        schedule = self.profile["chargingSchedule"]
        elapsed_s = (at - self.start(at, began_at)).total_seconds()
        if elapsed_s < 0 or elapsed_s >= schedule.get("duration", float("inf")):
            return None
        periods = [period for period in schedule["chargingSchedulePeriod"] if period["startPeriod"] <= elapsed_s]
        if not periods:
            return None
        return hardware.watts(periods[-1]["limit"], schedule["chargingRateUnit"], periods[-1].get("numberPhases", 3))

    def start(self, at: datetime, began_at: datetime) -> datetime:
        """When the schedule that counts at a moment began."""
        schedule = self.profile["chargingSchedule"]
        if self.profile["chargingProfileKind"] == "Relative" or "startSchedule" not in schedule:
            return began_at
        start = moment(schedule["startSchedule"])
        if self.profile["chargingProfileKind"] != "Recurring" or at < start:
            return start
        every = _RECURRENCE[self.profile["recurrencyKind"]]
        return start + (at - start) // every * every

    def changes(self, begin: datetime, end: datetime, began_at: datetime) -> list[datetime]:
        """The moments in between at which its limit may change."""
        schedule = self.profile["chargingSchedule"]
        offsets = [period["startPeriod"] for period in schedule["chargingSchedulePeriod"]]
        offsets += [schedule["duration"]] if "duration" in schedule else []
        start = self.start(begin, began_at)
        starts = [start]
        if self.profile["chargingProfileKind"] == "Recurring":
            every = _RECURRENCE[self.profile["recurrencyKind"]]
            starts += [start + every * n for n in range(1, (end - begin) // every + 2)]
        moments = [at + timedelta(seconds=offset) for at in starts for offset in offsets]
        moments += [moment(self.profile[name]) for name in ("validFrom", "validTo") if name in self.profile]
        return [at for at in moments if begin < at < end]

    def _is_valid(self, at: datetime) -> bool:
        if "validFrom" in self.profile and at < moment(self.profile["validFrom"]):
            return False
        return "validTo" not in self.profile or at < moment(self.profile["validTo"])


class SmartCharging:
    """The profiles of one station."""

    def __init__(self, station: SimulatedChargePoint) -> None:
        self._station = station
        self._held: list[Installed] = []

    def accepts(self, connector_id: int, profile: Payload) -> bool:
        """Whether a SetChargingProfile fits the station and what runs at it (§5.16)."""
        new = Installed(connector_id, profile)
        if connector_id not in self._station.connectors or not self._has_its_place(new):
            return False
        others = [held for held in self._held if not _replaces(new, held)]
        has_room = len(others) < self._station.configuration.number("MaxChargingProfilesInstalled")
        return has_room and self._can_follow(profile)

    def install(self, connector_id: int, profile: Payload) -> None:
        """In the place of the one with its id, or its purpose and level at the same connector."""
        new = Installed(connector_id, profile)
        self._held = [held for held in self._held if not _replaces(new, held)] + [new]

    def clear(self, wanted: Payload) -> bool:
        """Take away what a ClearChargingProfile (§5.5) means: by id, or by all other members; False: nothing was."""
        gone = [held for held in self._held if _is_meant(held, wanted)]
        self._held = [held for held in self._held if held not in gone]
        return bool(gone)

    def transaction_ended(self, connector_id: int) -> None:
        """Its profiles go with it."""
        self.clear({"connectorId": connector_id, "chargingProfilePurpose": "TxProfile"})

    def limit_w(self, connector_id: int, at: datetime) -> float:
        """What a connector may draw; of a cap for the station each running transaction gets an equal share."""
        limits = [self._transaction_limit_w(connector_id, at, at), self._share_w(at)]
        return min((limit for limit in limits if limit is not None), default=float("inf"))

    def composite(self, connector_id: int, begin: datetime, duration_s: int, unit: str) -> list[Payload]:
        """chargingSchedulePeriod of GetCompositeSchedule.conf, from `begin` on."""
        periods: list[Payload] = []
        for at in self._moments(connector_id, begin, begin + timedelta(seconds=duration_s)):
            limit = round(self._station.hardware.in_unit(self._drawn_w(connector_id, at, begin), unit), 1)
            if not periods or periods[-1]["limit"] != limit:
                periods.append({"startPeriod": round((at - begin).total_seconds()), "limit": limit})
        return periods

    def _moments(self, connector_id: int, begin: datetime, end: datetime) -> list[datetime]:
        """When some limit may change; 0 means all connectors."""
        outlets = [connector_id] if connector_id else [number for number in self._station.connectors if number]
        began = {self._began_at(outlet, begin) for outlet in outlets}
        changes = [held.changes(begin, end, began_at) for held in self._held for began_at in began]
        return sorted({begin, *(at for moments in changes for at in moments)})

    def _drawn_w(self, connector_id: int, at: datetime, begin: datetime) -> float:
        """Of the station for connector 0."""
        full_w = float(self._station.hardware.power_w)
        outlets = [connector_id] if connector_id else [number for number in self._station.connectors if number]
        limits = [self._transaction_limit_w(outlet, at, begin) for outlet in outlets]
        drawn_w = sum(full_w if limit is None else min(full_w, limit) for limit in limits)
        cap_w = self._share_w(at) if connector_id else self._prevailing_w("ChargePointMaxProfile", 0, at, at)
        return drawn_w if cap_w is None else min(drawn_w, cap_w)

    def _share_w(self, at: datetime) -> float | None:
        cap_w = self._prevailing_w("ChargePointMaxProfile", 0, at, at)
        return None if cap_w is None else cap_w / max(1, len(self._station.charging.running()))

    def _transaction_limit_w(self, connector_id: int, at: datetime, begin: datetime) -> float | None:
        """Of the TxProfile, else of the connector's default, else of the station's."""
        began_at = self._began_at(connector_id, begin)
        places = ("TxProfile", connector_id), ("TxDefaultProfile", connector_id), ("TxDefaultProfile", 0)
        limits = (self._prevailing_w(purpose, place, at, began_at) for purpose, place in places)
        return next((limit for limit in limits if limit is not None), None)

    def _prevailing_w(self, purpose: str, place: int, at: datetime, began_at: datetime) -> float | None:
        """Of the highest stack level that has something to say."""
        stack = [held for held in self._held if held.purpose == purpose and held.connector_id == place]
        stack.sort(key=lambda held: held.stack_level, reverse=True)
        limits = (held.limit_w(at, began_at, self._station.hardware) for held in stack)
        return next((limit for limit in limits if limit is not None), None)

    def _began_at(self, connector_id: int, otherwise: datetime) -> datetime:
        transaction = self._station.connectors[connector_id].transaction
        return otherwise if transaction is None else moment(transaction.started_at)

    def _can_follow(self, profile: Payload) -> bool:
        """Whether it keeps the limits that the configuration names, and the text's rules."""
        configuration, schedule = self._station.configuration, profile["chargingSchedule"]
        periods, units = schedule["chargingSchedulePeriod"], "ChargingScheduleAllowedChargingRateUnit"
        is_recurring = profile["chargingProfileKind"] == "Recurring"
        return (
            0 <= profile["stackLevel"] <= configuration.number("ChargeProfileMaxStackLevel")
            and 1 <= len(periods) <= configuration.number("ChargingScheduleMaxPeriods")
            and periods[0]["startPeriod"] == 0
            and _RATE_UNITS.get(schedule["chargingRateUnit"]) in configuration.items(units)
            and is_recurring == (profile.get("recurrencyKind") in _RECURRENCE)
        )

    def _has_its_place(self, new: Installed) -> bool:
        if new.purpose == "ChargePointMaxProfile":
            return new.connector_id == 0
        if new.purpose != "TxProfile":
            return True
        transaction = self._station.connectors[new.connector_id].transaction
        meant = new.profile.get("transactionId")
        return transaction is not None and meant in {None, transaction.transaction_id}


def _replaces(new: Installed, held: Installed) -> bool:
    if new.profile["chargingProfileId"] == held.profile["chargingProfileId"]:
        return True
    places = [(one.purpose, one.stack_level, one.connector_id) for one in (new, held)]
    return places[0] == places[1]


def _is_meant(held: Installed, wanted: Payload) -> bool:
    if "id" in wanted:
        return bool(held.profile["chargingProfileId"] == wanted["id"])
    has = {
        "connectorId": held.connector_id,
        "chargingProfilePurpose": held.purpose,
        "stackLevel": held.stack_level,
    }
    return all(wanted.get(name, value) == value for name, value in has.items())
