"""What handlers, clockwork and screens call about transactions, gathered from the files that do it."""

from .meter_values import record_meter_values
from .reservations import end_expired_reservations, end_reservations
from .starts import start_transaction
from .stops import stop_transaction

__all__ = [
    "end_expired_reservations",
    "end_reservations",
    "record_meter_values",
    "start_transaction",
    "stop_transaction",
]
