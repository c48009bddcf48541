"""OCPP's dateTime: ISO 8601, read generously, written in the one form that every station understands."""

import re
from datetime import UTC, datetime, timedelta, timezone

# Possessive where a hostile text could be long.
_ISO_8601 = re.compile(
    r"""(\d{4})-(\d\d)-(\d\d) [Tt\ ] (\d\d):(\d\d):(\d\d) (?: [.,] (\d{1,6}+) \d*+ )?
        \s*+ (?: ([Zz]) | ([+-]) (\d\d) (?: :? (\d\d) )? )?""",
    re.ASCII | re.VERBOSE,
)


def read(text: str) -> tuple[datetime | None, bool]:
    """The moment in UTC, and whether the text names its zone; one without is UTC. None if it names no moment.

    Any number of fraction digits, offsets as +01:00, +0100 or +01, a space for the T, 24:00:00 and leap seconds.
    """
    match = _ISO_8601.fullmatch(text.strip())
    if match is None:
        return None, True
    *numbers, fraction, z, sign, hours, minutes = match.groups()
    year, month, day, hour, minute, second = map(int, numbers)
    if hour > 24 or minute > 59 or second > 60 or (hour == 24 and minute + second):
        return None, True
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
    microsecond = int((fraction or "").ljust(6, "0"))
    try:
        midnight = datetime(year, month, day, tzinfo=timezone(offset))
        time_of_day = timedelta(hours=hour, minutes=minute, seconds=second, microseconds=microsecond)
        return (midnight + time_of_day).astimezone(UTC), bool(z or sign)
    except (ValueError, OverflowError):
        return None, True


def write(moment: datetime) -> str:
    """2025-02-01T18:00:00Z: whole seconds and Z, or Phihong refuses it (mobilityhouse/ocpp#230)."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"
