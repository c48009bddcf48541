"""Jobs: the row is the truth, whoever runs it."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from stations import changes

#: How long a result file stays.
KEEP_FILE = timedelta(hours=24)
#: How long the row stays after that, for those who ask what became of their file.
KEEP_ROW = timedelta(days=30)
#: A runner that has not beaten for so long is dead.
DEAD_AFTER = timedelta(seconds=30)
#: Unfinished jobs a person may have.
MAX_UNFINISHED = 20
#: Runs that may end with the death of their process.
MAX_DEATHS = 2


class TooManyJobs(Exception):
    """The person has too many unfinished jobs; the text says so."""


class State(models.TextChoices):
    QUEUED = "queued", _("waiting")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


UNFINISHED = (State.QUEUED, State.RUNNING)


class JobQuerySet(models.QuerySet["Job"]):
    def unfinished(self) -> JobQuerySet:
        return self.filter(state__in=UNFINISHED)

    def of_dead_runners(self, now: datetime) -> JobQuerySet:
        return self.filter(state=State.RUNNING, beat_at__lt=now - DEAD_AFTER)

    @transaction.atomic
    def queue(self, kind: str, title: str, owner: User, parameters: dict[str, Any]) -> Job:
        """See `jobs.queue`."""
        # a second press at the same moment waits here, and finds the first one's job
        User.objects.select_for_update(no_key=True).filter(pk=owner.pk).first()
        own = self.unfinished().filter(owner=owner)
        for job in own.filter(kind=kind, cancel_requested=False):
            if job.parameters == parameters:
                return job
        if own.count() >= MAX_UNFINISHED:
            raise TooManyJobs(gettext("You already have %(count)d unfinished jobs.") % {"count": MAX_UNFINISHED})
        language = get_language() or settings.LANGUAGE_CODE
        job = self.create(kind=kind, title=title[:200], owner=owner, parameters=parameters, language=language)
        changes.note(*job.topics)
        return job


class Job(models.Model):
    """A piece of long work.

    `done` of `total` steps are behind it; `total` is 0 while nobody knows. `message` is a sentence for its owner, in
    `language`. `file` is what it made, kept until `expires_at`. While it runs, `worker` is the runner that holds it and
    `beat_at` when that was last alive; `deaths` counts the runners that died over it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(_("kind"), max_length=50)
    title = models.CharField(_("title"), max_length=200)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("person"), null=True, on_delete=models.SET_NULL, related_name="jobs"
    )
    parameters = models.JSONField(_("parameters"), default=dict)
    language = models.CharField(_("language"), max_length=10)

    state = models.CharField(_("state"), max_length=9, choices=State, default=State.QUEUED)
    done = models.PositiveBigIntegerField(_("done"), default=0)
    total = models.PositiveBigIntegerField(_("of"), default=0)
    message = models.CharField(_("message"), max_length=500, blank=True)
    cancel_requested = models.BooleanField(_("to be cancelled"), default=False)

    file = models.FileField(_("file"), blank=True)
    file_name = models.CharField(_("file name"), max_length=200, blank=True)
    content_type = models.CharField(_("content type"), max_length=100, blank=True)

    created_at = models.DateTimeField(_("created"), default=timezone.now)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    expires_at = models.DateTimeField(_("kept until"), null=True, blank=True)

    worker = models.CharField(_("process"), max_length=100, blank=True)
    beat_at = models.DateTimeField(_("last sign of life"), null=True, blank=True)
    deaths = models.PositiveSmallIntegerField(_("died over it"), default=0)

    objects = JobQuerySet.as_manager()

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["created_at"], name="job_unfinished", condition=models.Q(state__in=UNFINISHED)),
            models.Index(fields=["owner", "-created_at"], name="job_of_owner"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def topics(self) -> tuple[str, str]:
        """What those who watch it have subscribed to."""
        return f"job:{self.pk}", "jobs"

    @property
    def is_unfinished(self) -> bool:
        return self.state in UNFINISHED

    @property
    def percent(self) -> int | None:
        """0 to 100; None while nobody knows how much there is to do."""
        if self.state == State.DONE:
            return 100
        return min(100, self.done * 100 // self.total) if self.total else None

    @property
    def has_file(self) -> bool:
        return self.state == State.DONE and bool(self.file)

    def cancel(self) -> bool:
        """End it before it runs, or ask its runner to stop; False if it was over already."""
        with transaction.atomic():
            mine = Job.objects.filter(pk=self.pk)
            over = {"state": State.CANCELLED, "ended_at": timezone.now(), "expires_at": timezone.now() + KEEP_FILE}
            heard = mine.filter(state=State.QUEUED).update(**over)
            heard = heard or mine.filter(state=State.RUNNING).update(cancel_requested=True)
            changes.note(*self.topics)
        return bool(heard)
