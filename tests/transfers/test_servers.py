"""Files through real server processes: ours (uvicorn) and daphne."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from hashlib import sha256
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ..server import Server, environment, manage, spare_migrations

pytestmark = pytest.mark.server

ADDRESSES = """
from datetime import timedelta
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone
from stations.models import ChargePoint
from transfers import tokens
from transfers.models import FirmwareFile
charger, until = ChargePoint.objects.create(identity="CP1"), timezone.now() + timedelta(hours=1)
content = bytes(range(256)) * 8000
image = FirmwareFile.objects.create(
    name="Wall", version="1", file=default_storage.save("firmware/x", ContentFile(content)), file_name="wall.bin",
    size=len(content), sha256="0" * 64,
)
print("FOUND", tokens.open_upload(charger, "diagnostics", valid_until=until)[1])
print("FOUND", tokens.open_download(charger, image, valid_until=until)[1])
"""
LOOK = """
from transfers.models import StationFile, Transfer
file = StationFile.objects.get()
print("FOUND", file.size, file.sha256, file.file_name)
print("FOUND", *(str(bool(t.done_at)) for t in Transfer.objects.all()))
"""
IMAGE = bytes(range(256)) * 8000
FILE = b"0123456789abcdef" * 200_000
COMMANDS = {
    "uvicorn": ["manage.py", "serve"],
    "daphne": ["-m", "daphne", "-b", "127.0.0.1", "-p", "{port}", "plugcontrol.asgi:application"],
}


def shell(script: str, env: dict[str, str]) -> list[list[str]]:
    result = manage("shell", "-c", script, env=env)
    assert result.returncode == 0, result.stderr
    return [line.split()[1:] for line in result.stdout.splitlines() if line.startswith("FOUND ")]


@pytest.fixture(params=COMMANDS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Server, dict[str, str]]]:
    env = environment(tmp_path, FILES_URL="http://files.example.org", PUBLIC_URL="https://charge.example.org")
    spare_migrations(env)
    command = [part.format(port=env["PORT"]) for part in COMMANDS[request.param]]
    server = Server([sys.executable, *command], env, ready_when=None)
    try:
        server.wait_until_ready()
        yield request.param, server, env
    finally:
        server.stop()
    assert "Traceback" not in server.log


def test_files_come_and_go(server: tuple[str, Server, dict[str, str]]) -> None:
    kind, running, env = server
    [upload], [download] = shell(ADDRESSES, env)
    connection = HTTPConnection("127.0.0.1", running.port, timeout=20)
    parts = iter([FILE[at : at + 100_000] for at in range(0, len(FILE), 100_000)])
    connection.request("POST", f"{urlsplit(upload).path}log.bin", body=parts, encode_chunked=True)
    answer = connection.getresponse()
    answer.read()
    assert (answer.status, answer.getheader("set-cookie")) == (200, None)

    connection.request("GET", urlsplit(download).path)
    answer = connection.getresponse()
    assert (answer.status, answer.read(1000)) == (200, IMAGE[:1000])
    connection.close()  # in the middle
    connection = HTTPConnection("127.0.0.1", running.port, timeout=20)
    connection.request("GET", urlsplit(download).path, headers={"Range": "bytes=1000-"})
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (206, IMAGE[1000:])
    connection.request("GET", "/transfers/" + "0" * 32)
    assert connection.getresponse().status == 404
    connection.close()

    (size, digest, name), done = shell(LOOK, env)
    assert (int(size), digest, name) == (len(FILE), sha256(FILE).hexdigest(), "log.bin")
    assert done == ["True", "True"]
    if kind == "uvicorn":  # daphne has an access log, which is its own affair
        assert urlsplit(upload).path.split("/")[2] not in running.log
