"""Who may charge, and what was charged."""

from .correction import Correction
from .id_tag import IdTag, IdTagGroup, UnknownIdTag
from .local_list import ListedTag, ListRevision, LocalList
from .meter_value import DailyEnergy, MeterValue
from .monthly_sums import MonthlySum, SummedMonth
from .power import PowerRecord
from .reservation import Reservation
from .thinning import Thinning
from .transaction import AuthorizationStatus, EndedBy, Flag, OrphanedStop, StopReason, Transaction

__all__ = [
    "AuthorizationStatus",
    "Correction",
    "DailyEnergy",
    "EndedBy",
    "Flag",
    "IdTag",
    "IdTagGroup",
    "ListRevision",
    "ListedTag",
    "LocalList",
    "MeterValue",
    "MonthlySum",
    "OrphanedStop",
    "PowerRecord",
    "Reservation",
    "StopReason",
    "SummedMonth",
    "Thinning",
    "Transaction",
    "UnknownIdTag",
]
