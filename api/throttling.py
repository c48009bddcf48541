"""So many requests a minute and no more, counted in each server process by itself."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from plugcontrol.limits import source_of

from .authentication import key_of

WINDOW_S = 60


class PerMinute(BaseThrottle):
    """Counts by key, else by person, else by address; those without a valid login get a smaller share.

    A counter per minute: the library's own throttle keeps the time of every request in a list.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        window = int(time.time()) // WINDOW_S
        entry = f"api-requests:{who(request)}:{window}"
        cache.add(entry, 0, timeout=WINDOW_S)
        try:
            return cache.incr(entry) <= _limit(request)
        except ValueError:  # pushed out of the cache between the two lines
            return True

    def wait(self) -> float:
        return WINDOW_S - time.time() % WINDOW_S


def who(request: Request | HttpRequest) -> str:
    """Key, else person, else address."""
    key = key_of(request)
    if key is not None:
        return f"key-{key.pk}"
    if request.user is not None and request.user.is_authenticated:
        return f"user-{request.user.pk}"
    # uvicorn has put a trusted proxy's word there already; a header of the client's own making is never believed
    return f"address-{source_of(request.META.get('REMOTE_ADDR', ''))}"


def _limit(request: Request) -> int:
    known = request.user is not None and request.user.is_authenticated
    return settings.API_REQUESTS_PER_MINUTE if known else settings.API_ANONYMOUS_REQUESTS_PER_MINUTE
