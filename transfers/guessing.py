"""Who shows wrong tokens is not listened to for a minute; counted in each server process by itself.

A token has 128 random bits: nobody guesses one. This keeps scanners away from the database.
"""

from __future__ import annotations

from plugcontrol.limits import FailureLimit, source_of

_wrong = FailureLimit(30)


def is_barred(address: str) -> bool:
    return _wrong.is_reached(source_of(address))


def note_wrong(address: str) -> None:
    _wrong.count(source_of(address))
