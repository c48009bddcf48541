"""A file from a station on its way to the disk, by whatever way it comes: in pieces, bounded, all or nothing.

Plain synchronous code; who calls it (`http`, `ftp`) decides in which thread. Half a file is never seen by anybody: it
lies among the scratch files until it is whole.
"""

from __future__ import annotations

import contextlib
import errno
import shutil
import uuid
from hashlib import sha256
from pathlib import Path
from typing import IO

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from stations.stored_files import scratch

from . import traffic
from .models import StationFile, Transfer

Problem = Transfer.Problem

FOLDER = "station-files"
#: What must stay free for the database: a full disk would stop the chargers, a missing file stops nobody.
RESERVE_BYTES = 256 * 1024 * 1024
MAX_NAME = 255


class Refused(Exception):
    """This file is not taken; the problem says why."""

    def __init__(self, problem: Transfer.Problem) -> None:
        super().__init__(problem.label)
        self.problem = problem


class Reception:
    """One attempt to deliver the file of a transfer. `over` is http, https or ftp.

    Of a file that is there already the bytes are only compared: a station that missed our answer sends them again.
    """

    def __init__(self, transfer: Transfer, *, over: str, address: str, announced: int | None = None) -> None:
        """`announced` are the bytes that the station says will come. Raises Refused: TOO_LARGE, NO_SPACE."""
        if announced is not None and announced > transfer.max_bytes:
            raise Refused(Problem.TOO_LARGE)
        self.transfer = transfer
        self.size = 0
        self._over, self._address = over, address
        self._hash = sha256()
        self._scratch: IO[bytes] | None = None
        if transfer.done_at is None:
            _check_space(announced or 0)
            self._scratch = (scratch() / f"upload-{uuid.uuid4().hex}").open("xb")

    def write(self, piece: bytes) -> int:
        """Take the next bytes. Raises Refused: TOO_LARGE, NO_SPACE."""
        self.size += len(piece)
        if self.size > self.transfer.max_bytes:
            raise Refused(Problem.TOO_LARGE)
        self._hash.update(piece)
        if self._scratch is not None:
            _check_space(len(piece))
            try:
                self._scratch.write(piece)
            except OSError as error:
                raise _no_space(error) from None
        return len(piece)

    def finish(self, file_name: str) -> StationFile:
        """The whole file is here: keep it. Raises Refused: EMPTY, ALREADY_THERE (another file is), NO_SPACE.

        The same file a second time is the first one's row.
        """
        if self.size == 0:
            raise Refused(Problem.EMPTY)
        if self._scratch is None:
            return self._same_as_before()
        try:
            self._scratch.close()
            with open(self._scratch.name, "rb") as whole:
                name = default_storage.save(f"{FOLDER}/{uuid.uuid4().hex}", _Whole(whole, self._scratch.name))
        except OSError as error:
            raise _no_space(error) from None
        kept: StationFile | None = None
        try:
            kept = self._keep(name, file_name)
        finally:
            if kept is None or kept.file.name != name:
                default_storage.delete(name)
        return kept

    def abandon(self) -> None:
        """Forget what has come so far; of a file that is kept nothing is left to forget."""
        if self._scratch is not None:
            # closing writes what is left, which a full disk does not take
            with contextlib.suppress(OSError):
                self._scratch.close()
            Path(self._scratch.name).unlink(missing_ok=True)

    @transaction.atomic
    def _keep(self, name: str, file_name: str) -> StationFile:
        now = timezone.now()
        transfer = Transfer.objects.select_for_update(of=("self",), no_key=True).get(pk=self.transfer.pk)
        if transfer.done_at is not None:  # another attempt was faster
            return self._same_as_before()
        row = StationFile.objects.create(
            charge_point_id=transfer.charge_point_id,
            transfer=transfer,
            kind=transfer.kind,
            file=name,
            file_name=storable_name(file_name),
            size=self.size,
            sha256=self._hash.hexdigest(),
            over=self._over,
            remote_address=self._address[:64],
            received_at=now,
        )
        traffic.completed(transfer, size=self.size, address=self._address, at=now)
        return row

    def _same_as_before(self) -> StationFile:
        row = StationFile.objects.filter(transfer=self.transfer.pk).order_by("received_at").first()
        if row is None or row.sha256 != self._hash.hexdigest():
            raise Refused(Problem.ALREADY_THERE)
        return row


class _Whole(File):  # type: ignore[type-arg]  # only stubs know its content
    """A file that the storage may move instead of copying it."""

    def temporary_file_path(self) -> str:
        return str(self.name)


def storable_name(file_name: str) -> str:
    """The last part of a path, without what no file system or database takes; "file" if nothing is left."""
    last = file_name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    name = "".join(letter for letter in last if letter.isprintable() and letter not in '<>:"|?*').strip(" .")
    stem, dot, ending = name.rpartition(".")
    if len(name) > MAX_NAME and dot and len(ending) < 20:
        return f"{stem[: MAX_NAME - len(ending) - 1]}.{ending}"
    return name[:MAX_NAME] or "file"


def _check_space(needed: int) -> None:
    if shutil.disk_usage(settings.DATA_DIR).free - needed < RESERVE_BYTES:
        raise Refused(Problem.NO_SPACE)


def _no_space(error: OSError) -> Exception:
    return Refused(Problem.NO_SPACE) if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else error
