"""Programs with keys, people with sessions, and what they get."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.core.cache import cache
from django.db import connections
from django.test import AsyncClient, Client

from api.keys import create_key
from api.models import Scope
from ocpp_gateway.registry import Gateway

from ..people import person


@pytest.fixture(autouse=True)
def forgotten_requests() -> Iterator[None]:
    """Every test starts with its whole allowance."""
    cache.clear()
    yield
    cache.clear()


def make_key(scope: str = "admin", who: str = "administrator", **fields: Any) -> str:
    """A key of somebody with a role; returns what goes into the header."""
    return create_key(f"{who} {scope}", user=person(who), scope=Scope(scope), **fields)[1]


def program(secret: str) -> Client:
    return Client(headers={"authorization": f"Token {secret}"})


@pytest.fixture
def reader(db: None) -> Client:
    return program(make_key("read", "viewer"))


@pytest.fixture
def administrator(db: None) -> Client:
    return program(make_key())


@pytest.fixture
async def post(gateway: Gateway) -> Callable[..., Awaitable[Any]]:
    """`await post(url, member=…)` with an operator's key for commands; as a server does it, in a thread of its own."""
    client, secret = AsyncClient(), await sync_to_async(make_key)("command", "operator")
    options: dict[str, Any] = {
        "content_type": "application/json",
        "headers": {"authorization": f"Token {secret}"},
    }

    async def post(url: str, **body: Any) -> Any:
        async with ThreadSensitiveContext():
            response = await client.post(url, body, **options)
            await sync_to_async(connections.close_all)()
        return response

    return post


@pytest.fixture
def problem() -> Callable[..., dict[str, Any]]:
    """`problem(response, 404)`: the response is a problem of this status; returns it."""

    def check(response: Any, status: int) -> dict[str, Any]:
        assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
        body: dict[str, Any] = response.json()
        assert {"type", "title", "status", "detail", "code"} <= set(body)
        assert body["status"] == status
        return body

    return check
