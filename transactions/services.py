"""What handlers, clockwork and screens call about transactions, gathered from the files that do it."""

from .corrections import attach_stop, close_by_hand
from .local_lists import report_conflict
from .meter_values import record_meter_values
from .reservations import (
    close_unanswered_reservations,
    end_at_free_connector,
    end_expired_reservations,
    end_reservations,
)
from .starts import start_transaction
from .stops import stop_transaction

__all__ = [
    "attach_stop",
    "close_by_hand",
    "close_unanswered_reservations",
    "end_at_free_connector",
    "end_expired_reservations",
    "end_reservations",
    "record_meter_values",
    "report_conflict",
    "start_transaction",
    "stop_transaction",
]
