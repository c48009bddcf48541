"""Files for people, sent as they are made, by servers that wait for nobody (ASGI) and by those that do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.http import content_disposition_header

PIECE_BYTES = 64 * 1024


def download(
    request: HttpRequest, pieces: Generator[bytes, None, None], content_type: str, file_name: str
) -> StreamingHttpResponse:
    """`pieces` as a file of that name. None of them may be empty: that is the end."""
    content = _in_thread(pieces) if isinstance(request, ASGIRequest) else pieces
    response = StreamingHttpResponse(content, content_type=content_type)
    response.headers["Content-Disposition"] = (
        content_disposition_header(as_attachment=True, filename=file_name) or "attachment"
    )
    return response


async def _in_thread(pieces: Generator[bytes, None, None]) -> AsyncIterator[bytes]:
    """The same in the request's own thread: Django would gather a plain iterator whole before it sends anything."""
    try:
        while piece := await sync_to_async(_next)(pieces):
            yield piece
    finally:
        await sync_to_async(pieces.close)()


def _next(pieces: Generator[bytes, None, None]) -> bytes:
    return next(pieces, b"")
