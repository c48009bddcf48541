"""Range requests (RFC 9110 §14): one range of bytes, so that a station can go on where its download broke off."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

_RANGE = re.compile(r"bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.IGNORECASE)


class NotSatisfiable(Exception):
    """A range that begins behind the end."""


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes `first` to `last`, both included, of `size`."""

    first: int
    last: int
    size: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1

    @property
    def content_range(self) -> str:
        return f"bytes {self.first}-{self.last}/{self.size}"


def wanted_span(header: str, size: int) -> Span | None:
    """The range that a Range header asks for; None for none, several, or what cannot be read: then all is sent.

    Raises NotSatisfiable.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or found[1] == found[2] == "":
        return None
    if found[1] == "":
        first, last = max(0, size - int(found[2])), size - 1
        if int(found[2]) == 0:
            raise NotSatisfiable
    else:
        first = int(found[1])
        last = size - 1 if found[2] == "" else min(int(found[2]), size - 1)
        if found[2] != "" and int(found[2]) < first:
            return None
    if first >= size:
        raise NotSatisfiable
    return Span(first, last, size)


def is_unchanged(if_range: str, *, etag: str, modified: datetime) -> bool:
    """Whether what a station has the beginning of is what we have; a header that is not sent asks for nothing."""
    return if_range.strip() in ("", etag, http_date(modified))


def http_date(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC), usegmt=True)
