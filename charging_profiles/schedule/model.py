"""What a charging profile says, as plain values (OCPP 1.6 §3.13, §7.8, §7.13, §7.14)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any, Literal, cast

Unit = Literal["A", "W"]
Purpose = Literal["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]
Kind = Literal["Absolute", "Recurring", "Relative"]
Recurrency = Literal["Daily", "Weekly"]

#: What is meant where a period does not say how many phases it is about (§7.14).
DEFAULT_PHASES = 3
EVERY: dict[Recurrency, timedelta] = {"Daily": timedelta(days=1), "Weekly": timedelta(weeks=1)}


@dataclass(frozen=True, slots=True)
class Period:
    """A limit from `start` (seconds after the beginning of its schedule or window) until the next period.

    `limit` is in its schedule's unit: A per phase, W in total. None: nothing limits, or nothing is said.
    """

    start: int
    limit: Decimal | None
    phases: int = DEFAULT_PHASES


@dataclass(frozen=True, slots=True)
class Limit:
    """A rate with its unit, wherever it comes from."""

    rate: Decimal
    unit: Unit
    phases: int = DEFAULT_PHASES


@dataclass(frozen=True, slots=True)
class Schedule:
    """Periods in ascending order; without `duration` (s) the last one goes on. `start` is None if the session is it."""

    unit: Unit
    periods: tuple[Period, ...]
    start: datetime | None = None
    duration: int | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """A schedule, its place in the stack, and when it counts: `valid_from` ≤ now < `valid_to`.

    A recurring schedule repeats every 24 hours or seven days, as stations do. With `clock`, a time zone, it repeats by
    the clock on the wall there: what a station does that is told again whenever the clocks change. Its start was
    reckoned with the offset of `reckoned_at`, or with its own.
    """

    connector_id: int
    profile_id: int
    purpose: Purpose
    stack_level: int
    kind: Kind
    schedule: Schedule
    recurrency: Recurrency | None = None
    transaction_id: int | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    clock: tzinfo | None = None
    reckoned_at: datetime | None = None

    @property
    def every(self) -> timedelta | None:
        """After how long it begins anew; None if it does not."""
        if self.kind != "Recurring" or self.recurrency is None:
            return None
        return EVERY[self.recurrency]


def read_profile(connector_id: int, payload: Mapping[str, Any]) -> Profile:
    """A profile from csChargingProfiles as it stands on the wire; raises ValueError or KeyError for what is none.

    Periods are sorted: §7.13 wants them so, and a station that took others will have read them so.
    """
    schedule = payload["chargingSchedule"]
    periods = [
        Period(int(period["startPeriod"]), Decimal(str(period["limit"])), period.get("numberPhases") or DEFAULT_PHASES)
        for period in schedule["chargingSchedulePeriod"]
    ]
    return Profile(
        connector_id=connector_id,
        profile_id=int(payload["chargingProfileId"]),
        purpose=payload["chargingProfilePurpose"],
        stack_level=int(payload["stackLevel"]),
        kind=payload["chargingProfileKind"],
        recurrency=cast("Recurrency | None", payload.get("recurrencyKind")),
        transaction_id=payload.get("transactionId"),
        valid_from=_moment(payload.get("validFrom")),
        valid_to=_moment(payload.get("validTo")),
        schedule=Schedule(
            unit=schedule["chargingRateUnit"],
            periods=tuple(sorted(periods, key=lambda period: period.start)),
            start=_moment(schedule.get("startSchedule")),
            duration=schedule.get("duration"),
        ),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)
