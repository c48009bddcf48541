"""Kinds of work: what a job's `kind` means.

    @job_kind("export_transactions")
    def run(job: Job, progress: Progress) -> Result | None: …

They stand in a module `job_kinds` of any app. It is imported when the first job needs it, not at start, so that it may
import whatever it likes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from django.utils.module_loading import autodiscover_modules

if TYPE_CHECKING:
    from .models import Job
    from .progress import Progress


class JobFailed(Exception):
    """The work cannot be done; the text is a sentence for the job's owner. Any other exception is only logged."""


@dataclass(frozen=True)
class Result:
    """What a job has made: a sentence, a file, or both. `content` is read from its start and then closed."""

    message: str = ""
    content: BinaryIO | None = None
    file_name: str = ""
    content_type: str = "application/octet-stream"


Run = Callable[["Job", "Progress"], Result | None]

_kinds: dict[str, Run] = {}


def job_kind(name: str) -> Callable[[Run], Run]:
    """Register a function as the work of a kind. Raises ValueError if there is another one."""

    def register(run: Run) -> Run:
        if _kinds.setdefault(name, run) is not run:
            raise ValueError(f"two kinds of work are called {name!r}")
        return run

    return register


def find(name: str) -> Run:
    """The work of a kind; raises LookupError if nobody registered it."""
    if name not in _kinds:
        autodiscover_modules("job_kinds")
    if name not in _kinds:
        raise LookupError(f"no kind of work is called {name!r}")
    return _kinds[name]
