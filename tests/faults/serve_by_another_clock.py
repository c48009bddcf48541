"""`manage.py serve` whose wall clock is wrong by the seconds in the file $CLOCK_OFFSET, read anew each time.

The monotonic clock is left alone, as by whoever sets a machine's clock. (libfaketime makes Python's `sleep` fail.)
"""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta
from pathlib import Path

from django.core.management import execute_from_command_line
from django.utils import timezone

_file = Path(os.environ["CLOCK_OFFSET"])
_time, _now = time.time, timezone.now


def _offset_s() -> float:
    return float(_file.read_text())


def _wrong_time() -> float:
    return _time() + _offset_s()


def _wrong_now() -> datetime:
    return _now() + timedelta(seconds=_offset_s())


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "plugcontrol.settings")
time.time, timezone.now = _wrong_time, _wrong_now
execute_from_command_line(["manage.py", "serve"])
