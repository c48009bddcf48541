"""A simulated station, our server on a real socket, files over HTTP and FTP: from the wish to the stored file."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from hashlib import sha256
from io import BytesIO
from typing import Any

import pytest
import uvicorn
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.files.storage import default_storage
from django.utils import timezone

from plugcontrol.asgi import application
from simulator import SimulatedChargePoint
from stations.commands import SYSTEM, queue_command, wait_for
from stations.models import ChargePoint, Command, EffectStatus
from transfers import fetching, tokens
from transfers.models import StationFile, Transfer

from .conftest import IMAGE, in_database, make_image
from .ftp_server import serving_ftp

Stored = Callable[[Callable[[], Any]], Awaitable[Any]]


class Server(uvicorn.Server):
    """uvicorn that leaves the signals to pytest."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@pytest.fixture
async def address(gateway: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """host:port of our server, at which files are too."""
    listener = socket.create_server(("127.0.0.1", 0))
    host_and_port = f"127.0.0.1:{listener.getsockname()[1]}"
    monkeypatch.setattr(settings, "FILES_URL", f"http://{host_and_port}")
    server = Server(
        uvicorn.Config(application, ws="websockets-sansio", lifespan="off", log_config=None, access_log=False)
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    yield host_and_port
    server.should_exit = True
    await serving


@pytest.fixture
async def charger(address: str, station: ChargePoint) -> AsyncIterator[SimulatedChargePoint]:
    async with SimulatedChargePoint(f"ws://{address}/ocpp/", station.identity, speed=1000, seed=1) as charger:
        await charger.boot()
        yield charger


async def effect_of(command: Command, stored: Stored, wanted: str) -> Command:
    """The command once the station has said its last word on it."""
    await wait_for(command.pk, 10)
    async with asyncio.timeout(10):
        while True:
            row: Command = await stored(lambda: Command.objects.get(pk=command.pk))
            if row.effect_status == EffectStatus.SEEN:
                assert row.effect["steps"][-1][0] == wanted
                return row
            await asyncio.sleep(0.02)


async def file_of(command: Command) -> tuple[StationFile, bytes]:
    row = await StationFile.objects.aget(transfer__command=command)
    with default_storage.open(str(row.file.name)) as stored:
        return row, stored.read()


async def fetch(station: ChargePoint, **wish: Any) -> Command:
    command: Command = await in_database(fetching.fetch_diagnostics, station, origin=SYSTEM, **wish)
    return command


async def test_diagnostics_by_http(charger: SimulatedChargePoint, station: ChargePoint, stored: Stored) -> None:
    command = await fetch(station)
    await effect_of(command, stored, "Uploaded")
    row, content = await file_of(command)

    assert (row.file_name, row.over, row.size) == ("diagnostics-CP1.zip", "http", len(content))
    assert b'"CP1"' in zipfile.ZipFile(BytesIO(content)).read("station.json")


async def test_diagnostics_by_ftp(
    charger: SimulatedChargePoint, station: ChargePoint, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving_ftp() as port:
        monkeypatch.setattr(settings, "FTP_ADDRESS", f"127.0.0.1:{port}")
        command = await fetch(station, way="ftp")
        await effect_of(command, stored, "Uploaded")
    row, content = await file_of(command)

    assert (row.file_name, row.over, row.size) == ("diagnostics-CP1.zip", "ftp", len(content))
    assert zipfile.ZipFile(BytesIO(content)).testzip() is None


@pytest.mark.parametrize("way", ["http", "ftp"])
async def test_a_log(
    charger: SimulatedChargePoint, station: ChargePoint, stored: Stored, monkeypatch: pytest.MonkeyPatch, way: Any
) -> None:
    with serving_ftp() as port:
        monkeypatch.setattr(settings, "FTP_ADDRESS", f"127.0.0.1:{port}")
        ask = sync_to_async(fetching.fetch_log)
        command = await ask(station, "SecurityLog", origin=SYSTEM, way=way)
        await effect_of(command, stored, "Uploaded")
    row, _content = await file_of(command)
    assert (row.file_name, row.kind, row.over) == ("security-CP1.log", "security_log", way)


@pytest.mark.parametrize("way", ["http", "ftp"])
@pytest.mark.parametrize(
    ("fault", "problem"), [("too large", "too_large"), ("expired", "expired"), ("wrong token", "")]
)
async def test_uploads_that_are_refused(
    charger: SimulatedChargePoint,
    station: ChargePoint,
    stored: Stored,
    monkeypatch: pytest.MonkeyPatch,
    way: Any,
    fault: str,
    problem: str,
) -> None:
    if fault == "too large":
        charger.diagnostics.padding_bytes = 3_000_000
        monkeypatch.setattr(settings, "MAX_STATION_FILE_MB", 1)
    with serving_ftp() as port:
        monkeypatch.setattr(settings, "FTP_ADDRESS", f"127.0.0.1:{port}")
        if fault == "expired":
            monkeypatch.setattr(tokens, "default_life", lambda: timedelta(seconds=-1))
        if fault == "wrong token":
            monkeypatch.setattr(
                tokens, "hash_of", lambda token: sha256(f"{token}{timezone.now()}".encode()).hexdigest()
            )
        command = await fetch(station, way=way)
        await effect_of(command, stored, "UploadFailed")

    transfer = await Transfer.objects.aget(command=command)
    assert (transfer.problem, transfer.done_at) == (problem, None)
    assert not await StationFile.objects.aexists()


@pytest.mark.parametrize("way", ["http", "ftp"])
async def test_a_firmware_comes_from_our_address(
    charger: SimulatedChargePoint, station: ChargePoint, stored: Stored, monkeypatch: pytest.MonkeyPatch, way: Any
) -> None:
    with serving_ftp() as port:
        monkeypatch.setattr(settings, "FTP_ADDRESS", f"127.0.0.1:{port}")

        def update() -> tuple[Transfer, Command]:
            until = timezone.now() + timedelta(hours=1)
            transfer, location = tokens.open_download(station, make_image(), valid_until=until, way=way)
            payload = {"location": location, "retrieveDate": timezone.now().isoformat()}
            return transfer, queue_command(station, "UpdateFirmware", payload)

        transfer, command = await sync_to_async(update)()
        await effect_of(command, stored, "Installed")

    assert charger.firmware.fetched is not None
    assert charger.firmware.fetched.sha256 == sha256(IMAGE).digest()
    done = await Transfer.objects.aget(pk=transfer.pk)
    assert (done.bytes_done, done.problem) == (len(IMAGE), "")
    assert (await ChargePoint.objects.aget(pk=station.pk)).firmware_version == "4.3.1"


async def test_a_large_upload_that_is_refused_in_the_middle_hears_why(
    address: str, station: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that only listens once it has sent everything still reads the answer."""
    transfer, location = await in_database(
        tokens.open_upload, station, "diagnostics", valid_until=timezone.now() + timedelta(hours=1), way="http"
    )
    await Transfer.objects.filter(pk=transfer.pk).aupdate(max_bytes=100_000)
    reader, writer = await asyncio.open_connection(*address.split(":"))
    path = location.removeprefix(f"http://{address}")
    writer.write(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 600000\r\n\r\n".encode())
    writer.write(b"x" * 600_000)
    await writer.drain()
    status_line = await reader.readline()
    writer.close()

    assert status_line.startswith(b"HTTP/1.1 413")
