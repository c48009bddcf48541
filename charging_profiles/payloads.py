"""From a profile of the library to csChargingProfiles, as a station is told it (OCPP 1.6 §7.8)."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone

from ocpp_gateway.v16.outgoing import read_payload
from transactions.models import Transaction

from .models import ChargingProfile, Kind
from .schedule import wall_clock_start


def payload_of(
    profile: ChargingProfile, *, charging_profile_id: int, transaction: Transaction | None = None, at: datetime
) -> dict[str, Any]:
    """csChargingProfiles for a station that is told the profile at `at`.

    A profile that keeps to the clock begins as `starts_now` says, so the payload is another one after the clocks have
    changed. Raises OcppError for a profile that `rules.contradictions` does not let pass.
    """
    schedule = {
        "chargingRateUnit": profile.unit,
        "chargingSchedulePeriod": [_period(period) for period in profile.periods],
        "duration": profile.duration_s,
        "startSchedule": moment(starts_now(profile, at)),
        "minChargingRate": None if profile.min_rate is None else _number(profile.min_rate),
    }
    payload = {
        "chargingProfileId": charging_profile_id,
        "transactionId": None if transaction is None else transaction.pk,
        "stackLevel": profile.stack_level,
        "chargingProfilePurpose": profile.purpose,
        "chargingProfileKind": profile.kind,
        "recurrencyKind": profile.recurrency or None,
        "validFrom": moment(profile.valid_from),
        "validTo": moment(profile.valid_to),
        "chargingSchedule": _present(schedule),
    }
    wire = read_payload("SetChargingProfile", {"connectorId": 0, "csChargingProfiles": _present(payload)})
    told: dict[str, Any] = wire["csChargingProfiles"]
    return told


def starts_now(profile: ChargingProfile, at: datetime) -> datetime | None:
    """startSchedule: of a profile that keeps to the clock the beginning of the day or week that is under way."""
    start = profile.starts_at
    if start is None or profile.kind == Kind.RELATIVE:
        return None
    if profile.every is not None and profile.follows_clock:
        start = wall_clock_start(start, at=at, zone=timezone.get_default_timezone(), every=profile.every)
    return start.replace(microsecond=0)


def moment(at: datetime | None) -> str | None:
    """A moment as it stands on the wire."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _period(period: dict[str, Any]) -> dict[str, Any]:
    limit = _number(Decimal(period["limit"]))
    return _present({"startPeriod": period["start"], "limit": limit, "numberPhases": period.get("phases")})


def _number(rate: Decimal) -> int | float:
    """16, not 16.0: there are stations that read a fraction as two numbers."""
    return int(rate) if rate == int(rate) else float(rate)


def _present(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
