"""Answers that wait for a station: on the event loop; `wait_for` keeps no place at the database meanwhile."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponseBase
from rest_framework import status
from rest_framework.response import Response

from stations.commands import wait_for
from stations.database_places import places
from stations.models import Command

from .serializers.commands import CommandSerializer
from .throttling import who

#: At a time, in each server process: every waiter looks at its row now and then, in a thread of its own.
MAX_WAITS = 200
MAX_WAITS_EACH = 20
_waits: Counter[str] = Counter()


class WaitingResponse(Response):
    """An answer that `answers_later` may hold back until its command is final; without `seconds` it leaves at once."""

    def __init__(self, *args: Any, command_id: uuid.UUID, seconds: float | None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.command_id = command_id
        self.seconds = seconds


def answers_later(view: Callable[..., Any]) -> Callable[..., Any]:
    """Make REST framework's view, which is synchronous, one that waits without a thread at work.

    Above MAX_WAITS, or MAX_WAITS_EACH of one key or person, the answer leaves at once: the command is stored.
    """

    @wraps(view)  # with what the library and Django's CSRF check look for on it
    async def wait(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response: HttpResponseBase = await sync_to_async(view)(request, *args, **kwargs)
        if isinstance(response, WaitingResponse) and response.seconds is not None:
            with _place(who(request)) as may_wait:
                if may_wait:
                    await wait_for(response.command_id, response.seconds)
            await sync_to_async(_tell)(response)
        return response

    return wait


@contextmanager
def _place(name: str) -> Iterator[bool]:
    """Whether one more may wait; counted while it does. Only event loops come here: one in a process."""
    if _waits.total() >= MAX_WAITS or _waits[name] >= MAX_WAITS_EACH:
        yield False
        return
    _waits[name] += 1
    try:
        yield True
    finally:
        _waits[name] -= 1
        if not _waits[name]:
            del _waits[name]


def _tell(response: WaitingResponse) -> None:
    places.come_back()
    command = Command.objects.select_related("charge_point", "created_by").get(pk=response.command_id)
    response.data = CommandSerializer(command).data
    response.status_code = status.HTTP_200_OK if command.is_final else status.HTTP_202_ACCEPTED
