"""What a page hears when a charger moves, and what of it each person may know."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Permission, User
from django.utils import timezone

from ocpp_gateway.registry import Gateway
from stations.models import ChargePoint, Connector, Site
from transactions.models import IdTag

from ...conftest import make_station
from ...fake_charge_point import FakeChargePoint
from ...people import holder, person, person_at
from .conftest import OpenPage, patch_of

pytestmark = pytest.mark.long

Opens = Callable[[User], Awaitable[OpenPage]]


def now_text(seconds: float = 0) -> str:
    return f"{timezone.now() + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def reading(seconds: float = 0, **values: Any) -> dict[str, Any]:
    """A meterValue: `Power_Active_Import=11040` and so on, in base units."""
    units = {"Energy.Active.Import.Register": "Wh", "Power.Active.Import": "W", "Current.Import": "A", "Voltage": "V"}
    samples = []
    for name, value in values.items():
        measurand = name.replace("_", ".")
        samples.append({"value": str(value), "measurand": measurand, "unit": units.get(measurand, "Percent")})
    return {"timestamp": now_text(seconds), "sampledValue": samples}


@pytest.fixture
async def garage(gateway: Gateway) -> Site:
    return await Site.objects.acreate(name="Garage")


@pytest.fixture
async def yard(gateway: Gateway) -> Site:
    return await Site.objects.acreate(name="Yard")


@pytest.fixture
async def station(garage: Site) -> ChargePoint:
    return await sync_to_async(make_station)(site=garage)


async def charge(cp: FakeChargePoint, **values: Any) -> int:
    await cp.call("StatusNotification", connectorId=1, errorCode="NoError", status="Charging", timestamp=now_text(-60))
    started = await cp.call("StartTransaction", connectorId=1, idTag="CAFE", meterStart=1000, timestamp=now_text(-60))
    number = int(started["transactionId"])
    await cp.call("MeterValues", connectorId=1, transactionId=number, meterValue=[reading(**values)])
    return number


async def test_a_session_is_on_the_page_as_it_goes(
    open_page: Opens, station: ChargePoint, cp: FakeChargePoint, tag: IdTag
) -> None:
    page = await open_page(await sync_to_async(person)("viewer"))
    await page.subscribe(f"station:{station.pk}")

    number = await charge(
        cp,
        Energy_Active_Import_Register=7420,
        Power_Active_Import=11040,
        Current_Import=16,
        Voltage=230,
        SoC=81,
    )

    connector = await Connector.objects.aget(connector_id=1)
    patch = await page.hears_about("connector", connector.pk, energy_wh=6420)
    assert patch == {
        "t": "connector",
        "id": connector.pk,
        "status": "Charging",
        "since": f"{connector.status_at:%Y-%m-%dT%H:%M:%SZ}",
        "error": "",
        "session": number,
        "started": patch["started"],
        "energy_wh": 6420,
        "power_w": 11040,
        "current_a": 16.0,
        "voltage_v": 230.0,
        "soc": 81.0,
        "offered_a": None,
        "who": "Anna",
    }
    await cp.call("StopTransaction", transactionId=number, meterStop=8000, timestamp=now_text())
    await cp.call("StatusNotification", connectorId=1, errorCode="NoError", status="Available", timestamp=now_text())
    over = await page.hears_about("connector", connector.pk, status="Available", session=None)
    assert (over["power_w"], over["who"], over["energy_wh"]) == (None, "", None)


async def test_a_charger_that_leaves_is_offline_since_then(
    open_page: Opens, station: ChargePoint, cp: FakeChargePoint
) -> None:
    await cp.call("StatusNotification", connectorId=1, errorCode="GroundFailure", status="Faulted")
    page = await open_page(await sync_to_async(person)("viewer"))
    connector = await Connector.objects.aget(connector_id=1)
    snapshot = await page.subscribe(f"connector:{connector.pk}")
    assert patch_of(snapshot, "connector", connector.pk)["status"] == "Faulted"
    assert patch_of(snapshot, "connector", connector.pk)["error"] == "GroundFailure"

    await cp.disconnect()

    patch = await page.hears_about("connector", connector.pk, status="Offline")
    await station.arefresh_from_db()
    assert patch["since"] == f"{station.disconnected_at:%Y-%m-%dT%H:%M:%SZ}"


async def test_figures_of_what_a_person_sees(
    open_page: Opens, station: ChargePoint, cp: FakeChargePoint, tag: IdTag, garage: Site, yard: Site
) -> None:
    other = await sync_to_async(make_station)("CP2", site=yard)
    await Connector.objects.acreate(charge_point=other, connector_id=1, status="Available")
    everywhere = await open_page(await sync_to_async(person)("operator"))
    in_yard = await open_page(await sync_to_async(person_at)("viewer", yard))
    await everywhere.subscribe("overview")
    snapshot = await in_yard.subscribe("overview")
    figures = {"online": 0, "total": 1, "waiting": 0, "charging": 0, "faulted": 0, "power_w": 0, "energy_today_wh": 0}
    assert patch_of(snapshot, "figures", 0) == {"t": "figures", "id": 0, **figures}
    assert patch_of(snapshot, "site", yard.pk) == {"t": "site", "id": yard.pk, **figures}
    assert patch_of(snapshot, "counts", 0)["Offline"] == 1
    assert patch_of(snapshot, "site", garage.pk) is None

    await charge(cp, Energy_Active_Import_Register=7420, Power_Active_Import=11040)

    patch = await everywhere.hears_about("figures", 0, energy_today_wh=6420)
    assert patch == {
        "t": "figures", "id": 0, "online": 1, "total": 2, "waiting": 0, "charging": 1, "faulted": 0,
        "power_w": 11040, "energy_today_wh": 6420,
    }  # fmt: skip
    assert await in_yard.hears_nothing(1.2)  # nothing of what it sees has changed


async def test_pages_are_made_again_when_chargers_come_or_change_their_state(
    open_page: Opens, station: ChargePoint, cp: FakeChargePoint
) -> None:
    page = await open_page(await sync_to_async(person)("viewer"))
    await page.subscribe("overview")
    await cp.call("StatusNotification", connectorId=1, errorCode="NoError", status="Preparing")
    message = await page.hears_change("overview")
    assert patch_of(message, "counts", 0)["Preparing"] == 1
    await cp.call("Authorize", idTag="CAFE")
    assert await page.hears_nothing(1.2)


@pytest.mark.parametrize(
    ("permissions", "expected"),
    [
        (("view_chargepoint",), {"session": None, "started": None, "energy_wh": None, "power_w": None, "who": ""}),
        (("view_chargepoint", "view_transaction"), {"energy_wh": 6420, "power_w": 11040, "who": ""}),
        (("view_chargepoint", "view_idtag"), {"session": None, "energy_wh": None, "who": ""}),
        (("view_chargepoint", "view_transaction", "view_idtag"), {"energy_wh": 6420, "who": "Anna"}),
    ],
)
async def test_nobody_hears_more_than_they_may_see(
    open_page: Opens,
    station: ChargePoint,
    cp: FakeChargePoint,
    tag: IdTag,
    permissions: tuple[str, ...],
    expected: dict[str, Any],
) -> None:
    await charge(cp, Energy_Active_Import_Register=7420, Power_Active_Import=11040)
    user = await User.objects.acreate(username="somebody")
    await user.user_permissions.aset([p async for p in Permission.objects.filter(codename__in=permissions)])
    connector = await Connector.objects.aget(connector_id=1)
    page = await open_page(user)
    privileged = await open_page(await sync_to_async(person)("administrator"))
    await privileged.subscribe(f"station:{station.pk}", "overview")  # whose patches are made first

    patch = patch_of(await page.subscribe(f"station:{station.pk}"), "connector", connector.pk)

    assert patch is not None
    assert patch.items() >= {"status": "Charging", **expected}.items()


async def test_chargers_out_of_sight_do_not_exist(
    open_page: Opens, station: ChargePoint, cp: FakeChargePoint, yard: Site
) -> None:
    await cp.call("StatusNotification", connectorId=1, errorCode="NoError", status="Available")
    connector = await Connector.objects.aget(connector_id=1)
    topics = (f"station:{station.pk}", f"connector:{connector.pk}", "attempts")
    page = await open_page(await sync_to_async(person_at)("operator", yard))
    snapshot = await page.subscribe(*topics, "overview", "tags")
    assert snapshot["refused"] == sorted(topics)
    assert {patch["t"] for patch in snapshot["patches"]} == {"figures", "counts"}

    await cp.call("StatusNotification", connectorId=1, errorCode="NoError", status="Preparing")
    await cp.call("Authorize", idTag="UNKNOWN")

    message = await page.hears_change("tags")
    assert message["patches"] == []


async def test_a_tag_holder_hears_of_his_own_sessions_only(
    open_page: Opens, station: ChargePoint, cp: FakeChargePoint, tag: IdTag
) -> None:
    anna = await sync_to_async(holder)(tag, username="anna")
    ben = await sync_to_async(holder)(username="ben")
    hers, his = await open_page(anna), await open_page(ben)
    refused = (await hers.subscribe("mine", "overview", f"station:{station.pk}", "tags"))["refused"]
    assert refused == sorted(["overview", f"station:{station.pk}", "tags"])
    await his.subscribe("mine")

    await charge(cp, Power_Active_Import=11040)

    assert (await hers.hears_change("mine"))["patches"] == []
    assert await his.hears_nothing(1.2)


async def test_other_topics_are_rung(open_page: Opens, station: ChargePoint, cp: FakeChargePoint, tag: IdTag) -> None:
    page = await open_page(await sync_to_async(person)("administrator"))
    await page.subscribe("attempts", "tags", "transactions", "commands")
    await cp.call("Authorize", idTag="UNKNOWN")
    await page.hears_change("tags")
    await FakeChargePoint("", path="/ocpp").connect()
    await page.hears_change("attempts")
    await charge(cp)
    await page.hears_change("transactions")
