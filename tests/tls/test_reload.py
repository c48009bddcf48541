"""Certificate files that are renewed while the server runs."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from .conftest import client_context


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr("plugcontrol.tls_door.RELOAD_INTERVAL_S", 0.01)


@pytest.fixture
def own_files(tls_settings, pki, tmp_path):
    """The server's certificate and key where a test may replace them."""
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    certificate.write_text(pki.ecdsa.chain)
    key.write_text(pki.ecdsa.key_pem)
    tls_settings.TLS_CERTIFICATE, tls_settings.TLS_KEY = certificate, key
    tls_settings.TLS_SECOND_CERTIFICATE = tls_settings.TLS_SECOND_KEY = None
    return certificate, key


async def shown(line, pki) -> str:
    async with line.dials(context=client_context(pki)) as wire:
        der = wire.transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return ssl.DER_cert_to_PEM_cert(der)


async def changed(line, before) -> None:
    async with asyncio.timeout(10):
        while line.server._door.context is before:
            await asyncio.sleep(0.01)


async def test_a_new_certificate_is_shown_without_a_restart(quick, own_files, line, station, pki):
    assert await shown(line, pki) == pki.ecdsa.pem
    renewed = pki.servers.signs("localhost", server=True)
    before = line.server._door.context
    async with line.dials("HELD") as held:
        own_files[1].write_text(renewed.key_pem)
        own_files[0].write_text(renewed.chain)
        await changed(line, before)
        assert await shown(line, pki) == renewed.pem
        await held.send('[2,"1","Heartbeat",{}]')
        assert '"1"' in await asyncio.wait_for(held.recv(), 10)


async def test_a_broken_file_leaves_the_old_certificate_in_use(quick, own_files, line, station, pki, caplog):
    own_files[0].write_text("half a certificate")
    async with asyncio.timeout(10):
        while "new certificate files not taken" not in caplog.text:
            await asyncio.sleep(0.01)
    assert await shown(line, pki) == pki.ecdsa.pem
