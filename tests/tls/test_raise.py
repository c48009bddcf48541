"""The way up to profile 3: only with a certificate, and whatever happens on it the charger gets in."""

from __future__ import annotations

from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from certificates import identities, x509
from certificates.models import StationCertificate
from stations import commands, credentials, rotation
from stations.commands import CommandRefused
from stations.models import ChargePoint, ConnectionAttempt, SecurityChange

from .conftest import KEY, basic

PASSWORD = tuple((name.lower().encode(), value.encode()) for name, value in basic("CP1").items())
State = SecurityChange.State


@pytest.fixture(autouse=True)
def seen(tls_settings):
    """Certificates reach the server."""


@pytest.fixture
async def ready(station, connect) -> ChargePoint:
    """A station at profile 2, on the line."""
    await sync_to_async(credentials.set_password)(station, KEY)
    return station


@pytest.fixture
async def cp(ready, connect, stored):
    cp = await connect("CP1", headers=PASSWORD, scheme="wss")
    await cp.call("Heartbeat")
    await stored(lambda: None)
    return cp


@pytest.fixture
def own(pki):
    return pki.chargers.signs("CP1")


@pytest.fixture
def holds(ready):
    """`await holds(pair)`: the station has accepted this certificate."""

    async def holds(pair, **columns) -> StationCertificate:
        values = {"delivered_at": timezone.now()} | columns
        row = identities.row_of(ready, x509.read_chain(pair.pem), is_ours=True, **values)
        await row.asave()
        return row

    return holds


async def lift(station, **options):
    return await sync_to_async(rotation.raise_security_profile)(station, 3, **options)


async def told(station, cp):
    """The station was told to go to profile 3 and has accepted."""
    command = await lift(station)
    await (await cp.expects("ChangeConfiguration", key="SecurityProfile", value="3")).replies(status="Accepted")
    assert (await commands.wait_for(command.pk, 10)).status == "accepted"
    return command


async def state(stored) -> tuple[str, int, int]:
    def read() -> tuple[str, int, int]:
        row = ChargePoint.objects.get()
        return SecurityChange.objects.get().state, row.security_profile, row.minimum_security_profile

    return await stored(read)


async def test_with_a_certificate_all_the_way(ready, cp, own, holds, connect, stored):
    await holds(own)
    await told(ready, cp)
    again = await connect("CP1", certificate=own.pem, scheme="wss")
    await again.call("Heartbeat")
    assert await state(stored) == (State.DONE, 3, 3)
    assert (await connect("CP1", headers=PASSWORD, scheme="wss")).status == 403


async def test_a_charger_that_goes_on_sending_its_password_has_arrived_too(ready, cp, own, holds, connect, stored):
    await holds(own)
    await told(ready, cp)
    again = await connect("CP1", certificate=own.pem, headers=PASSWORD, scheme="wss")
    await again.call("Heartbeat")
    assert await state(stored) == (State.DONE, 3, 3)


@pytest.mark.parametrize("shows_wrong", [False, True])
async def test_a_charger_that_could_not_falls_back(ready, cp, own, holds, connect, stored, pki, shows_wrong):
    """With its password, and perhaps with a certificate that is not good: it gets in as before."""
    await holds(own)
    await told(ready, cp)
    wrong = pki.chargers.signs("CP2").pem if shows_wrong else None
    if shows_wrong:
        assert (await connect("CP1", certificate=wrong, scheme="wss")).status == 403
    again = await connect("CP1", certificate=wrong, headers=PASSWORD, scheme="wss")
    assert again.status == 101
    await again.call("Heartbeat")
    assert await state(stored) == (State.ACCEPTED, 2, 2)
    reasons = await stored(lambda: list(ConnectionAttempt.objects.values_list("reason", flat=True)))
    assert reasons == (["wrong_certificate"] if shows_wrong else [])


async def test_without_one_it_is_refused(cp, ready):
    with pytest.raises(CommandRefused, match="give it one first"):
        await lift(ready)


@pytest.mark.parametrize(
    "column",
    [{"delivered_at": None}, {"revoked_at": timezone.now()}, {"not_after": timezone.now() - timedelta(days=1)}],
    ids=lambda column: next(iter(column)),
)
async def test_one_that_would_not_let_it_in_does_not_count(cp, ready, own, holds, column):
    row = await holds(own)
    for name, value in column.items():
        setattr(row, name, value)
    await row.asave()
    with pytest.raises(CommandRefused, match="give it one first"):
        await lift(ready)


async def test_one_that_was_used_counts_though_nobody_delivered_it(cp, ready, own, holds):
    await holds(own, delivered_at=None, used_at=timezone.now())
    assert (await lift(ready)).status == "queued"


async def test_a_server_that_sees_no_certificates(cp, ready, own, holds, tls_settings):
    await holds(own)
    tls_settings.TLS_CERTIFICATE = None
    with pytest.raises(CommandRefused, match="does not see certificates"):
        await lift(ready)
    tls_settings.CLIENT_CERTIFICATE_HEADER = "x-client-certificate"
    assert (await lift(ready)).status == "queued"


async def test_the_same_key_is_the_same_command(cp, ready, own, holds):
    await holds(own)
    first = await lift(ready, idempotency_key="upgrade 1 switch 1")
    assert (await lift(ready, idempotency_key="upgrade 1 switch 1")).pk == first.pk
    rotated = await sync_to_async(rotation.rotate_key)(ready, idempotency_key="upgrade 1 password 1")
    again = await sync_to_async(rotation.rotate_key)(ready, idempotency_key="upgrade 1 password 1")
    assert again.pk == rotated.pk


async def test_a_certificate_says_nothing_about_a_password_on_its_way(ready, cp, own, holds, connect, stored):
    """A line that a certificate opened proves neither the old key nor the new one."""
    await holds(own)
    command = await sync_to_async(rotation.rotate_key)(ready)
    await (await cp.hears()).replies(status="Accepted")
    await commands.wait_for(command.pk, 10)
    again = await connect("CP1", certificate=own.pem, scheme="wss")
    await again.call("Heartbeat")
    change = await stored(SecurityChange.objects.get)
    assert (change.state, change.old_seen) == (State.ACCEPTED, 0)
