"""Static files through the ASGI application, as servers ask for them. A warning fails a test."""

from __future__ import annotations

from pathlib import Path

import pytest
from channels.testing import HttpCommunicator
from django.contrib.staticfiles import finders

from plugcontrol.asgi import pages

CSS = "admin/css/base.css"


async def ask(method: str = "GET", headers: tuple[tuple[bytes, bytes], ...] = ()) -> dict:
    return await HttpCommunicator(pages, method, f"/static/{CSS}", headers=list(headers)).get_response()


@pytest.fixture(scope="module")
def css() -> bytes:
    return Path(finders.find(CSS)).read_bytes()


async def test_a_file_is_sent_whole(css):
    answer = await ask()
    headers = dict(answer["headers"])
    assert (answer["status"], answer["body"]) == (200, css)
    assert headers[b"Content-Type"].startswith(b"text/css")
    assert headers[b"Content-Length"] == str(len(css)).encode()
    assert b"Content-Disposition" not in headers


async def test_a_part_of_it(css):
    answer = await ask(headers=((b"range", b"bytes=10-19"),))
    assert (answer["status"], answer["body"]) == (206, css[10:20])


async def test_only_its_headers(css):
    answer = await ask("HEAD")
    assert (answer["status"], answer["body"]) == (200, b"")
    assert dict(answer["headers"])[b"Content-Length"] == str(len(css)).encode()


async def test_nothing_for_who_has_it():
    etag = dict((await ask())["headers"])[b"ETag"]
    answer = await ask(headers=((b"if-none-match", etag),))
    assert (answer["status"], answer["body"]) == (304, b"")
