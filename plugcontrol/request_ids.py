"""Every answer has a number, which stands in the log beside everything that was logged for it and on error pages.

It is ours alone: what a caller sends as a number is not believed, since it would stand in the log.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextvars import ContextVar

import structlog
from django.http import HttpRequest, HttpResponseBase

HEADER = "X-Request-ID"
_current: ContextVar[str] = ContextVar("request_id", default="")


def current() -> str:
    """The number of the request that is being answered; empty where there is none."""
    return _current.get()


class RequestIdMiddleware:
    """First of those that serve pages, so that whatever goes wrong below has a number."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        number = secrets.token_hex(6)
        token = _current.set(number)
        try:
            with structlog.contextvars.bound_contextvars(request_id=number):
                response = self.get_response(request)
        finally:
            _current.reset(token)
        response.headers[HEADER] = number
        return response
