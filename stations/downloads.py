"""Files for people, sent as they are made, by servers that wait for nobody (ASGI) and by those that do."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import threading
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from typing import Any

from asgiref.sync import sync_to_async
from django.core.files import File
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.http import content_disposition_header

from .database_places import places

PIECE_BYTES = 64 * 1024
#: What a reader has not taken yet; more of it waits on the disk.
MEMORY_BYTES = 1024 * 1024


def download(
    request: HttpRequest,
    pieces: Generator[bytes, None, None],
    content_type: str,
    file_name: str,
    *,
    is_stored: bool = False,
) -> StreamingHttpResponse:
    """`pieces` as a file of that name. None of them may be empty: that is the end.

    `is_stored`: they come from the disk and ask no database. Others are made as fast as they can be, whatever the
    reader's line: who reads slowly occupies neither a place at the database nor a connection.
    """
    if isinstance(request, ASGIRequest):  # Django would gather a plain iterator whole before it sends anything
        response: StreamingHttpResponse = _Download(_in_thread(pieces) if is_stored else _made_ahead(pieces))
    else:
        response = StreamingHttpResponse(pieces)
    response.headers["Content-Type"] = content_type
    response.headers["Content-Disposition"] = (
        content_disposition_header(as_attachment=True, filename=file_name) or "attachment"
    )
    return response


class _Download(StreamingHttpResponse):
    """Ends its pieces when the reader leaves; Django would leave that to the garbage collector."""

    def __init__(self, pieces: AsyncGenerator[bytes, None]) -> None:
        super().__init__(pieces)
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async with contextlib.aclosing(self._pieces) as pieces:
            async for piece in pieces:
                yield piece


async def _in_thread(pieces: Generator[bytes, None, None]) -> AsyncGenerator[bytes, None]:
    """The same in the request's own thread, each when the reader wants it."""
    try:
        while piece := await sync_to_async(_next)(pieces):
            yield piece
    finally:
        await sync_to_async(pieces.close)()


def _next(pieces: Generator[bytes, None, None]) -> bytes:
    return next(pieces, b"")


async def _made_ahead(pieces: Generator[bytes, None, None]) -> AsyncGenerator[bytes, None]:
    """The same, made in the request's own thread and kept until the reader wants it."""
    with _Shelf() as shelf:
        making = asyncio.create_task(sync_to_async(_make)(pieces, shelf))
        making.add_done_callback(lambda _: shelf.news.set())
        try:
            is_complete = False
            while not is_complete:
                shelf.news.clear()
                is_complete = making.done()  # asked first: what comes later is news
                while piece := await asyncio.to_thread(shelf.take):
                    yield piece
                if not is_complete:
                    await shelf.news.wait()
            await making
        finally:
            shelf.is_left = True
            await asyncio.gather(making, return_exceptions=True)


def _make(pieces: Generator[bytes, None, None], shelf: _Shelf) -> None:
    # patiently, for the answer has begun: no word can say that it is crowded
    with places.taken(patiently=True), contextlib.closing(pieces):
        while not shelf.is_left and (piece := next(pieces, b"")):
            shelf.put(piece)


class _Shelf:
    """Pieces between the thread that makes them and the event loop that sends them; `news` is set for each."""

    def __init__(self) -> None:
        self.news = asyncio.Event()
        self.is_left = False
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._file = tempfile.SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115 - closed at our own end
        self._lengths: deque[int] = deque()
        self._taken = self._put = 0

    def __enter__(self) -> _Shelf:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def put(self, piece: bytes) -> None:
        with self._lock:
            self._file.seek(self._put)
            self._put += self._file.write(piece)
            self._lengths.append(len(piece))
        self._loop.call_soon_threadsafe(self.news.set)

    def take(self) -> bytes:
        """The next piece; empty if there is none yet."""
        with self._lock:
            if not self._lengths:
                return b""
            self._file.seek(self._taken)
            piece = self._file.read(self._lengths.popleft())
            self._taken += len(piece)
            return piece


def pieces_of(file: Any) -> Generator[bytes, None, None]:
    """The content of a FileField in pieces. Raises FileNotFoundError, at once, if it is not there (any more)."""
    if not file:
        raise FileNotFoundError
    return _read(file.storage.open(file.name, "rb"))


def _read(file: File[bytes]) -> Generator[bytes, None, None]:
    with file:
        while piece := file.read(PIECE_BYTES):
            yield piece
