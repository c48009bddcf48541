"""Bodies end where the limit is, whoever sends them, and a chunked one is a body like any other."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator

from plugcontrol.asgi import application
from transactions.models import IdTag

from .api.conftest import make_key

MIB = 1024 * 1024
UPLOAD = "/admin/transactions/idtag/import/"


class Request(ApplicationCommunicator):
    """A request whose body arrives as it is sent here."""

    def __init__(self, method: str, path: str, **headers: str) -> None:
        encoded = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "http_version": "1.1", "method": method, "path": path, "query_string": b""}
        super().__init__(application, {**scope, "headers": [(b"host", b"testserver"), *encoded]})

    async def part(self, body: bytes, more: bool = True) -> None:
        await self.send_input({"type": "http.request", "body": body, "more_body": more})

    async def answer(self) -> tuple[int, dict[bytes, bytes], bytes]:
        start = await self.receive_output(10)
        body = b""
        while True:
            message = await self.receive_output(10)
            body += message["body"]
            if not message.get("more_body"):
                await self.wait(10)
                return start["status"], dict(start["headers"]), body


def assert_problem(answer: tuple[int, dict[bytes, bytes], bytes]) -> None:
    status, headers, body = answer
    assert (status, headers[b"content-type"]) == (413, b"application/problem+json")
    assert headers[b"content-length"] == b"%d" % len(body)
    problem: dict[str, Any] = json.loads(body)
    assert (problem["status"], problem["code"]) == (413, "too_large")


@pytest.mark.parametrize("length", [str(MIB + 1), "9" * 30, "9" * 5000])
async def test_an_announced_body_is_refused_unread(length: str) -> None:
    assert_problem(await Request("POST", "/api/v1/id-tags/", content_length=length).answer())


@pytest.mark.parametrize("headers", [{"transfer_encoding": "chunked"}, {"content_length": "10"}])
async def test_a_body_is_counted_as_it_comes(headers: dict[str, str]) -> None:
    request = Request("POST", "/api/v1/id-tags/", **headers)
    for _ in range(16):
        await request.part(b"x" * (MIB // 16))
    assert await request.receive_nothing()
    await request.part(b"x")
    assert_problem(await request.answer())


async def test_a_page_takes_a_file_of_the_largest_size_and_no_more() -> None:
    request = Request("POST", UPLOAD, transfer_encoding="chunked")
    for _ in range(11):
        await request.part(b"x" * MIB)
    assert await request.receive_nothing()
    await request.part(b"x")
    assert (await request.answer())[0] == 413
    assert (await Request("POST", UPLOAD, content_length=str(11 * MIB + 1)).answer())[0] == 413


@pytest.mark.django_db(transaction=True)
async def test_a_chunked_body_is_obeyed() -> None:
    tag = await IdTag.objects.acreate(id_tag="CAFE")
    secret = await sync_to_async(make_key)()
    headers = {"authorization": f"Token {secret}", "content_type": "application/json"}
    request = Request("PATCH", "/api/v1/id-tags/CAFE/", **headers, transfer_encoding="chunked")
    await request.part(b'{"blocked"')
    await request.part(b": true}")
    await request.part(b"", more=False)

    status, _, body = await request.answer()

    assert (status, json.loads(body)["blocked"]) == (200, True)
    await tag.arefresh_from_db()
    assert tag.blocked


async def test_who_leaves_in_the_middle_of_a_body_gets_nothing() -> None:
    request = Request("POST", "/api/v1/id-tags/", transfer_encoding="chunked")
    await request.part(b"{")
    await request.send_input({"type": "http.disconnect"})
    await request.wait(10)
    assert await request.receive_nothing()
