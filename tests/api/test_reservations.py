"""Reservations and local lists over HTTP: what the station is asked, and what is stored."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from stations.models import ChargePoint, Connector
from transactions.models import LocalList, Reservation

URL = "/api/v1/reservations/"


def in_an_hour() -> datetime:
    return (timezone.now() + timedelta(hours=1)).replace(microsecond=0)


async def becomes(status: str) -> Reservation:
    for _ in range(200):
        row = await Reservation.objects.aget()
        if row.status == status:
            return row
        await asyncio.sleep(0.01)
    raise AssertionError(f"still {row.status}")


async def test_a_connector_is_kept_and_given_back(post, station, tag, cp):
    await Connector.objects.acreate(charge_point=station, connector_id=2)
    until = in_an_hour()
    response = await post(URL, charge_point="cp1", connector_id=2, id_tag="CAFE", expires_at=until.isoformat())
    body = response.json()
    assert (response.status_code, body["status"], body["connector_id"]) == (202, "requested", 2)
    number = body["reservation_id"]
    expiry = f"{until:%Y-%m-%dT%H:%M:%SZ}"
    call = await cp.expects("ReserveNow", connectorId=2, expiryDate=expiry, idTag="CAFE", reservationId=number)
    await call.replies(status="Accepted")
    row = await becomes("active")
    assert (row.pk, str(row.command_id)) == (number, body["command"])
    response = await post(f"{URL}{row.pk}/cancel/")
    assert (response.status_code, response.json()["status"]) == (202, "active")
    await (await cp.expects("CancelReservation", reservationId=number)).replies(status="Accepted")
    await becomes("cancelled")


async def test_a_station_that_is_away(post, station, tag):
    response = await post(URL, charge_point="CP1", id_tag="CAFE", expires_at=in_an_hour().isoformat())
    assert (response.status_code, response.json()["status"]) == (202, "refused")
    assert (await becomes("refused")).answer != ""


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"charge_point": "CP9"}, "$.charge_point"),
        ({"connector_id": 7}, "$.connector_id"),
        ({"connector_id": 2**40}, "$.connector_id"),
        ({"id_tag": "NOBODY"}, "$.id_tag"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "$.expires_at"),
        ({"expires_at": "soon"}, "$.expires_at"),
    ],
)
async def test_what_cannot_be_reserved(post, station, tag, problem, change, path):
    order = {"charge_point": "CP1", "id_tag": "CAFE", "expires_at": in_an_hour().isoformat()}
    errors = problem(await post(URL, **{**order, **change}), 400)["errors"]
    assert [error["path"] for error in errors] == [path]
    assert not await Reservation.objects.aexists()


async def test_what_is_over_is_not_cancelled(post, station, tag, problem):
    await post(URL, charge_point="CP1", id_tag="CAFE", expires_at=in_an_hour().isoformat())
    row = await Reservation.objects.aget()
    problem(await post(f"{URL}{row.pk}/cancel/"), 409)


async def test_a_local_list(post, station, cp, problem):
    url = "/api/v1/local-lists/CP1/"
    problem(await post(f"{url}publish/"), 409)
    response = await post(f"{url}switch-on/")
    assert (response.status_code, response.json()["state"]) == (202, "pending")
    await cp.expects("GetLocalListVersion")
    assert (await LocalList.objects.aget()).state == "pending"
    assert (await post(f"{url}publish/", full=True)).status_code == 202
    assert (await post(f"{url}switch-off/")).json()["state"] == "off"
    assert (await LocalList.objects.aget()).state == "off"


async def test_an_unknown_station(post, station, problem):
    problem(await post("/api/v1/local-lists/CP9/switch-on/"), 404)
    assert await ChargePoint.objects.acount() == 1
