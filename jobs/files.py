"""Files of jobs, in the default storage: `jobs/<id>.<ending>`, never served by a web server."""

from __future__ import annotations

import os
from collections.abc import Generator
from datetime import datetime, timedelta
from pathlib import Path

from django.core.files import File
from django.core.files.storage import default_storage

from stations.stored_files import delete_orphans, scratch

from .kinds import Result
from .models import KEEP_ROW, UNFINISHED, Job

FOLDER = "jobs"
PIECE_BYTES = 64 * 1024
#: A file is stored before its row says so.
ORPHANED_AFTER = timedelta(hours=1)


def save(job: Job, result: Result) -> str:
    """Store what a job made; returns its name in the storage, which is empty if it made no file."""
    if result.content is None:
        return ""
    ending = Path(result.file_name).suffix
    with result.content as content:
        content.seek(0)
        return default_storage.save(f"{FOLDER}/{job.pk}{ending}", File(content))


def delete(name: str) -> None:
    if name:
        default_storage.delete(name)


def pieces(job: Job) -> Generator[bytes, None, None]:
    """The file in pieces. Raises FileNotFoundError, at once, if there is none or no longer."""
    if not job.has_file:
        raise FileNotFoundError(str(job.pk))
    return _read(default_storage.open(str(job.file.name), "rb"))


def _read(file: File[bytes]) -> Generator[bytes, None, None]:
    with file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def prune(now: datetime) -> int:
    """Delete files that have had their day, then the rows, and what dead processes left; returns how many."""
    expired = Job.objects.exclude(state__in=UNFINISHED).filter(expires_at__lt=now)
    count = 0
    for job in expired.exclude(file=""):
        delete(str(job.file.name))
        Job.objects.filter(pk=job.pk, file=job.file.name).update(file="")
        count += 1
    expired.filter(expires_at__lt=now - KEEP_ROW).delete()
    known = set(Job.objects.exclude(file="").values_list("file", flat=True))
    return count + delete_orphans(FOLDER, known, before=now - ORPHANED_AFTER) + _delete_scratch(now)


def _delete_scratch(now: datetime) -> int:
    long_ago = (now - timedelta(days=1)).timestamp()
    left = [entry for entry in os.scandir(scratch()) if entry.is_file() and entry.stat().st_mtime < long_ago]
    for entry in left:
        Path(entry.path).unlink(missing_ok=True)
    return len(left)
