"""How often pages are told something, by a clock that the test holds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test.utils import CaptureQueriesContext

from ocpp_gateway.registry import Gateway
from people.access import access_of
from screens.live import hub as module
from screens.live.browser import Browser
from screens.live.hub import Hub
from screens.live.picture import read_stations
from screens.live.viewer import Sight, Viewer
from stations.models import ChargePoint, Connector

from ...conftest import make_station
from ...people import person


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Page:
    """A browser whose messages are kept; it reads as soon as it is told, unless it is stuck."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.ends: list[tuple[int, str]] = []
        self.may_read = asyncio.Event()
        self.may_read.set()

    async def send(self, text: str) -> None:
        await self.may_read.wait()
        self.messages.append(json.loads(text))

    def close(self, code: int, reason: str) -> None:
        self.ends.append((code, reason))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def hub(gateway: Gateway, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hub]:
    """A hub that does something only when it is told to step."""
    hub = Hub(clock)
    viewer = await sync_to_async(_viewer)()

    monkeypatch.setattr(module, "viewer_of", lambda _session_key: viewer)
    yield hub
    await hub.stop()


def _viewer() -> Viewer:
    user = person("viewer")
    return Viewer(user.pk, Sight(None, None, None), access_of(user))


async def enter(hub: Hub, *topics: str) -> Page:
    page = Page()
    viewer = await sync_to_async(_viewer)()
    browser = Browser("key", viewer, page.send, page.close)
    hub.enter(browser)
    await hub.subscribe(browser, topics, None)
    await settle()
    return page


async def settle() -> None:
    """Let the messages that were just sent arrive."""
    for _ in range(3):
        await asyncio.sleep(0)


async def step(hub: Hub) -> None:
    await hub.step()
    await settle()


@pytest.fixture
async def connector(gateway: Gateway) -> Connector:
    station = await sync_to_async(make_station)()
    return await Connector.objects.acreate(charge_point=station, connector_id=1, status="Available")


async def change(hub: Hub, connector: Connector, error: str) -> None:
    await Connector.objects.filter(pk=connector.pk).aupdate(error_code=error)
    hub.hear([f"station:{connector.charge_point_id}"])


def errors(page: Page) -> list[list[str]]:
    """What each message said of connectors."""
    return [[patch["error"] for patch in message["patches"] if patch["t"] == "connector"] for message in page.messages]


async def test_one_message_a_second_with_the_latest(hub: Hub, clock: Clock, connector: Connector) -> None:
    page = await enter(hub, f"connector:{connector.pk}")
    assert errors(page) == [[""]]
    clock.now += 5
    await change(hub, connector, "first")
    await step(hub)
    for number in range(9):
        clock.now += 0.1
        await change(hub, connector, f"number {number}")
        await step(hub)
    assert errors(page) == [[""], ["first"]]
    clock.now += 0.2
    await step(hub)
    assert errors(page) == [[""], ["first"], ["number 8"]]
    clock.now += 10
    await step(hub)
    assert len(page.messages) == 3
    assert [message["seq"] for message in page.messages] == [1, 2, 3]


async def test_what_turned_back_is_no_news(hub: Hub, clock: Clock, connector: Connector) -> None:
    page = await enter(hub, f"connector:{connector.pk}")
    clock.now += 5
    await change(hub, connector, "Overheated")
    await change(hub, connector, "")
    await step(hub)
    assert len(page.messages) == 1


async def test_rows_are_read_once_a_second_however_many_watch(
    hub: Hub, clock: Clock, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = [await enter(hub, f"station:{connector.charge_point_id}", "overview") for _ in range(5)]
    reads: list[object] = []

    def counted(pks: Any) -> Any:
        reads.append(pks)
        return read_stations(pks)

    monkeypatch.setattr(module, "read_stations", counted)
    clock.now += 5
    for number in range(20):
        await change(hub, connector, f"number {number}")
        await step(hub)
        clock.now += 0.1
    assert reads == [{connector.charge_point_id}] * 2
    assert {len(page.messages) for page in pages} == {3}
    assert {json.dumps(page.messages) for page in pages} == {json.dumps(pages[0].messages)}


async def test_a_page_that_does_not_read_holds_nobody_up(hub: Hub, clock: Clock, connector: Connector) -> None:
    stuck, other = [await enter(hub, f"connector:{connector.pk}") for _ in range(2)]
    clock.now += 5
    stuck.may_read.clear()
    for number in range(3):
        await change(hub, connector, f"number {number}")
        await step(hub)
        clock.now += 1
    assert len(other.messages) == 4
    assert stuck.ends == []
    stuck.may_read.set()
    await settle()
    await step(hub)
    assert errors(stuck) == [[""], ["number 0"], ["number 2"]]  # what lay between is not told any more

    stuck.may_read.clear()
    await change(hub, connector, "again")
    clock.now += 1
    await step(hub)
    clock.now += 21
    await step(hub)
    assert stuck.ends == [(4408, "does not read")]


async def test_a_silent_line_shows_that_it_lives(hub: Hub, clock: Clock, connector: Connector) -> None:
    page = await enter(hub, f"connector:{connector.pk}")
    clock.now += 24
    await step(hub)
    assert len(page.messages) == 1
    clock.now += 1
    await step(hub)
    assert page.messages[1] == {"v": 1, "seq": 2, "patches": [], "changed": []}


async def test_what_no_bell_told_is_found_by_looking_round(hub: Hub, clock: Clock, connector: Connector) -> None:
    page, overview = await enter(hub, f"connector:{connector.pk}"), await enter(hub, "overview")
    await Connector.objects.filter(pk=connector.pk).aupdate(error_code="unheard")
    new = await sync_to_async(make_station)("CP2")
    clock.now += 29
    await step(hub)
    assert errors(page)[-1] != ["unheard"]
    clock.now += 2
    await step(hub)
    assert errors(page)[-1] == ["unheard"]
    assert "overview" in overview.messages[-1]["changed"]
    await ChargePoint.objects.filter(pk=new.pk).aupdate(archived_at=new.created_at)
    clock.now += 31
    await step(hub)
    figures = [patch for patch in overview.messages[-1]["patches"] if patch["t"] == "figures"]
    assert figures[0]["total"] == 1


async def test_only_what_is_watched_is_read(
    hub: Hub, clock: Clock, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    await enter(hub, f"connector:{connector.pk}")
    reads: list[object] = []
    monkeypatch.setattr(module, "read_stations", lambda pks: reads.append(pks) or [])
    clock.now += 5
    hub.hear(["station:999999", "attempts", "station:x", "nonsense"])
    await step(hub)
    assert reads == []


async def test_the_newest_state_is_shown_to_who_comes_back(hub: Hub, clock: Clock, connector: Connector) -> None:
    """Nobody watched in between, so nobody has read it."""
    page = await enter(hub, f"connector:{connector.pk}")
    [browser] = hub.browsers
    hub.leave(browser)
    await change(hub, connector, "meanwhile")
    again = await enter(hub, f"connector:{connector.pk}")
    assert errors(page) == [[""]]
    assert errors(again) == [["meanwhile"]]


async def test_a_page_learns_what_changed_since_it_was_made(
    hub: Hub, clock: Clock, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall = Clock()
    monkeypatch.setattr(module.time, "time", wall)
    hub._began_at = 900.0
    topic = f"station:{connector.charge_point_id}"
    hub.hear([topic])

    async def changed_for(since: float | None) -> list[str]:
        page = Page()
        browser = Browser("key", await sync_to_async(_viewer)(), page.send, page.close)
        hub.enter(browser)
        await hub.subscribe(browser, [topic, "tags"], since)
        await settle()
        return list(page.messages[0]["changed"])

    assert await changed_for(1010.0) == []
    assert await changed_for(1001.0) == [topic]  # it may have read its rows before it took the time
    assert await changed_for(990.0) == [topic]
    assert await changed_for(890.0) == [topic, "tags"]  # nobody listened then
    assert await changed_for(0) == [topic, "tags"]
    assert await changed_for(None) == []


async def test_reading_takes_so_many_queries_for_any_number_of_chargers(gateway: Gateway) -> None:
    def queries(count: int) -> int:
        for number in range(count):
            station = make_station(f"{count}-{number}")
            Connector.objects.create(charge_point=station, connector_id=1)
        with CaptureQueriesContext(connections["default"]) as captured:
            assert len(read_stations(list(ChargePoint.objects.values_list("pk", flat=True)))) >= count
        return len(captured) - 1

    few = await sync_to_async(queries)(1)
    assert await sync_to_async(queries)(30) == few <= 6
