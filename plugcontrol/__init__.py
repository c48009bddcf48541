"""The composition root: settings, addresses, what runs beside the chargers."""

#: As in pyproject.toml; shown under About and in the API's description.
VERSION = "0.1.0"
