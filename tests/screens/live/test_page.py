"""The line of an open page: who gets one, and what ends it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from screens.live import consumer
from screens.live.consumer import BURST, MAX_MESSAGE, MAX_TOPICS, Bucket
from screens.live.hub import Hub

from ...people import person
from .conftest import OpenPage

Opens = Callable[[User], Awaitable[OpenPage]]


@pytest.fixture
async def viewer(hub: Hub) -> User:
    return await sync_to_async(person)("viewer")


@pytest.mark.parametrize("key", ["", "x" * 32, "'; DROP TABLE", "\xff"])
async def test_nobody_without_a_session(hub: Hub, key: str) -> None:
    page = OpenPage(key)
    assert await page.open() == "websocket.accept"
    assert await page.is_closed() == (4401, "logged out")
    assert hub.browsers == set()


@pytest.mark.parametrize("origin", ["https://evil.example", "http://testserver.evil.example", "null", "", None])
async def test_pages_of_other_sites_get_no_line(hub: Hub, origin: str | None) -> None:
    page = OpenPage("", origin)
    assert await page.open() == "websocket.close"


HOSTILE = {
    "no JSON": "subscribe",
    "half": '{"subscribe": ["overview"',
    "a number": "17",
    "null": "null",
    "a list": '["overview"]',
    "no topics": "{}",
    "topics that are none": '{"subscribe": "overview"}',
    "numbers as topics": '{"subscribe": [17]}',
    "something else too": '{"subscribe": [], "as": "administrator"}',
    "a moment that is none": '{"subscribe": [], "since": "yesterday"}',
    "too many topics": json.dumps({"subscribe": [f"station:{number}" for number in range(MAX_TOPICS + 1)]}),
    "a long topic": json.dumps({"subscribe": ["x" * 65]}),
    "too large": json.dumps({"subscribe": ["x"] * 20, "since": 1} | {"pad": "x" * MAX_MESSAGE}),
    "deep": "[" * 10_000,
    "a lone surrogate": '{"subscribe": ["\ud800"]}',
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
async def test_what_is_no_message_ends_the_line_and_nobody_elses(open_page: Opens, viewer: User, text: str) -> None:
    page, other = await open_page(viewer), await open_page(viewer)
    await page.say(text)
    code, reason = await page.is_closed()
    assert code == 4400
    assert reason
    assert (await other.subscribe("overview"))["snapshot"]


async def test_bytes_are_no_message(open_page: Opens, viewer: User) -> None:
    page = await open_page(viewer)
    await page.say(bytes=b'{"subscribe": []}')
    assert (await page.is_closed())[0] == 4400


@pytest.mark.parametrize(
    "topic",
    ["", "station:", "station:0", "station:-1", "station:1e9", "station:٣", "station:999999999999999999", "job:x",
     "job:00000000-0000-0000-0000-000000000000", "person:1", "everything", "overview "],
)  # fmt: skip
async def test_topics_that_are_none_are_refused_and_the_line_stays(open_page: Opens, viewer: User, topic: str) -> None:
    page = await open_page(viewer)
    snapshot = await page.subscribe(topic)
    assert snapshot["refused"] == [topic]
    assert snapshot["patches"] == []


async def test_who_says_too_much_is_cut_off(open_page: Opens, viewer: User) -> None:
    page = await open_page(viewer)
    for _ in range(BURST):
        await page.subscribe()
    await page.say('{"subscribe": []}')
    assert await page.is_closed() == (4429, "too many messages")


def test_a_page_may_speak_again_after_a_while() -> None:
    bucket = Bucket(now=0.0)
    assert [bucket.take(0.0) for _ in range(BURST + 1)] == [True] * BURST + [False]
    assert [bucket.take(2.0), bucket.take(2.0)] == [True, False]
    assert [bucket.take(10_000.0) for _ in range(BURST + 1)] == [True] * BURST + [False]


async def test_a_person_opens_so_many_pages_and_no_more(
    open_page: Opens, viewer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "MAX_PAGES", 2)
    first, second, third = [await open_page(viewer) for _ in range(3)]
    assert (await third.is_closed())[0] == 4429
    await first.leave()
    fourth = await open_page(viewer)
    assert (await fourth.subscribe())["snapshot"]
    assert (await second.subscribe())["snapshot"]


async def test_a_page_that_left_is_forgotten(open_page: Opens, viewer: User, hub: Hub) -> None:
    page = await open_page(viewer)
    await page.subscribe("overview")
    assert len(hub.browsers) == 1
    await page.leave()
    assert hub.browsers == set()


async def test_a_fault_of_ours_ends_no_line(open_page: Opens, viewer: User, hub: Hub, monkeypatch: Any) -> None:
    page = await open_page(viewer)
    await page.subscribe("tags")
    faults, reading = [ZeroDivisionError()], hub._read

    async def broken(now: float, heard: set[str]) -> Any:
        if faults:
            raise faults.pop()
        return await reading(now, heard)

    monkeypatch.setattr("screens.live.hub.READ_AGAIN_S", 0.05)
    monkeypatch.setattr(hub, "_read", broken)
    hub.hear(["tags"])
    assert await page.hears_nothing()
    assert faults == []
    hub.hear(["tags"])
    await page.hears_change("tags")
