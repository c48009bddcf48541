"""Firmware updates and uploads: the files are really fetched and delivered, unless the station is told not to.

With `transfers_files=False` nothing is transferred and every address of a known protocol is a good one: for addresses
that do not exist.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import ssl
import zipfile
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from . import files
from .rpc import Payload
from .signatures import is_signed

if TYPE_CHECKING:
    from .charge_point import SimulatedChargePoint

#: Simulated seconds; a file that is really transferred takes its own time.
DOWNLOAD_S = 120.0
INSTALLATION_S = 60.0
UPLOAD_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Tries:
    """How often to try again, and after how many (real) seconds."""

    retries: int = 0
    interval_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Update:
    """UpdateFirmware, or SignedUpdateFirmware if it has a request id; both dates are real time."""

    location: str
    retrieve_at: datetime
    install_at: datetime | None = None
    request_id: int | None = None
    signature: str = ""
    certificate: str = ""
    tries: Tries = Tries()


class _Job:
    """Something that takes its time and reports its progress; a new one takes the place of the old."""

    def __init__(self, station: SimulatedChargePoint) -> None:
        self.status = "Idle"
        self.request_id: int | None = None
        self._station = station
        self._running: asyncio.Task[Any] | None = None

    @property
    def is_running(self) -> bool:
        return self._running is not None and not self._running.done()

    def report(self) -> Payload:
        """The payload of its notification as of now; requestId only where there is one (and not while Idle)."""
        with_id = self.status != "Idle" and self.request_id is not None
        return {"status": self.status, "requestId": self.request_id} if with_id else {"status": self.status}

    async def _tell(self, action: str, status: str) -> None:
        self.status = status
        self._station.say(f"{action.removesuffix('StatusNotification').lower()}: {status}")
        await self._station.tell(action, self.report())

    async def _succeeds(self, transfer: Callable[[], Awaitable[None]], location: str, tries: Tries) -> bool:
        """Whether the station speaks the protocol and one of the tries comes to a good end."""
        if urlsplit(location).scheme.upper() not in self._station.configuration.items("SupportedFileTransferProtocols"):
            return False
        for attempt in range(1 + tries.retries):
            if attempt:
                await asyncio.sleep(tries.interval_s)
            try:
                await transfer()
                return True
            except (files.TransferFailed, OSError) as error:
                self._station.say(f"file transfer failed ({error})")
        return False

    def _tls(self, location: str) -> ssl.SSLContext | None:
        """The station trusts file servers as it trusts the central system; raises OSError for a certificate of its own
        that is not good enough.
        """
        return self._station.security.context() if urlsplit(location).scheme == "https" else None

    async def _until(self, wanted: datetime | None) -> None:
        if wanted is not None:
            await asyncio.sleep(max(0.0, (wanted - self._station.pace.now()).total_seconds()))


class Upload(_Job):
    """GetDiagnostics or GetLog; `failed` is the word that each has for it. `padding_bytes` make the file larger."""

    def __init__(self, station: SimulatedChargePoint, action: str, failed: str) -> None:
        super().__init__(station)
        self.padding_bytes = 0
        self._action, self._failed = action, failed

    async def begin(
        self, location: str, file_name: str, request_id: int | None = None, tries: Tries | None = None
    ) -> None:
        if self._running is not None:
            self._running.cancel()
        self.request_id = request_id
        self._running = self._station.tasks.spawn(self._run(location, file_name, tries or Tries()))

    async def _run(self, location: str, file_name: str, tries: Tries) -> None:
        await self._tell(self._action, "Uploading")

        async def transfer() -> None:
            if self._station.transfers_files:
                await files.deliver(location, file_name, self._content(file_name), self._tls(location))
            else:
                await self._station.pace.sleep(UPLOAD_S)

        is_there = await self._succeeds(transfer, location, tries)
        await self._tell(self._action, "Uploaded" if is_there else self._failed)
        self.status = "Idle"

    def _content(self, file_name: str) -> bytes:
        """What the station is set to, as a zip archive if the name says so."""
        configuration = {name: self._station.configuration.text(name) for name in self._station.configuration.names()}
        text = json.dumps({"identity": self._station.identity, "configuration": configuration}, indent=1).encode()
        if not file_name.endswith(".zip"):
            return text + b" " * self.padding_bytes
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as entries:
            entries.writestr("station.json", text)
            if self.padding_bytes:
                entries.writestr("padding", bytes(self.padding_bytes))
        return archive.getvalue()


class FirmwareUpdate(_Job):
    """From Downloading to Installed with a reboot in between, after which the new version is reported (§4.5, L01)."""

    def __init__(self, station: SimulatedChargePoint) -> None:
        super().__init__(station)
        #: What was really downloaded last.
        self.fetched: files.Fetched | None = None

    async def begin(self, update: Update) -> None:
        if self._running is not None:
            self._running.cancel()
        self.request_id = update.request_id
        self._running = self._station.tasks.spawn(self._run(update))

    async def _run(self, update: Update) -> None:
        if await self._download(update) and await self._is_genuine(update):
            await self._install(update)
        self.status = "Idle"

    async def _download(self, update: Update) -> bool:
        if update.request_id is not None and update.retrieve_at > self._station.pace.now():
            await self._say("DownloadScheduled")
        await self._until(update.retrieve_at)
        await self._say("Downloading")
        self.fetched = None

        async def transfer() -> None:
            if self._station.transfers_files:
                self.fetched = await files.fetch(update.location, self._tls(update.location))
            else:
                await self._station.pace.sleep(DOWNLOAD_S)

        is_there = await self._succeeds(transfer, update.location, update.tries)
        await self._say("Downloaded" if is_there else "DownloadFailed")
        return is_there

    async def _is_genuine(self, update: Update) -> bool:
        """Signatures of nothing cannot be checked: without a file one that is Base64 is good."""
        if update.request_id is None:
            return True
        try:
            signature = b64decode(update.signature, validate=True)
        except NotBase64:
            signature = b""
        is_good = bool(signature)
        if is_good and self.fetched is not None:
            is_good = is_signed(self.fetched.sha256, signature, update.certificate)
        await self._say("SignatureVerified" if is_good else "InvalidSignature")
        if not is_good:
            await self._tell_event("InvalidFirmwareSignature")
        return is_good

    async def _install(self, update: Update) -> None:
        if update.install_at is not None and update.install_at > self._station.pace.now():
            await self._say("InstallScheduled")
        await self._until(update.install_at)
        for connector in self._station.charging.running():
            if connector.transaction is not None:
                await connector.transaction.ended.wait()
        await self._say("Installing")
        await self._station.pace.sleep(INSTALLATION_S)
        if update.request_id is not None:
            await self._say("InstallRebooting")
        self._station.registration.boot_payload["firmwareVersion"] = version_in(update.location)
        await self._station.reboot()
        await self._say("Installed")

    async def _say(self, status: str) -> None:
        signed = self.request_id is not None
        await self._tell("SignedFirmwareStatusNotification" if signed else "FirmwareStatusNotification", status)

    async def _tell_event(self, kind: str) -> None:
        await self._station.tell(
            "SecurityEventNotification", {"type": kind, "timestamp": self._station.pace.timestamp()}
        )


def version_in(location: str) -> str:
    """What a station reports after installing this file: the number in its name, else the name."""
    name = unquote(urlsplit(location).path.rpartition("/")[2])
    number = re.search(r"\d+(\.\d+)+", name)
    return (number[0] if number else name)[:50] or "unknown"
