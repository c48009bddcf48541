"""Answers that wait for a station: on the event loop; `wait_for` keeps no database connection meanwhile."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponseBase
from rest_framework import status
from rest_framework.response import Response

from stations.commands import wait_for
from stations.models import Command

from .serializers.commands import CommandSerializer


class WaitingResponse(Response):
    """An answer that `answers_later` may hold back until its command is final; without `seconds` it leaves at once."""

    def __init__(self, *args: Any, command_id: uuid.UUID, seconds: float | None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.command_id = command_id
        self.seconds = seconds


def answers_later(view: Callable[..., Any]) -> Callable[..., Any]:
    """Make REST framework's view, which is synchronous, one that waits without a thread at work."""

    @wraps(view)  # with what the library and Django's CSRF check look for on it
    async def wait(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response: HttpResponseBase = await sync_to_async(view)(request, *args, **kwargs)
        if isinstance(response, WaitingResponse) and response.seconds is not None:
            await wait_for(response.command_id, response.seconds)
            await sync_to_async(_tell)(response)
        return response

    return wait


def _tell(response: WaitingResponse) -> None:
    command = Command.objects.select_related("charge_point", "created_by").get(pk=response.command_id)
    response.data = CommandSerializer(command).data
    response.status_code = status.HTTP_200_OK if command.is_final else status.HTTP_202_ACCEPTED
