"""Who may charge, and what was charged."""

from .id_tag import IdTag, IdTagGroup, UnknownIdTag
from .local_list import ListedTag, ListRevision, LocalList
from .meter_value import DailyEnergy, MeterValue
from .reservation import Reservation
from .transaction import AuthorizationStatus, EndedBy, Flag, OrphanedStop, StopReason, Transaction

__all__ = [
    "AuthorizationStatus",
    "DailyEnergy",
    "EndedBy",
    "Flag",
    "IdTag",
    "IdTagGroup",
    "ListRevision",
    "ListedTag",
    "LocalList",
    "MeterValue",
    "OrphanedStop",
    "Reservation",
    "StopReason",
    "Transaction",
    "UnknownIdTag",
]
