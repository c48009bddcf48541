"""The log as a file: a message a line, newest first, made while it is sent."""

from __future__ import annotations

import json
import math
from collections.abc import Generator, Iterator
from typing import Any, NoReturn

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _

from jobs.progress import Progress
from people.access import Access
from stations.downloads import download
from stations.masking import mask_text
from stations.models import ChargePoint, Message

from ..pages import Allowed
from ..tag_numbers import hide_tags
from .forms import VIEW, MessageFilters
from .search import Asked, Found, search

#: Messages in one file; who wants others narrows the filter.
CAP = 100_000
AT_ONCE = 1_000


class MessageDownload(Allowed):
    permission = VIEW
    http_method_names = ["get", "head", "options"]

    def get(self, request: HttpRequest) -> HttpResponseBase:
        asked = MessageFilters(request.GET, access=self.access).asked()
        name = f"plugcontrol-messages-{timezone.localtime():%Y-%m-%d_%H%M}.jsonl"
        return download(request, pieces(asked, self.access), "application/x-ndjson", name)


def pieces(asked: Asked, access: Access) -> Generator[bytes, None, None]:
    """The file's lines, some at a time; its last one says so if there were more than CAP messages."""
    names: dict[int, str] = {}
    left = CAP
    calm = Progress(yields=True)  # chargers on this process are served meanwhile
    for found in _stretches(asked):
        messages = found.messages[:left]
        left -= len(messages)
        missing = {message.charge_point_id for message in messages} - names.keys()
        names |= dict(ChargePoint.objects.filter(pk__in=missing).values_list("pk", "identity"))
        if lines := "".join(_line(message, names, access) for message in calm.over(messages)):
            yield lines.encode()
        if not left:
            if found.older is not None:
                note = _("Only the newest %(cap)d messages are in this file: narrow the filter for older ones.")
                yield (json.dumps({"note": note % {"cap": CAP}}, ensure_ascii=False) + "\n").encode()
            return


def _stretches(asked: Asked) -> Iterator[Found]:
    before: int | None = None
    while True:
        found = search(asked, before, AT_ONCE, whole=True)
        yield found
        if found.older is None:
            return
        before = found.older


def _line(message: Message, names: dict[int, str], access: Access) -> str:
    entry: dict[str, Any] = {
        "at": message.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "station": names.get(message.charge_point_id, ""),
        "direction": message.direction,
        "action": message.action,
        "message_id": message.unique_id,
        "frame": _frame(hide_tags(mask_text(message.text), access)),
    }
    return json.dumps(entry) + "\n"


def _frame(text: str) -> Any:
    """The frame as JSON; as text where it is none, or was too long to be kept whole."""
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        return text


def _refuse(constant: str) -> NoReturn:
    """NaN and its like, which Python reads and writes and JSON does not know."""
    raise ValueError(constant)


def _finite(number: str) -> float:
    """Python makes an infinity of 1e400, and would write it as one."""
    value = float(number)
    return value if math.isfinite(value) else _refuse(number)
