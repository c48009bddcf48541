"""A simulated charger climbs from a password to a certificate of its own, and falls with it; over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from certificates import delivery, renewal, revocation
from certificates.models import CertificateUse, StationCertificate
from simulator import SimulatedChargePoint
from simulator.link import Patience
from stations import commands, credentials, rotation
from stations.models import ChargePoint, ConnectionAttempt

from .conftest import KEY

IMPATIENT = Patience(first_s=0.02, longest_s=0.1, call_timeout_s=5.0)


@pytest.fixture
def charger(line, pki, station):
    """`async with charger(profile=1) as cp:` a booted simulated station on this server."""

    @asynccontextmanager
    async def charger(profile: int = 1, **options: Any):
        await sync_to_async(credentials.set_password)(station, KEY)
        secure = profile >= 2
        port = line.tls_port if secure else line.port
        configuration = {"SecurityProfile": str(profile), "CpoName": "plugcontrol"}
        async with SimulatedChargePoint(
            f"{'wss' if secure else 'ws'}://127.0.0.1:{port}/ocpp",
            "CP1",
            password=bytes.fromhex(KEY),
            configuration=configuration,
            patience=IMPATIENT,
            speed=1000.0,
            secure_port=line.tls_port,
            **({"trusted_roots": [pki.servers.pair.pem]} | options),
        ) as cp:
            await cp.boot()
            yield cp

    return charger


@pytest.fixture
def until(stored):
    """`await until(lambda: …)`: a query comes true; the clock that signs and delivers turns meanwhile."""

    async def until(query: Callable[[], Any]) -> Any:
        async with asyncio.timeout(20):
            while True:
                found = await stored(query)
                if found:
                    return found
                await stored(lambda: delivery.advance_all(timezone.now() + timedelta(seconds=5)))
                await asyncio.sleep(0.05)

    return until


async def tell(station, action: str, payload: dict[str, Any]) -> dict[str, Any]:
    command = await sync_to_async(commands.queue_command)(station, action, payload)
    return (await commands.wait_for(command.pk, 10)).answer


async def lift(station, profile: int) -> None:
    command = await sync_to_async(rotation.raise_security_profile)(station, profile)
    assert (await commands.wait_for(command.pk, 10)).answer == {"status": "Accepted"}


async def arrives(station, until, profile: int) -> None:
    """It is back at the profile, and has said something there."""
    await until(lambda: ChargePoint.objects.filter(security_profile=profile, connection__gt="").exists())
    await tell(station, "TriggerMessage", {"requestedMessage": "Heartbeat"})
    await until(lambda: ChargePoint.objects.filter(minimum_security_profile=profile).exists())


async def sign(station, until) -> StationCertificate:
    """A02: asked, requested, signed, sent, accepted."""
    before = await sync_to_async(StationCertificate.objects.count)()
    await sync_to_async(renewal.ask)(station)
    await until(lambda: StationCertificate.objects.filter(delivered_at__isnull=False).count() > before)
    return await StationCertificate.objects.order_by("-pk").afirst()


async def test_from_a_password_to_a_certificate_and_back_out(charger, station, until, stored, pki):
    async with charger(trusted_roots=[]) as cp:
        root = {"certificateType": CertificateUse.CENTRAL_SYSTEM, "certificate": pki.servers.pair.pem}
        assert await tell(station, "InstallCertificate", root) == {"status": "Accepted"}
        await lift(station, 2)
        await arrives(station, until, 2)
        assert cp.link.address.startswith("wss://")

        certificate = await sign(station, until)
        await lift(station, 3)
        await arrives(station, until, 3)
        assert (await stored(lambda: StationCertificate.objects.get(pk=certificate.pk))).used_at is not None

        renewed = await sign(station, until)
        await until(lambda: StationCertificate.objects.filter(pk=renewed.pk, used_at__isnull=False).exists())
        assert await tell(station, "TriggerMessage", {"requestedMessage": "Heartbeat"}) == {"status": "Accepted"}

        await sync_to_async(revocation.revoke)(renewed, reason=StationCertificate.Revocation.LOST, by=None)
        await until(lambda: ConnectionAttempt.objects.filter(reason="revoked_certificate").exists())
        assert not await stored(lambda: ChargePoint.objects.exclude(connection="").exists())


async def test_a_server_it_does_not_trust_sends_it_back(charger, station, until, stored, pki):
    """It has a root, but not the one of this server: it tries, comes back as before, and may come as before."""
    async with charger(trusted_roots=[pki.strangers.pair.pem]) as cp:
        await lift(station, 2)
        await until(lambda: ConnectionAttempt.objects.filter(reason="tls_failed").exists())
        await cp.link.online.wait()
        assert cp.configuration.text("SecurityProfile") == "1"
        await arrives(station, until, 1)


async def test_profile_3_sends_no_password(charger, station, stored, until, pki):
    async with charger(2) as cp:
        certificate = pki.chargers.signs("CP1")
        cp.certificates.own, cp.certificates.key_pem = certificate.chain, certificate.key_pem
        cp.configuration.set("SecurityProfile", "3")
        cp.link.drop(pause_s=0)
        await arrives(station, until, 3)
        assert not cp.security.sends_password
