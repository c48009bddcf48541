"""A station, a firmware, and requests as a station's HTTP client makes them."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from plugcontrol.asgi import application
from plugcontrol.limits import FailureLimit
from stations.models import ChargePoint
from transfers import guessing, tokens
from transfers.models import FileKind, FirmwareFile, Transfer

from ..conftest import make_station

IMAGE = bytes(range(256)) * 4096
TOMORROW = timedelta(days=1)


@pytest.fixture(autouse=True)
def _a_fresh_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has guessed yet."""
    monkeypatch.setattr(guessing, "_wrong", FailureLimit(30))


@pytest.fixture
def charger(transactional_db: None) -> ChargePoint:
    return make_station()


@pytest.fixture
def image(transactional_db: None) -> FirmwareFile:
    return make_image()


def make_image(content: bytes = IMAGE) -> FirmwareFile:
    """A firmware as `firmware_files.store` leaves one, unsigned."""
    return FirmwareFile.objects.create(
        name="Wall",
        version="4.3.1",
        file=default_storage.save("firmware/wall", ContentFile(content)),
        file_name="wall 4.3.1.bin",
        size=len(content),
        sha256=sha256(content).hexdigest(),
    )


def open_upload(charger: ChargePoint, **fields: Any) -> tuple[Transfer, str]:
    """A transfer and the path of its address; `fields` are changed afterwards."""
    transfer, location = tokens.open_upload(
        charger, FileKind.DIAGNOSTICS, valid_until=timezone.now() + TOMORROW, way="http"
    )
    Transfer.objects.filter(pk=transfer.pk).update(**fields)
    return transfer, urlsplit(location).path


def open_download(charger: ChargePoint, image: FirmwareFile) -> tuple[Transfer, str]:
    transfer, location = tokens.open_download(charger, image, valid_until=timezone.now() + TOMORROW, way="http")
    return transfer, urlsplit(location).path


class Client(ApplicationCommunicator):
    """One request; its body arrives as it is sent here."""

    def __init__(self, method: str, path: str, /, *, address: str = "192.168.1.57", **headers: str) -> None:
        encoded = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": path,
            "query_string": b"",
            "client": (address, 50000),
            "scheme": "http",
            "headers": [(b"host", b"nobody.knows.this.host"), *encoded],
        }
        super().__init__(application, scope)

    async def sends(self, *pieces: bytes, more: bool = False) -> Client:
        for number, piece in enumerate(pieces, 1):
            await self.send_input(
                {"type": "http.request", "body": piece, "more_body": more or number < len(pieces)},
            )
        return self

    async def leaves(self) -> None:
        await self.send_input({"type": "http.disconnect"})
        await self.wait(10)

    async def hears(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer."""
        start = await self.receive_output(10)
        body = b""
        while True:
            message = await self.receive_output(10)
            body += message.get("body", b"")
            if not message.get("more_body"):
                await self.wait(10)
                headers = {name.decode(): value.decode() for name, value in start["headers"]}
                return start["status"], headers, body


async def put(path: str, *pieces: bytes, method: str = "PUT", **headers: str) -> int:
    """The status of the answer to an upload."""
    client = await Client(method, path, **headers).sends(*(pieces or (b"",)))
    return (await client.hears())[0]


async def get(path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    client = await Client("GET", path, **headers).sends(b"")
    return await client.hears()


async def in_database(query: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    return await sync_to_async(query)(*arguments, **named)


def eventually(condition: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen")


def scratch_files(data_dir: Path) -> list[str]:
    """Uploads that are half done, or were left behind."""
    return [path.name for path in (data_dir / "tmp").glob("upload-*")]
