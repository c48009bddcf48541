"""Result files: where they lie, how long they stay, what is left behind by the dead."""

from __future__ import annotations

import io
import os
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from jobs import files
from jobs.kinds import Result
from jobs.models import KEEP_FILE, KEEP_ROW, Job, State
from plugcontrol.clockwork import JOBS, run_once
from stations import stored_files

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def finished(kind, make_job, runner):
    kind("count", lambda job, progress: Result("", io.BytesIO(b"content"), "rows.csv", "text/csv"))
    job = make_job()
    runner.run_next()
    return Job.objects.get(pk=job.pk)


def test_files_lie_in_the_data_folder_and_are_ours_alone(finished):
    path = Path(default_storage.path(finished.file.name))

    assert path.is_relative_to(settings.DATA_DIR)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_stays_for_a_day_and_its_row_for_a_month(finished):
    name = finished.file.name
    files.prune(finished.ended_at + KEEP_FILE - timedelta(minutes=1))
    assert default_storage.exists(name)

    assert files.prune(finished.ended_at + KEEP_FILE + timedelta(minutes=1)) == 1
    assert not default_storage.exists(name)
    row = Job.objects.get(pk=finished.pk)
    assert (row.state, row.has_file, row.file_name) == (State.DONE, False, "rows.csv")
    with pytest.raises(FileNotFoundError):
        files.pieces(row)

    files.prune(finished.ended_at + KEEP_FILE + KEEP_ROW + timedelta(minutes=1))
    assert not Job.objects.filter(pk=finished.pk).exists()


def test_what_dead_processes_left_is_deleted(finished):
    orphan = default_storage.save("jobs/orphan.csv", ContentFile(b"x"))
    scrap = stored_files.scratch() / "half a table"
    scrap.write_bytes(b"x")
    files.prune(timezone.now())
    assert default_storage.exists(orphan)

    old = (timezone.now() - timedelta(days=2)).timestamp()
    for path in (default_storage.path(orphan), scrap, default_storage.path(finished.file.name)):
        os.utime(path, (old, old))
    assert files.prune(timezone.now()) == 2
    assert not default_storage.exists(orphan)
    assert not scrap.exists()
    assert default_storage.exists(finished.file.name)


def test_unfinished_jobs_are_never_forgotten(make_job):
    job = make_job(created_at=timezone.now() - timedelta(days=400))
    files.prune(timezone.now())

    assert Job.objects.filter(pk=job.pk).exists()


def test_the_clockwork_does_it(finished):
    Job.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    job = next(job for job in JOBS if "files of jobs" in job.name)

    assert run_once(job) == 1
    assert Job.objects.get(pk=finished.pk).file.name == ""
