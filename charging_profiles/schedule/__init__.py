"""Schedule arithmetic: plain Python, without Django, a database or a clock of its own (OCPP 1.6 §3.13)."""

from .model import EVERY, Kind, Limit, Period, Profile, Purpose, Recurrency, Schedule, Unit, read_profile
from .stacking import at_second, composite, merged, steps, total
from .wall_clock import offset_changes, wall_clock_start

__all__ = [
    "EVERY",
    "Kind",
    "Limit",
    "Period",
    "Profile",
    "Purpose",
    "Recurrency",
    "Schedule",
    "Unit",
    "at_second",
    "composite",
    "merged",
    "offset_changes",
    "read_profile",
    "steps",
    "total",
    "wall_clock_start",
]
