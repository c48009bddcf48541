"""Files beside the database: where they are made, and how those that belong to no row are found."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.core.files.storage import default_storage


def scratch() -> Path:
    """A folder for files that are being made. A table in the making takes ten times the space of the finished file."""
    folder = Path(settings.DATA_DIR) / "tmp"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def delete_orphans(folder: str, known: set[str], *, before: datetime) -> int:
    """Delete a storage folder's files that are older than `before` and not `known`; returns how many.

    A process that died left them; a younger one may be about to get its row.
    """
    try:
        names = [f"{folder}/{name}" for name in default_storage.listdir(folder)[1]]
    except FileNotFoundError:
        return 0
    orphans = [name for name in names if name not in known and _is_older(name, before)]
    for name in orphans:
        default_storage.delete(name)
    return len(orphans)


def _is_older(name: str, before: datetime) -> bool:
    try:
        return default_storage.get_modified_time(name) < before
    except FileNotFoundError:  # another process deletes too
        return False
