"""What the cast did with charging profiles; part of `tests/e2e/cast.py`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any


def fill(stations: list[Any], now: datetime) -> None:
    """A library of five, two of them at half of the chargers, and a reading that differs."""
    from charging_profiles.models import CompositeReading

    midnight = (now - timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    monday = midnight - timedelta(days=midnight.weekday())
    night = make_profile(
        "Slow by day",
        recurrency="Daily",
        starts_at=midnight,
        periods=[(0, "32.0"), (6 * 3600, "16.0"), (20 * 3600, "32.0")],
        notes="Agreed with the landlord.",
        changed_at=now - timedelta(days=3),
    )
    cap = make_profile(
        "Grid connection 44 kW",
        purpose="ChargePointMaxProfile",
        unit="W",
        recurrency="Weekly",
        starts_at=monday,
        periods=[(0, "44000.0"), (7 * 3600, "22000.0"), (5 * 86_400, "44000.0")],
    )
    make_profile("Pause", purpose="TxProfile", kind="Relative", periods=[(0, "0.0"), (3600, "16.0")])
    make_profile("Grid works", kind="Absolute", starts_at=now, duration_s=8 * 3600, periods=[(0, "6.0")])
    make_profile("Old plan", recurrency="Daily", starts_at=midnight, periods=[(0, "10.0")], archived_at=now)
    for number, station in enumerate(stations[::2]):
        give(station, night, now - timedelta(hours=5), state="uncertain" if number == 3 else "installed")
        if number % 2 == 0:
            give(station, cap, now - timedelta(hours=4), number=1_000_001)
        give(station, None, now - timedelta(days=2), number=7, state="replaced", ended_at=now - timedelta(hours=5))
        said = [{"startPeriod": 0, "limit": 16}, {"startPeriod": 4 * 3600, "limit": 10}]
        CompositeReading.objects.create(
            charge_point=station,
            connector_id=1,
            starts_at=now - timedelta(minutes=20),
            read_at=now - timedelta(minutes=20),
            duration_s=86_400,
            unit="A",
            schedule={"chargingRateUnit": "A", "chargingSchedulePeriod": said},
        )


def be_hostile(station: Any, now: datetime, name: str) -> None:
    profile = make_profile(
        name[:100],
        kind="Absolute",
        starts_at=now,
        periods=[(second * 900, f"{second % 7 * 1_400_000}.5") for second in range(150)],
        notes=name * 50,
    )
    give(station, profile, now, number=2**40)


def make_profile(name: str, periods: list[tuple[int, str]], **fields: Any) -> Any:
    from charging_profiles.models import ChargingProfile

    rows = [{"start": start, "limit": limit} for start, limit in periods]
    return ChargingProfile.objects.create(name=name, periods=rows, **fields)


def give(station: Any, profile: Any, at: datetime, *, number: int = 1_000_000, **fields: Any) -> Any:
    from charging_profiles.models import Assignment
    from charging_profiles.payloads import payload_of

    told = profile or make_unsaved()
    payload = payload_of(told, charging_profile_id=number % 2**31, at=at)
    return Assignment.objects.create(
        charge_point=station,
        connector_id=0,
        profile=profile,
        charging_profile_id=number,
        purpose=told.purpose,
        stack_level=told.stack_level,
        payload=payload,
        asked_at=at,
        **{"state": "installed", "installed_at": at, **fields},
    )


def make_unsaved() -> Any:
    from charging_profiles.models import ChargingProfile

    return ChargingProfile(kind="Relative", periods=[{"start": 0, "limit": "13.0"}])
