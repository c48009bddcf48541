"""The proxy of the compose profile `tls` with a real nginx, where there is one: its own file but for the addresses."""

from __future__ import annotations

import contextlib
import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.server import environment, free_port, manage, serving, spare_migrations

from .conftest import basic, client_context
from .pki import DAY

NGINX = shutil.which("nginx")
pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
]
ROOT = Path(__file__).resolve().parent.parent.parent
HEADER = "X-Client-Certificate"
KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def env(pki, tmp_path_factory):
    values = environment(
        tmp_path_factory.mktemp("nginx"),
        UNKNOWN_CHARGE_POINTS="refuse",
        CLIENT_CERTIFICATE_HEADER=HEADER,
        TRUSTED_PROXIES="127.0.0.1",
        CA_CERTIFICATE=pki.chargers.pair.certificate_path,
        CA_KEY=pki.chargers.pair.key_path,
    )
    spare_migrations(values)
    for arguments in (("CP1", "--password", KEY), ("CP2", "--password", KEY)):
        assert manage("create_charge_point", *arguments, "--accept", env=values).returncode == 0
    return values


@contextlib.contextmanager
def proxying(env: dict[str, str], pki, folder: Path) -> Iterator[int]:
    """nginx as the file says, on a free port in front of the server."""
    port, config = free_port(), (ROOT / "deploy/nginx.conf").read_text()
    for said, here in (
        ("listen 8443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("http://web:8000", f"http://127.0.0.1:{env['PORT']}"),
        ("/tls/certificate.pem", pki.ecdsa.certificate_path),
        ("/tls/key.pem", pki.ecdsa.key_path),
        *((f" /tmp/{name};", f" {folder / name};") for name in ("body", "proxy", "fastcgi", "uwsgi", "scgi")),
        ("pid /tmp/nginx.pid", f"pid {folder / 'nginx.pid'}"),
    ):
        assert said in config
        config = config.replace(said, str(here))
    (folder / "nginx.conf").write_text(config)
    nginx = subprocess.Popen([str(NGINX), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"])
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            assert nginx.poll() is None
            time.sleep(0.05)
        yield port
    finally:
        nginx.terminate()
        nginx.wait(10)


def query(env, sql: str) -> list[tuple]:
    with contextlib.closing(sqlite3.connect(Path(env["DATA_DIR"]) / "plugcontrol.sqlite3")) as database:
        return database.execute(sql).fetchall()


async def test_chargers_and_people_behind_it(env, pki, tmp_path):
    certificate = pki.chargers.signs("CP1")
    with serving(env) as server, proxying(env, pki, tmp_path) as port:

        def line(identity: str, headers=None, own=None):
            address = f"wss://127.0.0.1:{port}/ocpp/{identity}"
            context = client_context(pki, own)
            return connect(address, ssl=context, subprotocols=["ocpp1.6"], additional_headers=headers, proxy=None)

        async def refusal(*arguments, **more) -> int:
            with pytest.raises(InvalidStatus) as refused:
                await line(*arguments, **more)
            return refused.value.response.status_code

        async with line("CP2", basic("CP2", KEY)) as wire:  # profile 2
            await wire.send('[2,"1","Heartbeat",{}]')
            assert '"currentTime"' in await wire.recv()
        assert await refusal("CP2", basic("CP2", "ff" * 16)) == 401
        assert await refusal("NOBODY") == 404
        claim = {HEADER: certificate.pem.replace("\n", " ")}
        assert await refusal("CP1", claim) == 401  # what a caller writes into the header is nobody's certificate
        async with line("CP1", own=certificate) as wire:  # profile 3
            await wire.send('[2,"1","Heartbeat",{}]')
            assert '"currentTime"' in await wire.recv()
        expired = pki.chargers.signs("CP1", begins=-2 * DAY, ends=-DAY)
        assert await refusal("CP1", own=expired) == 403
        assert await refusal("CP1", own=pki.strangers.signs("CP1")) == 403
        assert await refusal("CP1", own=pki.chargers.signs("CP2")) == 403
        assert "Traceback" not in server.log
    rows = "SELECT identity, minimum_security_profile FROM stations_chargepoint ORDER BY identity"
    assert query(env, rows) == [("CP1", 3), ("CP2", 2)]
    assert query(env, "SELECT reason, count, remote_address FROM stations_connectionattempt ORDER BY id") == [
        ("wrong_password", 1, "127.0.0.1"),
        ("unknown", 1, "127.0.0.1"),
        ("no_password", 1, "127.0.0.1"),
        ("bad_certificate", 2, "127.0.0.1"),
        ("wrong_certificate", 1, "127.0.0.1"),
    ]
