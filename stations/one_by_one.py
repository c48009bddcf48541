"""Work by the clock on many rows: one that fails must not keep those behind it from their turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import structlog
from django.db import InterfaceError, OperationalError, transaction

log = structlog.get_logger(__name__)
T = TypeVar("T")


def each(rows: Iterable[T], work: Callable[[T], int]) -> int:
    """Do `work` on each of `rows`, whole or not at all, and return the sum of what it returned.

    A row whose work fails is logged and counts nothing. The database's own troubles end it all: they are no row's.
    """
    done = 0
    for row in rows:
        try:
            with transaction.atomic():
                done += work(row)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            log.error("row passed over", row=repr(row), exc_info=error)
    return done
