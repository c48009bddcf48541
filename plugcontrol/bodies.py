"""How much of a request's body is read: Django's handler would spool all of it before anybody asks who sends it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.http import HttpResponse

from api.parsing import MAX_BYTES as MAX_API_BYTES
from api.problems import too_large
from plugcontrol.large_uploads import allowance
from stations.uploads import MAX_BYTES as MAX_UPLOAD_BYTES

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

#: The largest table with its form around it.
MAX_PAGE_BYTES = MAX_UPLOAD_BYTES + 1024 * 1024


class _TooLarge(Exception):
    """More arrived than this address takes."""


class BodyLimits:
    """Around the HTTP application: 413 for a body above the limit, by its Content-Length or by the bytes that come.

    The API also takes bodies without Content-Length (chunked): they get the one that REST framework reads by. A
    firmware may be larger, for those who may store one and announce its length: see `large_uploads`.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_api = scope["path"].startswith("/api/")
        length = _announced(scope)
        limit = MAX_API_BYTES if is_api else MAX_PAGE_BYTES
        if length is not None and length > limit:
            limit = await allowance(scope) or limit
        receive = _counting(receive, limit)
        try:
            if length is not None and length > limit:
                raise _TooLarge
            if length is None and is_api:
                scope, receive = await _measured(scope, receive)
            await self._application(scope, receive, send)
        except _TooLarge:
            await _send(too_large(is_api), send)


def _announced(scope: Scope) -> int | None:
    """Content-Length; None for none, or for what is no number."""
    values = [value for name, value in scope["headers"] if name == b"content-length"]
    if len(values) != 1 or not values[0].isdigit():
        return None
    return int(values[0][:19])  # above every limit as it is, and int() refuses thousands of digits


def _counting(receive: Receive, limit: int) -> Receive:
    """`receive`, which raises _TooLarge with the first byte above the limit."""
    received = 0

    async def counted() -> Mapping[str, Any]:
        nonlocal received
        message = await receive()
        if message["type"] == "http.request":
            received += len(message.get("body", b""))
            if received > limit:
                raise _TooLarge
        return message

    return counted


async def _measured(scope: Scope, receive: Receive) -> tuple[Scope, Receive]:
    """The request with its whole body in one message and, if there is any, a Content-Length."""
    first = message = await receive()
    body = bytearray()
    while message["type"] == "http.request":
        body += message.get("body", b"")
        if not message.get("more_body", False):
            first = {"type": "http.request", "body": bytes(body), "more_body": False}
            break
        message = first = await receive()
    if body:
        others = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
        scope = {**scope, "headers": [*others, (b"content-length", b"%d" % len(body))]}
    kept = [first]

    async def replayed() -> Mapping[str, Any]:
        return kept.pop() if kept else await receive()

    return scope, replayed


async def _send(response: HttpResponse, send: Send) -> None:
    response["Content-Length"] = str(len(response.content))
    headers = [(name.lower().encode(), value.encode()) for name, value in response.items()]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": response.content, "more_body": False})
