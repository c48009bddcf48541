"""What people decide about campaigns and files, in the log of who changed what.

The services change rows by statements, of which the log hears nothing; whoever calls them for a person says so here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from auditlog.models import LogEntry
from django.db.models import Model


@contextmanager
def recorded(row: Model, field: str) -> Iterator[None]:
    """Whatever becomes of the row's `field` inside is written down, with who did it."""
    before = str(getattr(row, field))
    yield
    row.refresh_from_db(fields=[field])
    after = str(getattr(row, field))
    if before != after:
        LogEntry.objects.log_create(row, action=LogEntry.Action.UPDATE, changes={field: [before, after]})
