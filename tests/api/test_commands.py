"""Commands over HTTP, to a station that answers."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from api import waiting
from api.models import ApiKey
from ocpp_gateway.v16.outgoing import OUTGOING
from stations.database_places import PLACES, places
from stations.models import Command, CommandSource, CommandStatus
from tests.conftest import make_station
from tests.people import person

from .conftest import make_key, program

URL = "/api/v1/charge-points/CP1/commands/"
RESET = {"action": "Reset", "payload": {"type": "Soft"}}


async def only_row() -> Command:
    return await Command.objects.select_related("created_by").aget()


async def test_a_command_is_stored_and_sent(post, cp):
    response = await post(URL, **RESET)
    row = await only_row()
    assert response.status_code == 202
    assert response["Location"] == f"http://testserver/api/v1/commands/{row.pk}/"
    body = response.json()
    assert (body["id"], body["charge_point"], body["is_final"]) == (str(row.pk), "CP1", False)
    assert (row.action, row.payload, row.source) == ("Reset", {"type": "Soft"}, CommandSource.API)
    assert (row.actor, row.created_by.username) == ("API key operator command", "operator")
    assert row.remote_address == "127.0.0.1"
    await (await cp.expects("Reset", type="Soft")).replies(status="Accepted")


async def test_waiting_for_the_answer(post, cp):
    answer = asyncio.ensure_future(post(URL, **RESET, wait_s=10))
    await (await cp.expects("Reset", type="Soft")).replies(status="Rejected")
    response = await answer
    assert response.status_code == 200
    body, row = response.json(), await only_row()
    assert (body["status"], body["answer"], body["is_final"]) == ("rejected", {"status": "Rejected"}, True)
    assert (row.status, row.answer) == (CommandStatus.REJECTED, {"status": "Rejected"})
    assert body["closed_at"].endswith("Z")


async def test_many_wait_and_none_holds_up_the_others(post, cp):
    answers = [asyncio.ensure_future(post(URL, **RESET, wait_s=20)) for _ in range(20)]
    for _ in answers:
        await (await cp.expects("Reset", type="Soft")).replies(status="Accepted")
    assert [(await answer).status_code for answer in answers] == [200] * 20


@pytest.mark.parametrize("limit", ["MAX_WAITS", "MAX_WAITS_EACH"])
async def test_too_many_wait(post, cp, monkeypatch, limit):
    monkeypatch.setattr(waiting, limit, 2)
    waiters = [asyncio.ensure_future(post(URL, **RESET, wait_s=20)) for _ in range(2)]
    first = await cp.expects("Reset", type="Soft")
    while sum(waiting._waits.values()) < 2:
        await asyncio.sleep(0.01)
    async with asyncio.timeout(10):
        response = await post(URL, **RESET, wait_s=20)
    assert (response.status_code, response.json()["status"]) == (202, "queued")
    for call in (first, None, None):
        await (call or await cp.expects("Reset", type="Soft")).replies(status="Accepted")
    assert [(await waiter).status_code for waiter in waiters] == [200, 200]
    assert not waiting._waits


async def test_one_who_waits_much_leaves_room_for_others(post, cp, monkeypatch):
    monkeypatch.setattr(waiting, "MAX_WAITS_EACH", 2)
    monkeypatch.setitem(waiting._waits, "key-0", 2)
    answer = asyncio.ensure_future(post(URL, **RESET, wait_s=10))
    await (await cp.expects("Reset", type="Soft")).replies(status="Accepted")
    assert (await answer).status_code == 200


async def test_the_wait_is_over_first(post, cp):
    answer = asyncio.ensure_future(post(URL, **RESET, wait_s=0.2))
    call = await cp.expects("Reset", type="Soft")
    response = await answer
    assert (response.status_code, response.json()["status"]) == (202, "sent")
    await call.replies(status="Accepted")


async def test_who_waits_keeps_no_place_at_the_database(post, cp):
    answer = asyncio.ensure_future(post(URL, **RESET, wait_s=20))
    call = await cp.expects("Reset", type="Soft")
    async with asyncio.timeout(10):
        while not waiting._waits or places.free < PLACES:
            await asyncio.sleep(0.01)
    await call.replies(status="Accepted")
    response = await answer
    assert (response.status_code, response.json()["status"]) == (200, "accepted")
    assert places.free == PLACES


async def test_an_offline_station(post, station):
    response = await post(URL, **RESET, wait_s=10)
    assert (response.status_code, response.json()["status"]) == (200, "undelivered")
    assert (await only_row()).status == CommandStatus.UNDELIVERED


async def test_an_offline_station_may_return(post, station, connect):
    until = timezone.now() + timedelta(hours=1)
    response = await post(URL, **RESET, valid_until=until.isoformat())
    assert (response.status_code, response.json()["status"]) == (202, "queued")
    row = await only_row()
    assert (row.status, row.valid_until) == (CommandStatus.QUEUED, until)
    cp = await connect()
    await (await cp.expects("Reset", type="Soft")).replies(status="Accepted")


async def test_two_clicks_one_command(post, cp):
    first = await post(URL, **RESET, idempotency_key="k1")
    second = await post(URL, **RESET, idempotency_key="k1")
    assert (first.json()["id"], second.status_code) == (second.json()["id"], 202)
    assert (await only_row()).idempotency_key == "k1"
    await (await cp.expects("Reset", type="Soft")).replies(status="Accepted")
    assert await cp.is_silent()


async def test_the_identity_has_no_case(post, station):
    assert (await post("/api/v1/charge-points/cp1/commands/", **RESET)).json()["charge_point"] == "CP1"


async def test_a_number_leaves_as_it_came(post, cp):
    limit = {"startPeriod": 0, "limit": 16.1}
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [limit]},
    }
    payload = {"connectorId": 1, "csChargingProfiles": profile}
    await post(URL, action="SetChargingProfile", payload=payload)
    await (await cp.expects("SetChargingProfile", **payload)).replies(status="Accepted")


@pytest.mark.parametrize(
    ("payload", "code", "path"),
    [
        ({}, "OccurenceConstraintViolation", "$"),
        ({"type": "Gentle"}, "PropertyConstraintViolation", "$.type"),
        ({"type": 7}, "TypeConstraintViolation", "$.type"),
        ({"type": "Soft", "please": True}, "FormationViolation", "$"),
    ],
)
async def test_a_payload_that_breaks_the_schema(post, station, problem, payload, code, path):
    body = problem(await post(URL, action="Reset", payload=payload), 400)
    assert body["code"] == code
    assert path in body["detail"]
    assert not await Command.objects.aexists()


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"payload": {}}, "$.action"),
        ({"action": "MakeCoffee"}, "$.action"),
        ({"action": "BootNotification"}, "$.action"),
        ({**RESET, "payload": [1]}, "$.payload"),
        ({**RESET, "wait_s": -1}, "$.wait_s"),
        ({**RESET, "wait_s": "nan"}, "$.wait_s"),
        ({**RESET, "wait_s": 1e9}, "$.wait_s"),
        ({**RESET, "valid_until": "2026-11-21T13:02:11"}, "$.valid_until"),
        ({**RESET, "valid_until": "2020-11-21T13:02:11Z"}, "$.valid_until"),
        ({**RESET, "valid_until": "9999-12-31T23:59:59-14:00"}, "$.valid_until"),
        ({**RESET, "valid_until": "2999-11-21T13:02:11Z"}, "$.valid_until"),
        ({**RESET, "idempotency_key": "k" * 101}, "$.idempotency_key"),
    ],
)
async def test_what_a_command_cannot_be(post, station, problem, body, path):
    errors = problem(await post(URL, **body), 400)["errors"]
    assert [error["path"] for error in errors] == [path]
    assert not await Command.objects.aexists()


async def test_an_unknown_station(post, gateway, problem):
    problem(await post("/api/v1/charge-points/CP2/commands/", **RESET), 404)


async def test_an_archived_station(post, station, problem):
    station.archived_at = timezone.now()
    await station.asave()
    problem(await post(URL, **RESET), 409)
    assert not await Command.objects.aexists()


async def test_every_action_is_offered(post, station, problem):
    for action in OUTGOING:
        response = await post(URL, action=action, payload={"noSuchMember": 1})
        assert problem(response, 400)["code"] != "invalid"


async def test_a_queued_command_is_cancelled(post, station, problem):
    raised = await post(URL, **RESET, valid_until=(timezone.now() + timedelta(hours=1)).isoformat())
    cancel = f"/api/v1/commands/{raised.json()['id']}/cancel/"
    response = await post(cancel)
    assert (response.status_code, response.json()["status"]) == (200, "cancelled")
    assert (await only_row()).status == CommandStatus.CANCELLED
    problem(await post(cancel), 409)
    problem(await post(f"/api/v1/commands/{uuid.uuid4()}/cancel/"), 404)


async def test_a_secret_that_waits_is_not_shown(post, station):
    secret = {"key": "VendorPassword", "value": "0123456789ABCDEF0123456789ABCDEF01234567"}
    until = (timezone.now() + timedelta(hours=1)).isoformat()
    response = await post(URL, action="ChangeConfiguration", payload=secret, valid_until=until)
    assert response.json()["payload"] == {"key": "VendorPassword", "value": "***"}
    assert "0123456789ABCDEF" not in response.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "payload", [{"key": "authorizationkey", "value": "x"}, {"key": "SecurityProfile", "value": "2"}]
)
@pytest.mark.parametrize(
    ("scope", "who", "status"),
    [
        ("command", "operator", 403),
        ("command", "administrator", 403),
        ("admin", "viewer", 403),
        ("admin", "operator", 202),
    ],
)
def test_how_a_station_logs_in_needs_more(payload, scope, who, status):
    make_station()
    person(who).user_permissions.add(Permission.objects.get(codename="send_command"))
    until = (timezone.now() + timedelta(hours=1)).isoformat()
    body = {"action": "ChangeConfiguration", "payload": payload, "valid_until": until}
    response = program(make_key(scope, who)).post(URL, body, content_type="application/json")
    assert response.status_code == status
    assert Command.objects.exists() == (status == 202)


async def test_a_revoked_key_is_refused_at_once(post, station, problem):
    await post(URL, **RESET)
    await ApiKey.objects.all().adelete()
    assert problem(await post(URL, **RESET), 401)["code"] == "invalid_key"
    assert await Command.objects.acount() == 1
