"""What an FTP login sees: one folder, whatever it is called, with at most one file in it.

A login for uploads may put one file there, one for downloads may fetch the firmware; nothing else exists, nothing can
be changed, and nothing here is a path on our disk.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from datetime import datetime
from typing import Any

from django.core.files.storage import default_storage
from django.db import Error as DatabaseError
from django.utils import timezone
from pyftpdlib.exceptions import FilesystemError
from pyftpdlib.filesystems import AbstractedFS

from . import traffic
from .database import in_database
from .models import Direction, StationFile, Transfer
from .receiving import Reception, Refused

Problem = Transfer.Problem

_ERRORS = {Problem.TOO_LARGE: errno.EFBIG, Problem.NO_SPACE: errno.ENOSPC}
TRY_AGAIN = "Try again later"


class Incoming:
    """A file that is being uploaded, as pyftpdlib wants one: it writes pieces and closes."""

    def __init__(self, reception: Reception, name: str, address: str) -> None:
        self.name = name
        self.closed = False
        self._reception, self._address = reception, address
        self._refused: Transfer.Problem | None = None
        self._told_at = 0.0

    def write(self, piece: bytes) -> int:
        """Raises OSError."""
        try:
            written = self._reception.write(piece)
        except Refused as refusal:
            self._refused = refusal.problem
            raise OSError(_ERRORS[refusal.problem], refusal.problem.label) from None
        if time.monotonic() - self._told_at > traffic.EVERY_S:
            self._told_at = time.monotonic()
            size, transfer = self._reception.size, self._reception.transfer
            in_database(traffic.progressed, transfer, size=size, address=self._address, quiet=True)
        return written

    def close(self) -> None:
        """The last word where no data connection ever came about."""
        if not self.closed:
            self.end(is_whole=False)

    def end(self, *, is_whole: bool) -> str:
        """Keep the file, or forget it; returns what is to be answered instead of the usual, if anything."""
        self.closed = True
        transfer = self._reception.transfer
        try:
            if self._refused is not None or not is_whole:
                raise Refused(self._refused or Problem.INTERRUPTED)
            in_database(self._reception.finish, self.name)
        except Refused as refusal:
            in_database(traffic.refused, transfer, refusal.problem, address=self._address, quiet=True)
            return _ANSWERS.get(refusal.problem, "")
        except DatabaseError:
            return f"451 {TRY_AGAIN}."
        finally:
            self._reception.abandon()
        return ""


_ANSWERS = {
    Problem.TOO_LARGE: "552 The file is too large.",
    Problem.NO_SPACE: "452 There is no space left for this file.",
    Problem.EMPTY: "501 The file is empty.",
    Problem.ALREADY_THERE: "553 Another file has been delivered already.",
}


class Outgoing:
    """The firmware while it is fetched."""

    def __init__(self, transfer: Transfer, storage_name: str, name: str, address: str) -> None:
        """Raises FileNotFoundError."""
        self.name = name
        self._content = default_storage.open(storage_name, "rb")
        self._transfer, self._address = transfer, address
        self._at = 0
        self._told_at = 0.0

    @property
    def closed(self) -> bool:
        return bool(self._content.closed)

    def seek(self, position: int) -> None:
        self._content.seek(position)
        self._at = position

    def read(self, size: int) -> bytes:
        piece: bytes = self._content.read(size)
        self._at += len(piece)
        if time.monotonic() - self._told_at > traffic.EVERY_S:
            self._told_at = time.monotonic()
            in_database(traffic.progressed, self._transfer, size=self._at, address=self._address, quiet=True)
        return piece

    def close(self) -> None:
        self._content.close()

    def end(self, *, is_whole: bool) -> str:
        """Note how it ended; there is nothing to be answered but the usual."""
        if is_whole:
            now = timezone.now()
            in_database(traffic.completed, self._transfer, size=self._at, address=self._address, at=now, quiet=True)
        else:
            in_database(traffic.refused, self._transfer, Problem.INTERRUPTED, address=self._address, quiet=True)
        return ""


class OneFile(AbstractedFS):  # type: ignore[misc]  # pyftpdlib has no types
    """The folder of one login. Every path names it, or the file in it by its last part."""

    def __init__(self, root: str, cmd_channel: Any) -> None:
        super().__init__("/", cmd_channel)
        self._transfer: Transfer = cmd_channel.transfer
        self._address: str = cmd_channel.remote_ip

    # what can be done

    def open(self, filename: str, mode: str) -> Incoming | Outgoing:
        """Raises FilesystemError, whose text goes to the station."""
        try:
            return in_database(self._open, os.path.basename(filename), mode)
        except Refused as refusal:
            in_database(traffic.refused, self._transfer, refusal.problem, address=self._address, quiet=True)
            raise FilesystemError(_SENTENCES[refusal.problem]) from None
        except DatabaseError:
            raise FilesystemError(TRY_AGAIN) from None

    def mkstemp(self, suffix: str = "", prefix: str = "", dir: str | None = None, mode: str = "wb") -> Any:  # noqa: A002
        """STOU: the name is ours to choose."""
        return self.open(prefix.strip(".") or "file", "wb")

    def chdir(self, path: str) -> None:
        self.cwd = path

    # what can be seen

    def listdir(self, path: str) -> list[str]:
        found = self._file()
        return [] if found is None else [found[0]]

    def isfile(self, path: str) -> bool:
        found = self._file()
        return found is not None and os.path.basename(path) == found[0]

    def isdir(self, path: str) -> bool:
        return not self.isfile(path)

    def lexists(self, path: str) -> bool:
        return self.isfile(path) or path == "/"

    def getsize(self, path: str) -> int:
        return int(self.stat(path).st_size)

    def getmtime(self, path: str) -> float:
        return self.stat(path).st_mtime

    def stat(self, path: str) -> os.stat_result:
        found = self._file()
        if found is None or os.path.basename(path) != found[0]:
            return os.stat_result((stat.S_IFDIR | 0o700, 0, 0, 2, 0, 0, 0, *[int(time.time())] * 3))
        _name, size, moment = found
        return os.stat_result((stat.S_IFREG | 0o400, 0, 0, 1, 0, 0, size, *[int(moment.timestamp())] * 3))

    lstat = stat

    def realpath(self, path: str) -> str:
        return path

    def validpath(self, path: str) -> bool:
        return True

    def get_user_by_uid(self, uid: int) -> str:
        return "charger"

    def get_group_by_gid(self, gid: int) -> str:
        return "charger"

    # how it is found

    def _open(self, name: str, mode: str) -> Incoming | Outgoing:
        transfer = Transfer.objects.select_related("charge_point", "firmware").get(pk=self._transfer.pk)
        if transfer.expires_at <= timezone.now():
            raise Refused(Problem.EXPIRED)
        if mode == "rb":
            if transfer.direction != Direction.DOWNLOAD:
                raise Refused(Problem.WRONG_METHOD)
            return self._outgoing(transfer, name)
        if transfer.direction != Direction.UPLOAD:
            raise Refused(Problem.WRONG_METHOD)
        if mode != "wb":
            raise FilesystemError("Only whole files are taken")
        return Incoming(Reception(transfer, over="ftp", address=self._address), name, self._address)

    def _outgoing(self, transfer: Transfer, name: str) -> Outgoing:
        firmware = transfer.firmware
        if firmware is None or name != firmware.file_name:
            raise FilesystemError("There is no such file")
        try:
            return Outgoing(transfer, str(firmware.file.name), name, self._address)
        except FileNotFoundError:
            raise FilesystemError("There is no such file") from None

    def _file(self) -> tuple[str, int, datetime] | None:
        """Name, size and time of the file that is there."""
        if self._transfer.firmware is not None:
            firmware = self._transfer.firmware
            return firmware.file_name, firmware.size, firmware.uploaded_at
        rows = StationFile.objects.filter(transfer=self._transfer.pk)
        row = in_database(rows.first, quiet=True)
        return None if row is None else (row.file_name, row.size, row.received_at)


_SENTENCES = {
    Problem.EXPIRED: "This login has expired",
    Problem.WRONG_METHOD: "Not with this login",
    Problem.TOO_LARGE: "The file is too large",
    Problem.NO_SPACE: "There is no space left",
}
