"""Imports as work: small ones at once, large ones as jobs; a file is uploaded once and looked at before it counts."""

from __future__ import annotations

import io
import json
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.core import signing
from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from jobs.kinds import JobFailed, Result
from jobs.models import Job
from jobs.progress import Progress
from people import audit
from people.access import Access, access_of
from stations.uploads import UnreadableFile, UploadStorage
from transactions.models import IdTag

from .importing import FORMATS, PERMISSION, Outcome, TagImport

PREVIEW = "preview_tags"
IMPORT = "import_tags"
#: Larger files are looked at and imported by a job.
DIRECT_ROWS = 5000


class Outdated(Exception):
    """What was looked at is not what would be imported now; look again."""


@dataclass(frozen=True)
class Upload:
    """A file that waits for its owner to confirm it: its name in UploadStorage, its format, the site of new tags."""

    name: str
    format: str
    site: int | None

    def signed(self, access: Access) -> str:
        return signing.dumps(self.parameters(), salt=_salt(access))

    @classmethod
    def read(cls, text: str, access: Access) -> Upload | None:
        """What `signed` wrote for the same person within a day."""
        try:
            return cls(**signing.loads(text, salt=_salt(access), max_age=24 * 3600))
        except signing.BadSignature:
            return None

    def parameters(self) -> dict[str, Any]:
        return {"name": self.name, "format": self.format, "site": self.site}

    def dataset(self) -> Any:
        """The table; raises UnreadableFile."""
        return FORMATS[self.format]().create_dataset(UploadStorage(self.name).read())

    def remove(self) -> None:
        UploadStorage(self.name).remove()


def _salt(access: Access) -> str:
    return f"screens.tags.import.{access.user.pk}"


def is_large(data: bytes, file_format: str) -> bool:
    """Whether a file has more rows than are handled at once; reads no further than that. Raises UnreadableFile."""
    rows = FORMATS[file_format]().read(data)
    return sum(1 for _row in islice(rows, DIRECT_ROWS + 2)) > DIRECT_ROWS + 1


def look(upload: Upload, access: Access, progress: Progress) -> tuple[TagImport, Outcome]:
    """Read the file with the person's rights; raises UnreadableFile."""
    site = access.sites(PERMISSION).filter(pk=upload.site).first() if upload.site is not None else None
    if site is None and not access.everywhere(PERMISSION):
        raise UnreadableFile(_("You may no longer import tags for this site."))
    table = TagImport(access, site, progress)
    return table, table.look(upload.dataset())


def carry_out(upload: Upload, access: Access, progress: Progress) -> Outcome:
    """Import the file; nothing of it where a row has an error. Raises Outdated and UnreadableFile."""
    table, outcome = look(upload, access, progress)
    if outcome.problems or outcome.counts["error"]:
        raise Outdated
    try:
        progress.expect(progress.done + outcome.counts["new"] + outcome.counts["update"])
        table.write()
        audit.record(audit.Event.IMPORT, IdTag, actor=table.actor, **outcome.counts)
    except IntegrityError:
        raise Outdated from None
    return outcome


def import_now(upload: Upload, access: Access) -> Outcome:
    """`carry_out` for a small file, all or nothing."""
    with transaction.atomic():
        outcome = carry_out(upload, access, Progress(yields=True))
    upload.remove()
    return outcome


def summary(outcome: Outcome) -> str:
    words = _("%(new)d new, %(update)d changed, %(skip)d unchanged, %(error)d with errors.")
    return words % outcome.counts


def run_preview(job: Job, progress: Progress) -> Result:
    """The work of looking at a large file; its result is read by the page of the import."""
    upload, access = _of(job)
    try:
        _table, outcome = look(upload, access, progress)
    except UnreadableFile as error:
        raise JobFailed(str(error)) from None
    file = io.BytesIO(json.dumps(outcome.as_json()).encode())
    return Result(summary(outcome), file, "preview.json", "application/json")


def run_import(job: Job, progress: Progress) -> Result:
    """All or nothing, however the process ends (F34). SQLite lets one write at a time, and chargers would wait as long
    as the transaction lasts: there each batch has its own, and what was broken off is begun again.
    """
    upload, access = _of(job)
    at_once = transaction.atomic() if connection.vendor == "postgresql" else nullcontext()
    try:
        with at_once:
            return Result(summary(carry_out(upload, access, progress)))
    except UnreadableFile as error:
        raise JobFailed(str(error)) from None
    except Outdated:
        raise JobFailed(_("The tags have changed since you looked at the file. Upload it again.")) from None


def _of(job: Job) -> tuple[Upload, Access]:
    if job.owner is None or not job.owner.is_active:
        raise JobFailed(_("The person who wanted this has no account any more."))
    access = access_of(job.owner)
    if not access.somewhere(PERMISSION):
        raise JobFailed(_("You may no longer import tags."))
    return Upload(**job.parameters), access


def outcome_of(job: Job) -> Outcome | None:
    """What a preview's job has found; None while there is nothing to read."""
    if not job.has_file:
        return None
    try:
        with job.file.open() as file:
            return Outcome.from_json(json.load(file))
    except FileNotFoundError:
        return None
