"""A command from the form to its effect, with a charge point on the line, as the page tells it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from stations.models import Command, EffectStatus
from tests.conftest import make_station
from tests.people import browser

from . import IN_SHEET, SENDING, form_url, url_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def station(gateway):
    """An accepted one, without the rows that other tests of commands start from."""
    return await sync_to_async(make_station)()


@pytest.fixture
async def operator(station):
    return await sync_to_async(browser)("operator")


@pytest.fixture
def told(station, stored, operator):
    """`page = await told(command)`: what its page says, once all that came in is committed."""

    async def told(command):
        response = await stored(lambda: operator.get(url_of(command)))
        assert response.status_code == 200
        return response.content.decode()

    return told


async def send(operator, station, action, entered, **options):
    response = await sync_to_async(operator.post)(form_url(station, action), {**entered, **SENDING}, **options)
    assert response.status_code in (200, 302), response.content
    return await Command.objects.select_related("charge_point").alatest("created_at")


async def test_a_start_is_told_to_the_session(cp, station, operator, told, tag, stored):
    command = await send(
        operator, station, "RemoteStartTransaction", {"id_tag": "CAFE", "connector_id": 1, "unit": "A"}
    )
    call = await cp.hears()
    page = await told(command)
    assert "Waiting for the answer" in page
    assert f'data-on="station:{station.pk}"' in page
    await call.replies(status="Accepted")
    row = await Command.objects.aget(pk=command.pk)
    page = await told(command)
    assert "Answered “Accepted”" in page
    assert "Waiting for the session" in page
    assert '<span class="badge busy">Accepted' in page  # accepted is not success
    now = timezone.now().isoformat()
    answer = await cp.call("StartTransaction", connectorId=1, idTag="CAFE", meterStart=1000, timestamp=now)
    page = await told(command)
    assert "The session started" in page
    assert f'href="/transactions/{answer["transactionId"]}/"' in page
    assert "data-on" not in page.split('id="command-')[1].split(">")[0]
    row = await stored(lambda: Command.objects.get(pk=command.pk))
    assert (row.payload, row.effect_status) == ({"idTag": "CAFE", "connectorId": 1}, EffectStatus.SEEN)


async def test_a_refusal_is_told(cp, station, operator, told, ended):
    command = await send(operator, station, "UnlockConnector", {"connector_id": 1}, headers=IN_SHEET)
    await (await cp.hears()).replies(status="UnlockFailed")
    await ended(command)
    page = await told(command)
    assert "could not release the cable" in page
    assert '<span class="badge bad">' in page


async def test_an_error_is_told_with_the_chargers_own_words(cp, station, operator, told, ended):
    command = await send(operator, station, "ClearCache", {})
    await (await cp.hears()).fails("NotImplemented", "<b>no</b> cache here")
    await ended(command)
    page = await told(command)
    assert "does not know this command" in page
    assert "&lt;b&gt;no&lt;/b&gt; cache here" in page


async def test_what_waits_for_a_charger_goes_out_when_it_returns(station, operator, told, connect, ended):
    until = timezone.localtime(timezone.now() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S")
    waits = {"sending-if_offline": "wait", "sending-wait_until": until}
    url = form_url(station, "ClearCache")
    await sync_to_async(operator.post)(url, {**SENDING, **waits})
    command = await Command.objects.alatest("created_at")
    assert "Waiting to be sent. Until" in await told(command)
    cp = await connect(station.identity)
    await (await cp.expects("ClearCache")).replies(status="Accepted")
    await ended(command)
    assert "Answered “Accepted”" in await told(command)
