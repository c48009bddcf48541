"""The admin's part on who may charge and what was charged."""

from . import id_tag, local_list, meter_value, reservation, transaction

__all__ = ["id_tag", "local_list", "meter_value", "reservation", "transaction"]
