"""Files go when their time has come, rows stay; what belongs to no row goes too."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from stations.models import ChargePoint
from transfers import retention
from transfers.models import FileKind, FirmwareFile, StationFile

from .conftest import open_upload

NOW = timezone.now()


def make_file(charger: ChargePoint, *, days_ago: float = 0) -> StationFile:
    transfer, _path = open_upload(charger)
    return StationFile.objects.create(
        charge_point=charger,
        transfer=transfer,
        kind=FileKind.DIAGNOSTICS,
        file=default_storage.save(f"{retention.FOLDER}/x", ContentFile(b"lines")),
        file_name="diag.zip",
        size=5,
        sha256="0" * 64,
        over="http",
        received_at=NOW - timedelta(days=days_ago),
    )


def left_behind(folder: str, *, days_ago: float) -> str:
    """A file without a row, that old."""
    name = default_storage.save(f"{folder}/orphan", ContentFile(b"x"))
    moment = (NOW - timedelta(days=days_ago)).timestamp()
    os.utime(default_storage.path(name), (moment, moment))
    return str(name)


def test_old_files_go_and_their_rows_stay(charger: ChargePoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "STATION_FILE_RETENTION_DAYS", 30)
    old, young = make_file(charger, days_ago=31), make_file(charger, days_ago=29)
    old_name, young_name = str(old.file.name), str(young.file.name)

    assert [retention.prune(NOW), retention.prune(NOW)] == [1, 0]
    old.refresh_from_db()
    young.refresh_from_db()
    assert (bool(old.file), old.deleted_at is not None, old.size) == (False, True, 5)
    assert young.deleted_at is None
    assert not default_storage.exists(old_name)
    assert default_storage.exists(young_name)


def test_a_file_is_deleted_once(charger: ChargePoint) -> None:
    file = make_file(charger)
    same = StationFile.objects.get(pk=file.pk)
    name = str(file.file.name)

    assert [retention.delete_file(file), retention.delete_file(same)] == [True, False]
    assert not default_storage.exists(name)
    assert StationFile.objects.get(pk=file.pk).deleted_at


@pytest.mark.parametrize("folder", [retention.FOLDER, retention.FIRMWARE_FOLDER])
def test_what_belongs_to_nobody_goes_after_a_day(charger: ChargePoint, image: FirmwareFile, folder: str) -> None:
    mine = make_file(charger)
    for name in (str(mine.file.name), str(image.file.name)):
        os.utime(default_storage.path(name), (0, 0))
    old, young = left_behind(folder, days_ago=2), left_behind(folder, days_ago=0.5)
    retention.prune(NOW)

    assert [default_storage.exists(name) for name in (old, young)] == [False, True]
    assert default_storage.exists(str(mine.file.name))
    assert default_storage.exists(str(image.file.name))


def test_a_file_that_is_gone_already_stops_nobody(charger: ChargePoint) -> None:
    gone, next_one = (make_file(charger, days_ago=1000) for _ in range(2))
    default_storage.delete(str(gone.file.name))

    assert retention.prune(NOW) >= 2
    assert not StationFile.objects.filter(pk__in=[gone.pk, next_one.pk], deleted_at=None).exists()
