"""Runs jobs, one at a time, in a thread of its own: beside the clockwork in `serve`, or in `manage.py worker`.

Rows are claimed with conditional statements, so that any number of runners in any number of processes share them. A
second thread tells the database how far the job is, whatever transaction the job itself is in.
"""

from __future__ import annotations

import errno
import os
import secrets
import socket
import threading
import time
from typing import Any

import structlog
from django.db import connection
from django.db.models import Exists, OuterRef
from django.utils import timezone, translation
from django.utils.translation import gettext

from stations import changes
from stations.courtesy import beside_stations

from . import files, kinds, lives
from .kinds import JobFailed, Result
from .models import KEEP_FILE, Job, State
from .progress import Progress, Stopped, StopReason

log = structlog.get_logger(__name__)

POLL_S = 1.0
SWEEP_S = 10.0
#: Twice a second at most the database hears how far a job is, and this often that its runner lives.
REPORT_S = 0.5
BEAT_S = 5.0


class Runner:
    """`yields`: whether jobs leave most of the processor to the chargers of this process."""

    def __init__(self, *, yields: bool = False) -> None:
        self.name = f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._yields = yields
        self._stopping = threading.Event()
        self._progress: Progress | None = None
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Give a running job back and end; one that does not listen is given back over its head."""
        self._stopping.set()
        if (progress := self._progress) is not None:
            progress.stop(StopReason.HANDED_BACK)
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            lives.hand_back(Job.objects.filter(worker=self.name, state=State.RUNNING))
            connection.close()

    def run_next(self) -> bool:
        """Run the job whose turn it is; False if none waits."""
        job = self._claim()
        if job is None:
            return False
        self._run(job)
        return True

    def _work(self) -> None:
        swept_at = -SWEEP_S
        while not self._stopping.is_set():
            try:
                if time.monotonic() - swept_at >= SWEEP_S:
                    swept_at = time.monotonic()
                    lives.sweep(timezone.now())
                worked = self.run_next()
            except Exception as error:  # the database may be away: the next round will see
                log.warning("no jobs are run", error=str(error).strip() or type(error).__name__)
                connection.close()
                worked = False
            if not worked:
                self._stopping.wait(POLL_S)
        connection.close()

    def _claim(self) -> Job | None:
        """The oldest job of whoever has none running, else the oldest of all."""
        running = Job.objects.filter(owner=OuterRef("owner"), state=State.RUNNING)
        waiting = Job.objects.filter(state=State.QUEUED).annotate(is_second=Exists(running))
        for pk in waiting.order_by("is_second", "created_at").values_list("pk", flat=True)[:5]:
            claimed = {"state": State.RUNNING, "worker": self.name, "beat_at": timezone.now()}
            claimed |= {"started_at": timezone.now(), "done": 0, "total": 0}
            if Job.objects.filter(pk=pk, state=State.QUEUED).update(**claimed):
                job = Job.objects.select_related("owner").get(pk=pk)
                changes.note(*job.topics)
                return job
        return None

    def _run(self, job: Job) -> None:
        self._progress = progress = Progress(yields=self._yields)
        if self._stopping.is_set():
            progress.stop(StopReason.HANDED_BACK)
        heart = _Heart(job, progress)
        heart.start()
        try:
            with translation.override(job.language), beside_stations():
                self._settle(job, progress)
        finally:
            heart.end()
            self._progress = None

    def _settle(self, job: Job, progress: Progress) -> None:
        try:
            progress.step(0)
            result = kinds.find(job.kind)(job, progress) or Result()
            self._finish(job, progress, result)
        except Stopped as stopped:
            self._give_up(job, stopped.reason)
        except JobFailed as failed:
            self._end(job, State.FAILED, message=str(failed)[:500])
        except Exception as error:
            log.exception("job failed", job=str(job.pk), kind=job.kind)
            self._end(job, State.FAILED, message=_sentence(error))

    def _finish(self, job: Job, progress: Progress, result: Result) -> None:
        name = files.save(job, result)
        made = {"file": name, "file_name": result.file_name[:200], "content_type": result.content_type[:100]}
        counted = {"done": progress.done, "total": max(progress.done, progress.total)}
        if not self._end(job, State.DONE, message=result.message[:500], **made, **counted):
            files.delete(name)

    def _give_up(self, job: Job, reason: StopReason) -> None:
        log.info("job stopped", job=str(job.pk), kind=job.kind, reason=reason.value)
        if reason is StopReason.HANDED_BACK:
            lives.hand_back(Job.objects.filter(pk=job.pk, worker=self.name, state=State.RUNNING))
        elif reason is StopReason.CANCELLED:
            self._end(job, State.CANCELLED)

    def _end(self, job: Job, state: State, **values: Any) -> bool:
        """Write the end of a job unless it has been taken from us."""
        own = Job.objects.filter(pk=job.pk, worker=self.name, state=State.RUNNING)
        now = timezone.now()
        ended = own.update(state=state, ended_at=now, expires_at=now + KEEP_FILE, **values) == 1
        changes.note(*job.topics)
        return ended


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return gettext("There is no space left on the server’s disk.")
    return gettext("Something went wrong. The server’s log says what; an administrator can read it.")


class _Heart(threading.Thread):
    """Beats while a job runs: tells how far it is and that it lives, and hears whether it shall go on."""

    def __init__(self, job: Job, progress: Progress) -> None:
        super().__init__(name="job heart", daemon=True)
        self._job = job
        self._progress = progress
        self._ended = threading.Event()

    def end(self) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        while not self._ended.wait(REPORT_S):
            try:
                self._beat()
            except Exception as error:  # the database may be away or locked; the job goes on meanwhile
                log.warning("job cannot be reported", job=str(self._job.pk), error=str(error).strip())
                connection.close()
        connection.close()

    def _beat(self) -> None:
        job, done, total, now = self._job, self._progress.done, self._progress.total, timezone.now()
        stop = lives.reason_to_stop(job)
        if stop is not None:
            self._progress.stop(stop)
            return
        moved = (done, total) != (job.done, job.total)
        if moved or job.beat_at is None or (now - job.beat_at).total_seconds() >= BEAT_S:
            Job.objects.filter(pk=job.pk, worker=job.worker, state=State.RUNNING).update(
                done=done, total=total, beat_at=now
            )
            job.done, job.total, job.beat_at = done, total, now
        if moved:
            changes.note(*job.topics)
