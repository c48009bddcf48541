"""Long work: what takes longer than a page may, with progress, a result file and an end that is always told.

    job = jobs.queue("export_transactions", title=_("Transactions of November"), owner=user, parameters={…})

A kind of work is a function registered with `jobs.kinds.job_kind` in an app's `job_kinds.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from .models import Job


def queue(kind: str, title: str, owner: User, parameters: dict[str, Any]) -> Job:
    """Have `kind` run with `parameters` (JSON) as soon as a runner is free; its words are in the present language.

    The same work that still waits or runs for the same person is returned instead of being queued twice.
    Raises `jobs.models.TooManyJobs`, whose text is for the person, and LookupError for a kind nobody registered.
    """
    # the package is imported before the models may be
    from . import kinds
    from .models import Job

    kinds.find(kind)
    return Job.objects.queue(kind, title, owner, parameters)
