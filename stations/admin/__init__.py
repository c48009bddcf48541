"""The stations' part of the admin."""

from . import charge_point, connection_attempt, connector, log, site

__all__ = ["charge_point", "connection_attempt", "connector", "log", "site"]
