"""Files that have had their day: what stations delivered is kept for STATION_FILE_RETENTION_DAYS, its row for good."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import structlog
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from stations import changes
from stations.one_by_one import each
from stations.stored_files import delete_orphans

from .models import FirmwareFile, StationFile
from .receiving import FOLDER

log = structlog.get_logger(__name__)

FIRMWARE_FOLDER = "firmware"
#: A file is stored before its row says so; that of a large one may take its time.
ORPHANED_AFTER = timedelta(days=1)


def delete_file(station_file: StationFile) -> bool:
    """Delete a delivered file; its row stays and says when. False if that was done before."""
    name = str(station_file.file.name or "")
    now = timezone.now()
    deleted = StationFile.objects.filter(pk=station_file.pk, deleted_at=None).update(file="", deleted_at=now)
    if not deleted:
        return False
    if name:
        transaction.on_commit(partial(default_storage.delete, name))
    station_file.file.name, station_file.deleted_at = "", now
    changes.note(changes.station(station_file.charge_point_id), "files")
    return True


def prune(now: datetime) -> int:
    """Delete old files, and those in our folders that belong to no row; returns how many."""
    old = StationFile.objects.filter(deleted_at=None, received_at__lt=_oldest_kept(now))
    known = set(StationFile.objects.exclude(file="").values_list("file", flat=True))
    images = set(FirmwareFile.objects.values_list("file", flat=True))
    orphans = [
        delete_orphans(folder, names, before=now - ORPHANED_AFTER)
        for folder, names in ((FOLDER, known), (FIRMWARE_FOLDER, images))
    ]
    if any(orphans):
        log.warning("files without a row deleted", files=sum(orphans))
    return each(old, delete_file) + sum(orphans)


def _oldest_kept(now: datetime) -> datetime:
    return now - timedelta(days=settings.STATION_FILE_RETENTION_DAYS)
