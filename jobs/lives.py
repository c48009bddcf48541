"""Life and death of a job's runs: whose it is, whether it shall go on, what becomes of it without its runner."""

from __future__ import annotations

from datetime import datetime

import structlog
from django.db.models import F, QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext

from stations import changes

from .models import KEEP_FILE, MAX_DEATHS, Job, State
from .progress import StopReason

log = structlog.get_logger(__name__)

_AGAIN = {"state": State.QUEUED, "worker": "", "beat_at": None, "done": 0, "total": 0}
_CANCELLED = {"state": State.CANCELLED, "worker": "", "beat_at": None}


def hand_back(running: QuerySet[Job]) -> None:
    """What a runner cannot finish: waits for the next one, or is over if that is what its owner wanted."""
    now = timezone.now()
    for job in running:
        own = Job.objects.filter(pk=job.pk, worker=job.worker, state=State.RUNNING)
        own.filter(cancel_requested=True).update(**_CANCELLED, ended_at=now, expires_at=now + KEEP_FILE)
        own.filter(cancel_requested=False).update(**_AGAIN)
        changes.note(*job.topics)


def reason_to_stop(job: Job) -> StopReason | None:
    """Whether the run of `job`, as it was claimed, is still wanted."""
    row = Job.objects.filter(pk=job.pk).values("worker", "state", "cancel_requested").first()
    if row is None or row["worker"] != job.worker or row["state"] != State.RUNNING:
        return StopReason.LOST
    return StopReason.CANCELLED if row["cancel_requested"] else None


def sweep(now: datetime) -> int:
    """Queue again, once, what a dead runner held; the second time it has failed. Returns how many.

    Whatever makes a process die twice (memory, most likely) would do so for ever.
    """
    swept = 0
    for job in Job.objects.of_dead_runners(now):
        dead = Job.objects.filter(pk=job.pk).of_dead_runners(now).filter(worker=job.worker, deaths=job.deaths)
        ended = {"ended_at": now, "expires_at": now + KEEP_FILE, "deaths": F("deaths") + 1}
        if job.cancel_requested:
            count = dead.update(**_CANCELLED, **ended)
        elif job.deaths + 1 >= MAX_DEATHS:
            with translation.override(job.language):
                message = gettext("The server was restarted twice while this was running.")
            count = dead.update(state=State.FAILED, message=message, **ended)
        else:
            count = dead.update(**_AGAIN, deaths=F("deaths") + 1)
        log.warning("job of a dead process", job=str(job.pk), kind=job.kind, deaths=job.deaths + count)
        changes.note(*job.topics)
        swept += count
    return swept
