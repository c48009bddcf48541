"""`manage.py serve` with a certificate, as a process of its own and on the event loop it really runs on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sqlite3
import ssl
from pathlib import Path

import pytest
import websockets
from websockets.asyncio.client import connect

from tests.server import environment, free_port, manage, serving, spare_migrations

from .conftest import alert_of, client_context
from .pki import DAY

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def env(pki, tmp_path_factory):
    values = environment(
        tmp_path_factory.mktemp("serve"),
        TLS_PORT=free_port(),
        TLS_CERTIFICATE=pki.ecdsa.certificate_path,
        TLS_KEY=pki.ecdsa.key_path,
        TLS_SECOND_CERTIFICATE=pki.rsa.certificate_path,
        TLS_SECOND_KEY=pki.rsa.key_path,
        CA_CERTIFICATE=pki.chargers.pair.certificate_path,
        CA_KEY=pki.chargers.pair.key_path,
    )
    spare_migrations(values)
    assert manage("create_charge_point", "CP1", "--accept", env=values).returncode == 0
    return values


def query(env, sql: str) -> list[tuple]:
    with contextlib.closing(sqlite3.connect(Path(env["DATA_DIR"]) / "plugcontrol.sqlite3")) as database:
        return database.execute(sql).fetchall()


async def test_a_session_with_a_certificate_until_the_server_stops(env, pki):
    address = f"wss://127.0.0.1:{env['TLS_PORT']}/ocpp/CP1"
    with serving(env) as server:
        assert f"wss://127.0.0.1:{env['TLS_PORT']}/ocpp/<charger-id>" in server.log
        expired = client_context(pki, pki.chargers.signs("CP1", begins=-2 * DAY, ends=-DAY))
        alert = await asyncio.to_thread(alert_of, int(env["TLS_PORT"]), expired)
        assert alert == "SSLV3_ALERT_CERTIFICATE_EXPIRED"
        untrusting = ssl.create_default_context(cadata=pki.strangers.pair.pem)
        with pytest.raises(ssl.SSLError):
            await connect(address, ssl=untrusting, subprotocols=["ocpp1.6"], proxy=None)
        own = client_context(pki, pki.chargers.signs("CP1"))
        async with connect(address, ssl=own, subprotocols=["ocpp1.6"], proxy=None) as wire:
            await wire.send('[2,"1","Heartbeat",{}]')
            while not (await asyncio.wait_for(wire.recv(), 10)).startswith('[3,"1"'):
                pass
            server.signal(signal.SIGTERM)
            with pytest.raises(websockets.ConnectionClosed) as closed:
                while True:
                    await asyncio.wait_for(wire.recv(), 10)
            assert closed.value.rcvd.code == 1012
        assert await asyncio.to_thread(server.wait) == 0
        assert "Traceback" not in server.log
    assert query(env, "SELECT security_profile, minimum_security_profile FROM stations_chargepoint") == [(3, 3)]
    refused = query(env, "SELECT reason, details FROM stations_connectionattempt ORDER BY id")
    assert refused[0] == ("bad_certificate", "it has expired")
    assert [reason for reason, _details in refused] == ["bad_certificate", "tls_failed"]


def test_a_taken_tls_port_is_said_in_one_sentence(env):
    with serving(env):
        second = manage("serve", env=env | {"PORT": str(free_port())})
    assert second.returncode != 0
    assert f"127.0.0.1:{env['TLS_PORT']} cannot be used: Address already in use" in second.stderr
    assert "Choose another TLS_PORT" in second.stderr


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"TLS_KEY": "rsa"}, "the key does not belong to the certificate"),
        ({"TLS_KEY": ""}, "TLS_CERTIFICATE and TLS_KEY"),
        ({"TLS_SECOND_CERTIFICATE": "text"}, "TLS_SECOND_CERTIFICATE and TLS_SECOND_KEY"),
    ],
)
def test_files_that_cannot_be_used(env, pki, tmp_path, wrong, words):
    (tmp_path / "text").write_text("no certificate")
    files = {"rsa": pki.rsa.key_path, "": "", "text": tmp_path / "text"}
    result = manage("serve", env=env | {name: str(files[value]) for name, value in wrong.items()})
    assert result.returncode != 0
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_an_encrypted_key(env, pki, tmp_path):
    from cryptography.hazmat.primitives import serialization

    key = pki.ecdsa.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    )
    (tmp_path / "key").write_bytes(key)
    result = manage("serve", env=env | {"TLS_KEY": str(tmp_path / "key")})
    assert "the key is encrypted" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_doctor_looks_at_the_certificates(env, pki, tmp_path):
    def told(**more) -> list[tuple[str, str]]:
        findings = json.loads(manage("doctor", "--json", env=env | more).stdout)
        return [(row["level"], row["text"]) for row in findings if row["subject"] == "tls line"]

    assert [level for level, _text in told()] == ["ok", "ok"]
    assert f":{env['TLS_PORT']}/ocpp/<charger-id> with {pki.ecdsa.certificate_path}" in told()[0][1]
    ending = pki.servers.signs("localhost", server=True, ends=3 * DAY)
    ((level, text), _second) = told(TLS_CERTIFICATE=str(ending.certificate_path), TLS_KEY=str(ending.key_path))
    assert level == "warning"
    assert "renew it" in text
    assert told(TLS_KEY=str(pki.rsa.key_path))[0][0] == "error"
    assert [level for level, _text in told(TLS_CERTIFICATE="")] == ["ok"]
