"""`manage.py serve` as people run it: a process, a port, chargers nobody here wrote."""

import asyncio
import base64
import contextlib
import signal
import socket
import sys
import time
from pathlib import Path

import pytest
import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint as OcppChargePoint
from ocpp.v16 import call, call_result

from .server import Server, environment, free_port, manage, serving

pytestmark = pytest.mark.server


class ThirdPartyChargePoint(OcppChargePoint):
    """PyPI `ocpp`, written by other people, as a charge point."""

    def __init__(self, identity, socket):
        super().__init__(identity, socket)
        self.triggered = asyncio.Event()

    @on("TriggerMessage")
    async def on_trigger(self, requested_message, **_):
        self.triggered.set()
        return call_result.TriggerMessage(status="Accepted")


async def charge(address: str, identity: str, approve) -> int:
    """Boot, wait for approval, authorize, start, ten MeterValues, stop; returns the transactionId."""
    async with websockets.connect(f"{address}/{identity}", subprotocols=["ocpp1.6"]) as socket:
        station = ThirdPartyChargePoint(identity, socket)
        listening = asyncio.create_task(station.start())
        boot = call.BootNotification(charge_point_model="Wall", charge_point_vendor="Acme")
        assert (await station.call(boot)).status == "Pending"
        await asyncio.to_thread(approve)
        await asyncio.wait_for(station.triggered.wait(), 15)
        assert (await station.call(boot)).status == "Accepted"
        assert (await station.call(call.Authorize(id_tag="CAFE"))).id_tag_info["status"] == "Accepted"
        start = call.StartTransaction(connector_id=1, id_tag="CAFE", meter_start=1000, timestamp="2026-11-01T10:00:00Z")
        transaction_id = (await station.call(start)).transaction_id
        for minute in range(1, 11):
            sample = {"value": str(1000 + 111 * minute), "unit": "Wh"}
            reading = {"timestamp": f"2026-11-01T10:{minute:02}:00Z", "sampledValue": [sample]}
            await station.call(call.MeterValues(connector_id=1, transaction_id=transaction_id, meter_value=[reading]))
        stop = call.StopTransaction(meter_stop=2117, timestamp="2026-11-01T10:11:00Z", transaction_id=transaction_id)
        await station.call(stop)
        listening.cancel()
        return transaction_id


@pytest.fixture
def env(tmp_path):
    return environment(tmp_path)


def test_from_nothing_to_a_session_in_a_file(env, tmp_path):
    with serving(env, from_nothing=True) as server:
        assert manage("create_id_tag", "CAFE", "--holder", "Anna", env=env).returncode == 0

        def approve():
            result = manage("create_charge_point", "PYPI-1", "--accept", "--update", env=env)
            assert result.returncode == 0, result.stderr

        asyncio.run(charge(server.charger_address, "PYPI-1", approve))
    csv = manage("export_transactions", "--format", "csv", "-o", "-", env=env)
    assert csv.returncode == 0, csv.stderr
    header, line = csv.stdout.strip().splitlines()
    row = dict(zip(header.lstrip("\ufeff").split(","), line.split(","), strict=True))
    assert (row["id_tag"], row["meter_start_wh"], row["meter_stop_wh"]) == ("CAFE", "1000", "2117")
    assert row["energy_kwh"] == "1.117"


def test_what_it_prints(env):
    with serving(env) as server:
        assert f"http://127.0.0.1:{server.port}/setup/?token=" in server.log
        assert f"ws://127.0.0.1:{server.port}/ocpp/<charger-id>" in server.log
        assert server.get("/healthz") == (200, '{"status": "ok"}')
        assert server.get("/readyz")[0] == 200
        server.signal(signal.SIGINT)
        assert server.wait() == 0
    assert "Traceback" not in server.log


def test_the_lan_address_is_printed_never_localhost(env):
    with serving(env | {"HOST": "0.0.0.0"}) as server:
        assert "localhost" not in server.log
        assert "ws://127." not in server.log


def test_a_second_server_without_redis_and_postgresql_says_so(env):
    with serving(env):
        second = manage("serve", env=env | {"PORT": str(free_port())})
    assert second.returncode != 0
    assert "more than one needs PostgreSQL (DATABASE_URL) and Redis (REDIS_URL)" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_taken_port_is_said_in_one_sentence(env):
    with serving(env):
        second = manage("serve", env=env)
    assert second.returncode != 0
    assert "cannot be used: Address already in use" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_killed_server_can_be_started_again_at_once(env):
    server = Server([sys.executable, "manage.py", "serve", "--prepare"], env)
    server.wait_until_ready()
    server.kill()
    with serving(env) as again:
        assert again.get("/healthz")[0] == 200


def open_files(pid: int) -> list[str]:
    paths = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            paths.append(str(entry.readlink()))
    return paths


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks at the open files of a process")
def test_an_upload_is_not_kept_in_what_may_be_memory(env, tmp_path):
    """In containers /tmp is a small one; a firmware is a large file."""
    with serving(env) as server, socket.create_connection(("127.0.0.1", server.port)) as line:
        length = 8 * 1024 * 1024
        line.sendall(f"POST /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n".encode())
        line.sendall(bytes(length // 2))
        for _ in range(100):
            half = [path for path in open_files(server.pid) if "(deleted)" in path]
            if half:
                break
            time.sleep(0.1)
    assert [Path(path).parent for path in half] == [tmp_path / "tmp"]


async def refused(address: str, **options) -> int:
    with pytest.raises(websockets.InvalidStatus) as error:
        async with websockets.connect(address, subprotocols=["ocpp1.6"], **options):
            pass
    return error.value.response


async def test_handshakes_are_refused_with_their_own_status(env):
    server = Server([sys.executable, "manage.py", "serve", "--prepare"], env | {"UNKNOWN_CHARGE_POINTS": "refuse"})
    try:
        await asyncio.to_thread(server.wait_until_ready)
        result = await asyncio.to_thread(
            manage, "create_charge_point", "CP1", "--accept", "--password", "correct horse battery", env=env
        )
        assert result.returncode == 0, result.stderr
        assert (await refused(f"{server.charger_address}/NOBODY")).status_code == 404
        answer = await refused(f"{server.charger_address}/CP1")
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Basic realm="ocpp"')
        token = base64.b64encode(b"CP1:correct horse battery").decode()
        headers = {"Authorization": f"Basic {token}", "Origin": "http://evil.example"}
        address = {"uri": f"ws://10.1.2.3:{server.port}/ocpp/CP1", "host": "127.0.0.1", "port": server.port}
        async with websockets.connect(**address, subprotocols=["ocpp1.6"], additional_headers=headers) as socket:
            assert socket.subprotocol == "ocpp1.6"
            assert "permessage-deflate" not in socket.response.headers.get("Sec-WebSocket-Extensions", "")
    finally:
        await asyncio.to_thread(server.stop)


async def test_a_proxys_word_for_tls_counts_only_from_a_trusted_address(env):
    """H21: seen behind the proxy with TLS; then without it, and with a header anybody could send."""
    assert manage("prepare", env=env).returncode == 0
    secret = "correct horse battery"
    assert manage("create_charge_point", "CP1", "--accept", "--password", secret, env=env).returncode == 0
    basic = {"Authorization": f"Basic {base64.b64encode(f'CP1:{secret}'.encode()).decode()}"}
    over_tls = basic | {"X-Forwarded-Proto": "https"}
    with serving(env) as server:
        address = f"{server.charger_address}/CP1"
        async with websockets.connect(address, subprotocols=["ocpp1.6"], additional_headers=over_tls):
            pass
        assert (await refused(address, additional_headers=basic)).status_code == 403
    with serving(env | {"TRUSTED_PROXIES": "10.9.9.9"}) as server:
        answer = await refused(f"{server.charger_address}/CP1", additional_headers=over_tls)
        assert answer.status_code == 403


async def test_sigterm_answers_what_was_read(env):
    server = Server([sys.executable, "manage.py", "serve", "--prepare"], env | {"UNKNOWN_CHARGE_POINTS": "accept"})
    try:
        await asyncio.to_thread(server.wait_until_ready)
        async with websockets.connect(f"{server.charger_address}/CP1", subprotocols=["ocpp1.6"]) as socket:
            await socket.send('[2,"boot","BootNotification",{"chargePointVendor":"A","chargePointModel":"B"}]')
            await socket.recv()
            answered = 0
            with pytest.raises(websockets.ConnectionClosed) as closed:
                while True:
                    status = '{"connectorId":1,"errorCode":"NoError","status":"Available"}'
                    await socket.send(f'[2,"{answered}","StatusNotification",{status}]')
                    assert f'"{answered}"' in await socket.recv()
                    answered += 1
                    if answered == 5:
                        server.signal(signal.SIGTERM)
            assert answered >= 5
            assert closed.value.rcvd.code == 1012
        assert await asyncio.to_thread(server.wait) == 0
    finally:
        await asyncio.to_thread(server.stop)


async def test_plain_http_on_a_chargers_address(env):
    server = Server([sys.executable, "manage.py", "serve", "--prepare"], env)
    try:
        await asyncio.to_thread(server.wait_until_ready)
        status, text = await asyncio.to_thread(server.get, "/ocpp/CP1")
        assert status == 426
        assert "WebSocket" in text
    finally:
        await asyncio.to_thread(server.stop)


@pytest.mark.parametrize("kind", ["daphne", "runserver"])
def test_other_servers_serve_a_session_too(env, kind):
    assert manage("prepare", env=env).returncode == 0
    assert manage("create_id_tag", "CAFE", env=env).returncode == 0
    command = {
        "daphne": ["-m", "daphne", "-b", "127.0.0.1", "-p", env["PORT"], "plugcontrol.asgi:application"],
        "runserver": ["manage.py", "runserver", "--noreload", f"127.0.0.1:{env['PORT']}"],
    }[kind]
    server = Server([sys.executable, *command], env, ready_when=None)
    try:
        server.wait_until_ready()

        def approve():
            assert manage("create_charge_point", "PYPI-1", "--accept", "--update", env=env).returncode == 0

        assert asyncio.run(charge(server.charger_address, "PYPI-1", approve)) > 0
    finally:
        server.kill()


def test_wrong_settings_stop_it_with_one_sentence(env):
    result = manage("serve", env=env | {"UNKNOWN_CHARGE_POINTS": "maybe"})
    assert result.returncode != 0
    assert result.stderr.strip().splitlines() == [
        "plugcontrol cannot start: UNKNOWN_CHARGE_POINTS must be one of ask, refuse, accept, not 'maybe'."
    ]
