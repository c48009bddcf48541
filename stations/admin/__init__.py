"""The stations' part of the admin."""

from . import charge_point, command_batches, commands, connection_attempt, connector, log, site, station_model

__all__ = [
    "charge_point",
    "command_batches",
    "commands",
    "connection_attempt",
    "connector",
    "log",
    "site",
    "station_model",
]
