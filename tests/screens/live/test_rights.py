"""Rights that end while a page is open."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from people.models import Membership
from screens.live.hub import Hub
from stations.models import ChargePoint, Site

from ...conftest import make_station
from ...fake_charge_point import FakeChargePoint
from ...people import person, person_at
from .conftest import OpenPage

Opens = Callable[[User], Awaitable[OpenPage]]


@pytest.fixture
async def garage(hub: Hub) -> Site:
    return await Site.objects.acreate(name="Garage")


@pytest.fixture
async def station(garage: Site) -> ChargePoint:
    return await sync_to_async(make_station)(site=garage)


async def test_a_role_taken_away_counts_at_once(
    open_page: Opens, station: ChargePoint, cp: FakeChargePoint, garage: Site
) -> None:
    user = await sync_to_async(person_at)("viewer", garage)
    page = await open_page(user)
    topic = f"station:{station.pk}"
    assert (await page.subscribe(topic, "overview"))["refused"] == []

    membership = await Membership.objects.aget(user=user)
    await membership.adelete()

    message = await page.hears()
    while not message.get("snapshot"):
        message = await page.hears()
    assert message["refused"] == ["overview", topic]
    assert message["patches"] == []
    await cp.call("StatusNotification", connectorId=1, errorCode="NoError", status="Faulted")
    assert await page.hears_nothing(1.2)


async def test_a_role_given_counts_at_once(open_page: Opens, station: ChargePoint, garage: Site) -> None:
    user = await User.objects.acreate(username="new")
    page = await open_page(user)
    assert (await page.subscribe("overview"))["refused"] == ["overview"]
    await Membership.objects.acreate(user=user, site=garage, role="Viewers")
    assert (await page.hears_change("overview"))["refused"] == []


async def test_who_logs_out_is_told_to(open_page: Opens, hub: Hub) -> None:
    user = await sync_to_async(person)("viewer")
    page, elsewhere = await open_page(user), await open_page(user)
    await page.subscribe("overview")
    await elsewhere.subscribe("overview")
    client = Client()
    client.cookies["sessionid"] = page.session_key
    await sync_to_async(client.post)(reverse("screens:logout"))
    assert await page.is_closed() == (4401, "logged out")
    assert (await elsewhere.subscribe("overview"))["snapshot"]  # another session of the same person


async def test_who_is_made_inactive_is_out(open_page: Opens, hub: Hub) -> None:
    user = await sync_to_async(person)("administrator")
    page = await open_page(user)
    await page.subscribe("overview")
    user.is_active = False
    await user.asave()
    assert await page.is_closed() == (4401, "logged out")
    assert hub.browsers == set()


async def test_rights_are_asked_for_again_though_nobody_told(
    open_page: Opens, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await open_page(await sync_to_async(person)("viewer"))
    await page.subscribe("overview")
    await Session.objects.all().adelete()
    hub.hear(["attempts"])
    assert await page.hears_nothing()
    monkeypatch.setattr(hub, "_check_at", hub._clock())
    hub.hear(["attempts"])
    assert await page.is_closed() == (4401, "logged out")
