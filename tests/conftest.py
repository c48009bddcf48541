"""The cast: stations, tags, people, and the gateway they talk to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import TransactionTestCase
from django.utils import timezone

from ocpp_gateway.registry import Gateway
from stations.commands import wait_for
from stations.models import ChargePoint, Command, RegistrationStatus
from transactions.models import IdTag

from . import outbound
from .emptying import empty_tables
from .fake_charge_point import FakeChargePoint

TransactionTestCase._fixture_teardown = empty_tables
outbound.watch()


@pytest.hookimpl(tryfirst=True)  # before -m takes its choice
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever starts a server takes long."""
    for item in items:
        if item.get_closest_marker("server") is not None:
            item.add_marker("long")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """When the database is dropped the thread that async tests query in is connected no more, whatever ran last."""
    yield
    asyncio.run(sync_to_async(connections.close_all)())


@pytest.fixture(autouse=True)
def stays_on_this_machine() -> Iterator[None]:
    yield
    tried, outbound.attempts[:] = [*outbound.attempts], []
    assert tried == [], "plugcontrol connects to nothing but its database and Redis"


@pytest.fixture
async def gateway(transactional_db: None) -> AsyncIterator[Gateway]:
    """This test's gateway: started now, stopped at the end with everything it wrote committed."""
    gateway = Gateway.current()
    yield gateway
    await gateway.stop()
    await sync_to_async(connections.close_all)()  # of the thread that async tests query in


@pytest.fixture
def stored(gateway: Gateway) -> Callable[[Callable[[], Any]], Awaitable[Any]]:
    """`await stored(query)`: what is in the database once everything written so far is committed."""

    async def read(query: Callable[[], Any]) -> Any:
        await gateway.writer.drain()
        return await sync_to_async(query)()

    return read


def make_station(identity: str = "CP1", **fields: Any) -> ChargePoint:
    accepted = {
        "registration_status": RegistrationStatus.ACCEPTED,
        "accepted_at": timezone.now(),
        "booted_at": timezone.now(),
    }
    return ChargePoint.objects.create(identity=identity, **{**accepted, **fields})


@pytest.fixture
async def station(gateway: Gateway) -> ChargePoint:
    """A station that was accepted long ago."""
    return await sync_to_async(make_station)()


@pytest.fixture
async def tag(gateway: Gateway) -> IdTag:
    return await IdTag.objects.acreate(id_tag="CAFE", holder="Anna")


@pytest.fixture
async def connect(gateway: Gateway) -> AsyncIterator[Callable[..., Awaitable[FakeChargePoint]]]:
    """`cp = await connect("CP1")`: a charge point on the line; all of them leave when the test ends."""
    opened: list[FakeChargePoint] = []

    async def connect(identity: str = "CP1", **options: Any) -> FakeChargePoint:
        charge_point = FakeChargePoint(identity, **options)
        opened.append(charge_point)
        await charge_point.connect()
        return charge_point

    yield connect
    for charge_point in opened:
        await charge_point.disconnect()


@pytest.fixture
async def cp(station: ChargePoint, connect: Callable[..., Awaitable[FakeChargePoint]]) -> FakeChargePoint:
    """The accepted station, connected."""
    return await connect(station.identity)


@pytest.fixture
def ended(stored: Callable[[Callable[[], Any]], Awaitable[Any]]) -> Callable[[Command], Awaitable[Command]]:
    """`row = await ended(command)`: its row once it is over, with everything its end has changed."""

    async def ended(command: Command) -> Command:
        row = await wait_for(command.pk, 10)
        assert row.is_final, f"still {row.status}"
        return await stored(lambda: Command.objects.get(pk=command.pk))

    return ended
