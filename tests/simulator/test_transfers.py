"""Firmware, diagnostics and logs: the notifications, and the files where there is somebody to transfer them with."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from simulator import files

from ..tls.pki import Ca
from ..transfers.firmware import certificate_of
from .central_system import call
from .test_certificates import ROOT

FILE = "https://files.example.org/fw/acme-4.3.1.bin"


def told(central, action):
    return [payload["status"] for payload in central.payloads(action)]


async def test_a_firmware_is_installed(central, cp):
    update = call.UpdateFirmware(location=FILE, retrieve_date=cp.pace.now().isoformat())
    await central.sends("SIM-1", update)
    await central.hears("FirmwareStatusNotification", status="Installed")

    assert told(central, "FirmwareStatusNotification") == ["Downloading", "Downloaded", "Installing", "Installed"]
    assert [boot["firmwareVersion"] for boot in central.payloads("BootNotification")] == ["1.0.0", "4.3.1"]
    order = [action for action in central.actions() if action in {"BootNotification", "FirmwareStatusNotification"}]
    assert order[-2:] == ["BootNotification", "FirmwareStatusNotification"]


async def test_the_installation_waits_for_the_driver(central, cp):
    await cp.start(1)
    await central.sends("SIM-1", call.UpdateFirmware(location=FILE, retrieve_date=cp.pace.now().isoformat()))
    await central.hears("FirmwareStatusNotification", status="Downloaded")
    assert "Installing" not in told(central, "FirmwareStatusNotification")
    await cp.stop(1)
    await central.hears("FirmwareStatusNotification", status="Installed")

    # the driver's own stop, not one by the reboot; its message may be overtaken by "Installing"
    assert [stop["reason"] for stop in central.payloads("StopTransaction")] == ["Local"]


async def test_a_firmware_it_cannot_fetch(central, cp):
    await central.sends("SIM-1", call.UpdateFirmware(location="gopher://x/y", retrieve_date=cp.pace.now().isoformat()))
    await central.hears("FirmwareStatusNotification", status="DownloadFailed")

    assert told(central, "FirmwareStatusNotification") == ["Downloading", "DownloadFailed"]
    assert len(central.payloads("BootNotification")) == 1


def signed(cp, **changes):
    firmware = {
        "location": FILE,
        "retrieve_date_time": cp.pace.now().isoformat(),
        "signing_certificate": ROOT,
        "signature": "c2lnbmF0dXJl",
    }
    return call.SignedUpdateFirmware(request_id=10, firmware=firmware | changes)


async def test_a_signed_firmware_is_installed(central, cp):
    later = (cp.pace.now() + timedelta(seconds=0.3)).isoformat()
    answer = await central.sends("SIM-1", signed(cp, retrieve_date_time=later, install_date_time=later))
    await central.hears("SignedFirmwareStatusNotification", status="Installed")

    assert answer.status == "Accepted"
    steps = ["DownloadScheduled", "Downloading", "Downloaded", "SignatureVerified"]
    rest = ["Installing", "InstallRebooting", "Installed"]
    assert [s for s in told(central, "SignedFirmwareStatusNotification") if s != "InstallScheduled"] == steps + rest
    assert {payload["requestId"] for payload in central.payloads("SignedFirmwareStatusNotification")} == {10}


async def test_a_bad_signature(central, cp):
    await central.sends("SIM-1", signed(cp, signature="***"))
    await central.hears("SecurityEventNotification", type="InvalidFirmwareSignature")

    assert told(central, "SignedFirmwareStatusNotification")[-1] == "InvalidSignature"


async def test_a_bad_signing_certificate(central, cp):
    assert (await central.sends("SIM-1", signed(cp, signing_certificate="none"))).status == "InvalidCertificate"


async def test_a_new_update_takes_the_place_of_the_old(central, cp):
    tomorrow = (cp.pace.now() + timedelta(days=1)).isoformat()
    first = await central.sends("SIM-1", signed(cp, retrieve_date_time=tomorrow))
    await central.hears("SignedFirmwareStatusNotification", status="DownloadScheduled")
    await central.sends("SIM-1", call.ExtendedTriggerMessage(requested_message="FirmwareStatusNotification"))
    asked = await central.hears("SignedFirmwareStatusNotification", status="DownloadScheduled", times=2)
    second = await central.sends("SIM-1", signed(cp))
    await central.hears("SignedFirmwareStatusNotification", status="Installed")

    assert asked["requestId"] == 10
    assert (first.status, second.status) == ("Accepted", "AcceptedCanceled")


@pytest.mark.parametrize(("location", "end"), [("https://x.example/", "Uploaded"), ("gopher://x/", "UploadFailed")])
async def test_diagnostics(central, cp, location, end):
    answer = await central.sends("SIM-1", call.GetDiagnostics(location=location))
    await central.hears("DiagnosticsStatusNotification", status=end)

    assert answer.file_name == "diagnostics-SIM-1.zip"
    assert told(central, "DiagnosticsStatusNotification") == ["Uploading", end]


@pytest.mark.parametrize(("location", "end"), [("https://x.example/", "Uploaded"), ("gopher://x/", "UploadFailure")])
async def test_a_log(central, cp, location, end):
    request = call.GetLog(log={"remote_location": location}, log_type="SecurityLog", request_id=9)
    answer = await central.sends("SIM-1", request)
    await central.hears("LogStatusNotification", status=end, requestId=9)

    assert (answer.status, answer.filename) == ("Accepted", "security-SIM-1.log")
    assert told(central, "LogStatusNotification") == ["Uploading", end]


async def test_a_new_log_takes_the_place_of_the_old(central, station):
    async with station(speed=1.0) as cp:
        await cp.boot()
        request = call.GetLog(log={"remote_location": "https://x.example/"}, log_type="DiagnosticsLog", request_id=9)
        await central.sends("SIM-1", request)
        await central.hears("LogStatusNotification", status="Uploading")
        again = await central.sends("SIM-1", request)

    assert again.status == "AcceptedCanceled"


# Really


IMAGE = bytes(range(256)) * 1000


class FileServer(ThreadingHTTPServer):
    """Answers GET with IMAGE and keeps what is PUT; `statuses` are the first answers instead."""

    def __init__(self, tls=None):
        super().__init__(("127.0.0.1", 0), Handler)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.statuses = []
        self.requests = []
        self.says_bytes = len(IMAGE)
        self.address = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self._answer(b"", self.server.says_bytes, IMAGE)

    def do_PUT(self):
        self._answer(self.rfile.read(int(self.headers["Content-Length"])), 0, b"")

    def _answer(self, body, says, content):
        self.server.requests.append((self.command, self.path, body))
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        self.send_response(status)
        self.send_header("Content-Length", str(says if status == 200 else 0))
        self.end_headers()
        if status == 200:
            self.wfile.write(content)

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(FileServer()) as server:
        yield server


@contextmanager
def serving(server: FileServer) -> Iterator[FileServer]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def really(station):
    """`async with really() as cp:` a booted station whose files travel."""

    @asynccontextmanager
    async def build(**options):
        async with station(transfers_files=True, **options) as cp:
            await cp.boot()
            yield cp

    return build


async def test_a_firmware_is_really_fetched(central, really, server):
    async with really() as cp:
        update = call.UpdateFirmware(location=f"{server.address}/fw/acme%204.3.1.bin?x=1", retrieve_date=now(cp))
        await central.sends("SIM-1", update)
        await central.hears("FirmwareStatusNotification", status="Installed")
        assert (cp.firmware.fetched.size, cp.firmware.fetched.sha256) == (len(IMAGE), sha256(IMAGE).digest())

    assert server.requests == [("GET", "/fw/acme%204.3.1.bin?x=1", b"")]
    assert central.payloads("BootNotification")[-1]["firmwareVersion"] == "4.3.1"


@pytest.mark.parametrize(("retries", "end"), [(1, "DownloadFailed"), (2, "Downloaded")])
async def test_it_tries_again_as_often_as_it_is_told(central, really, server, retries, end):
    server.statuses = [503, 404]
    async with really() as cp:
        await central.sends(
            "SIM-1",
            call.UpdateFirmware(
                location=f"{server.address}/1.2.bin", retrieve_date=now(cp), retries=retries, retry_interval=0
            ),
        )
        await central.hears("FirmwareStatusNotification", status=end)
    assert len(server.requests) == retries + 1


async def test_half_a_firmware_is_none(central, really, server):
    server.says_bytes = len(IMAGE) + 1
    async with really() as cp:
        await central.sends("SIM-1", call.UpdateFirmware(location=f"{server.address}/1.2.bin", retrieve_date=now(cp)))
        await central.hears("FirmwareStatusNotification", status="DownloadFailed")


async def test_nobody_is_there(central, really, server):
    server.server_close()
    async with really():
        await central.sends("SIM-1", call.GetDiagnostics(location=f"{server.address}/"))
        await central.hears("DiagnosticsStatusNotification", status="UploadFailed")


@pytest.mark.parametrize(("is_trusted", "end"), [(True, "Downloaded"), (False, "DownloadFailed")])
async def test_over_https_it_trusts_the_roots_it_holds(central, really, tmp_path, is_trusted, end):
    ca = Ca(tmp_path, "Files")
    pair = ca.signs("127.0.0.1", server=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pair.certificate_path, pair.key_path)
    roots = [ca.pair.pem] if is_trusted else []
    with serving(FileServer(tls)) as server:
        async with really(trusted_roots=roots) as cp:
            await central.sends(
                "SIM-1", call.UpdateFirmware(location=f"{server.address}/1.2.bin", retrieve_date=now(cp))
            )
            await central.hears("FirmwareStatusNotification", status=end)


EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PSS = padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=32)


@pytest.mark.parametrize(
    ("key", "signature", "end"),
    [
        (EC_KEY, EC_KEY.sign(IMAGE, ec.ECDSA(SHA256())), "SignatureVerified"),
        (RSA_KEY, RSA_KEY.sign(IMAGE, PSS, SHA256()), "SignatureVerified"),
        (EC_KEY, EC_KEY.sign(IMAGE + b"x", ec.ECDSA(SHA256())), "InvalidSignature"),
        (RSA_KEY, EC_KEY.sign(IMAGE, ec.ECDSA(SHA256())), "InvalidSignature"),
    ],
    ids=["elliptic curve", "rsa", "of another image", "of another key"],
)
async def test_the_signature_of_what_was_fetched(central, really, server, key, signature, end):
    async with really() as cp:
        firmware = signed(
            cp,
            location=f"{server.address}/4.3.1.bin",
            signing_certificate=certificate_of(key),
            signature=b64encode(signature).decode(),
        )
        await central.sends("SIM-1", firmware)
        await central.hears("SignedFirmwareStatusNotification", status=end)


async def test_diagnostics_are_really_delivered(central, really, server):
    async with really():
        await central.sends("SIM-1", call.GetDiagnostics(location=f"{server.address}/logs/"))
        await central.hears("DiagnosticsStatusNotification", status="Uploaded")

    [(method, path, body)] = server.requests
    assert (method, path) == ("PUT", "/logs/diagnostics-SIM-1.zip")
    assert b"NumberOfConnectors" in zipfile.ZipFile(BytesIO(body)).read("station.json")


async def test_a_log_that_is_refused(central, really, server):
    server.statuses = [413]
    async with really():
        request = call.GetLog(log={"remote_location": f"{server.address}/x"}, log_type="SecurityLog", request_id=9)
        await central.sends("SIM-1", request)
        await central.hears("LogStatusNotification", status="UploadFailure", requestId=9)
    assert server.requests[0][:2] == ("PUT", "/x")


def now(cp):
    return cp.pace.now().isoformat()


async def test_transfers_that_are_stuck_leave_the_threads_to_others():
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        location = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        stuck = [asyncio.create_task(files.fetch(location, None)) for _ in range(40)]
        await asyncio.sleep(0)
        await asyncio.wait_for(asyncio.to_thread(int), 5)
    outcomes = await asyncio.gather(*stuck, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {files.TransferFailed}
