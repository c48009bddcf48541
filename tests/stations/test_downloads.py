"""Files that are made while they are sent: by who makes them quickly, for who reads them slowly."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator

import pytest
from django.test import AsyncRequestFactory, RequestFactory

from stations import downloads
from stations.database_places import PLACES, Places, places
from stations.downloads import download


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


class Making:
    """Pieces that tell how they fare."""

    def __init__(self, count: int = 5) -> None:
        self._count = count
        self.made: list[bytes] = []
        self.free_meanwhile: set[int] = set()
        self.is_over = threading.Event()

    def pieces(self) -> Generator[bytes, None, None]:
        try:
            for number in range(self._count):
                self.free_meanwhile.add(places.free)
                self.made.append(b"%d\n" % number)
                yield self.made[-1]
        finally:
            self.is_over.set()


def response_of(pieces: Generator[bytes, None, None], *, is_stored: bool = False):
    return download(AsyncRequestFactory().get("/"), pieces, "text/csv", "a.csv", is_stored=is_stored)


@pytest.mark.parametrize("memory_bytes", [1, 1024])
async def test_a_slow_reader_occupies_no_place(monkeypatch, memory_bytes):
    monkeypatch.setattr(downloads, "MEMORY_BYTES", memory_bytes)
    making = Making()
    reading = aiter(response_of(making.pieces()))

    read = [await anext(reading)]
    await eventually(lambda: making.is_over.is_set() and places.free == PLACES)
    assert making.free_meanwhile == {PLACES - 1}

    read += [piece async for piece in reading]
    assert read == making.made == [b"0\n", b"1\n", b"2\n", b"3\n", b"4\n"]


async def test_nothing_more_is_made_for_a_reader_who_left():
    making = Making(10**9)
    reading = aiter(response_of(making.pieces()))

    assert await anext(reading) == b"0\n"
    await reading.aclose()

    assert making.is_over.is_set()
    assert places.free == PLACES


async def test_a_reader_hears_that_it_went_wrong():
    def breaks() -> Generator[bytes, None, None]:
        yield b"0\n"
        raise RuntimeError("broken")

    reading = aiter(response_of(breaks()))

    assert await anext(reading) == b"0\n"
    with pytest.raises(RuntimeError, match="broken"):
        await anext(reading)
    assert places.free == PLACES


async def test_a_stored_file_is_read_as_it_is_sent_and_needs_no_place():
    making = Making()
    reading = aiter(response_of(making.pieces(), is_stored=True))

    assert await anext(reading) == b"0\n"
    assert making.made == [b"0\n"]
    await reading.aclose()
    assert making.is_over.is_set()
    assert making.free_meanwhile == {PLACES}


def test_a_server_that_waits_for_each_reader_gets_the_pieces_themselves():
    making = Making()
    response = download(RequestFactory().get("/"), making.pieces(), "text/csv", "ä.csv")

    assert response.headers["Content-Type"] == "text/csv"
    assert response.headers["Content-Disposition"] == "attachment; filename*=utf-8''%C3%A4.csv"
    assert b"".join(response.streaming_content) == b"0\n1\n2\n3\n4\n"


async def test_nothing_is_made_for_a_reader_who_left_the_queue(monkeypatch):
    one, is_enough = Places(1), threading.Event()
    monkeypatch.setattr(downloads, "places", one)

    def hold() -> None:
        with one.taken():
            is_enough.wait(10)

    holding = asyncio.create_task(asyncio.to_thread(hold))
    await eventually(lambda: one.free == 0)
    making = Making()
    reading = asyncio.ensure_future(anext(aiter(response_of(making.pieces()))))
    await eventually(lambda: one.waiting == 1)
    reading.cancel()
    await asyncio.sleep(0)  # it hears of it while it still waits for its turn
    is_enough.set()
    await holding
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert making.made == []
