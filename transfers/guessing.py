"""Who shows wrong tokens is not listened to for the rest of the minute; counted in each server process by itself.

A token has 128 random bits: nobody guesses one. This keeps scanners away from the database.
"""

from __future__ import annotations

import contextlib
import time

from django.core.cache import cache

WRONG_PER_MINUTE = 30
WINDOW_S = 60


def is_barred(address: str) -> bool:
    return int(cache.get(_entry(address), 0)) >= WRONG_PER_MINUTE


def note_wrong(address: str) -> None:
    cache.add(_entry(address), 0, timeout=WINDOW_S)
    with contextlib.suppress(ValueError):  # pushed out of the cache between the two lines
        cache.incr(_entry(address))


def _entry(address: str) -> str:
    return f"transfer-guesses:{address[:64]}:{int(time.time()) // WINDOW_S}"
