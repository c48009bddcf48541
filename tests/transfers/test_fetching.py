"""Asking for diagnostics and logs: what goes out, what address is opened for it, and that it stays secret."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.utils import timezone

from stations.commands import CommandRefused, Origin, cancel_command
from stations.masking import is_masked, mask_text, masked
from stations.models import ChargePoint, Command, CommandStatus, ConfigurationKey, Message
from transfers import addresses, fetching, tokens
from transfers.models import FileKind, StationFile, Transfer

from .conftest import in_database, put

BEGIN = datetime(2026, 11, 1, 12, tzinfo=UTC)
TOKEN = "0123456789abcdef" * 2
SOON = timedelta(hours=1)
ORIGIN = Origin(actor="Anna")


def protocols(charger: ChargePoint, value: str | None) -> None:
    ConfigurationKey.objects.create(charge_point=charger, key="supportedFileTransferProtocols", value=value)


def wait_an_hour() -> datetime:
    return timezone.now() + SOON


@pytest.fixture(autouse=True)
def _addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "FILES_URL", "http://files.example.org:8000")
    monkeypatch.setattr(settings, "PUBLIC_URL", "https://charge.example.org")
    monkeypatch.setattr(settings, "FTP_ADDRESS", "files.example.org:2121")


# Ways


@pytest.mark.parametrize(
    ("known", "ways"),
    [
        (None, ("http", "https", "ftp")),
        ("", ("http", "https", "ftp")),
        ("FTP", ("ftp",)),
        ("ftp, HTTPS", ("https", "ftp")),
        ("FTP;FTPS;HTTP;HTTPS", ("http", "https", "ftp")),
        ("SFTP,FTPS", ()),
    ],
)
def test_the_best_way_is_one_that_both_know(charger: ChargePoint, known: str | None, ways: tuple[str, ...]) -> None:
    protocols(charger, known)
    assert addresses.ways_of(charger) == ways


def test_what_is_not_set_up_is_not_offered(charger: ChargePoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "FILES_URL", "")
    assert addresses.ways_offered() == ("https", "ftp")
    monkeypatch.setattr(settings, "FTP_ADDRESS", "")
    assert addresses.ways_offered() == ("https",)
    monkeypatch.setattr(settings, "PUBLIC_URL", "")
    monkeypatch.setattr(settings, "HOST", "192.168.1.20")
    assert addresses.ways_offered() == ("http",)
    assert addresses.location("http", token=TOKEN, ftp_user="f1", file_name="a b/ü.bin") == (
        f"http://192.168.1.20:{settings.PORT}/transfers/{TOKEN}/a%20b%2F%C3%BC.bin"
    )


def test_nothing_in_common_is_explained(charger: ChargePoint) -> None:
    protocols(charger, "SFTP")
    with pytest.raises(CommandRefused, match="SFTP.*HTTP, HTTPS, FTP"):
        fetching.fetch_diagnostics(charger, origin=ORIGIN, valid_until=wait_an_hour())
    assert not Transfer.objects.exists()
    assert not Command.objects.exists()


def test_a_way_that_is_asked_for(charger: ChargePoint, monkeypatch: pytest.MonkeyPatch) -> None:
    protocols(charger, "HTTP")
    command = fetching.fetch_diagnostics(charger, origin=ORIGIN, way="ftp", valid_until=wait_an_hour())
    parts = urlsplit(command.payload["location"])
    transfer = Transfer.objects.get(command=command)

    assert (parts.scheme, parts.netloc.rpartition("@")[2], parts.path) == ("ftp", "files.example.org:2121", "/")
    assert tokens.find_login(parts.username or "", parts.password or "") == transfer
    monkeypatch.setattr(settings, "FTP_ADDRESS", "")
    with pytest.raises(CommandRefused, match="FTP_ADDRESS"):
        fetching.fetch_diagnostics(charger, origin=ORIGIN, way="ftp", valid_until=wait_an_hour())


# Commands


def test_diagnostics(charger: ChargePoint) -> None:
    until = wait_an_hour()
    command = fetching.fetch_diagnostics(
        charger,
        origin=ORIGIN,
        start=BEGIN,
        stop=BEGIN + SOON,
        retries=3,
        retry_interval=60,
        valid_until=until,
    )
    transfer = Transfer.objects.get(command=command)
    location = command.payload.pop("location")

    assert command.action == "GetDiagnostics"
    assert command.payload == {
        "startTime": "2026-11-01T12:00:00Z",
        "stopTime": "2026-11-01T13:00:00Z",
        "retries": 3,
        "retryInterval": 60,
    }
    assert location.startswith("http://files.example.org:8000/transfers/")
    assert location.endswith("/")
    token = location.split("/")[-2]
    assert (tokens.find(token), transfer.kind, transfer.direction) == (transfer, "diagnostics", "upload")
    assert token not in str(Transfer.objects.filter(pk=transfer.pk).values())
    assert transfer.max_bytes == settings.MAX_STATION_FILE_MB * 1_000_000
    assert transfer.expires_at == until + timedelta(hours=settings.TRANSFER_HOURS)


@pytest.mark.parametrize(("log", "kind"), [("DiagnosticsLog", "diagnostics"), ("SecurityLog", "security_log")])
def test_a_log(charger: ChargePoint, log: Any, kind: str) -> None:
    one, other = (
        fetching.fetch_log(charger, log, origin=ORIGIN, start=BEGIN, valid_until=wait_an_hour()) for _ in range(2)
    )
    parameters = one.payload["log"]

    assert (one.action, one.payload["logType"]) == ("GetLog", log)
    assert parameters.keys() == {"remoteLocation", "oldestTimestamp"}
    assert 0 < one.payload["requestId"] != other.payload["requestId"]
    assert Transfer.objects.get(command=one).kind == kind


@pytest.mark.parametrize("wish", [{"start": BEGIN, "stop": BEGIN}, {"retries": -1}, {"retry_interval": 2**40}])
def test_nonsense_is_refused(charger: ChargePoint, wish: dict[str, Any]) -> None:
    with pytest.raises(CommandRefused):
        fetching.fetch_diagnostics(charger, origin=ORIGIN, valid_until=wait_an_hour(), **wish)
    assert not Transfer.objects.exists()


def test_the_same_wish_twice_is_one(charger: ChargePoint) -> None:
    commands = {
        fetching.fetch_log(charger, "SecurityLog", origin=ORIGIN, valid_until=wait_an_hour(), idempotency_key="k")
        for _ in range(2)
    }
    assert len(commands) == Transfer.objects.count() == Command.objects.count() == 1


def test_a_command_nobody_gets_opens_nothing(charger: ChargePoint) -> None:
    command = fetching.fetch_diagnostics(charger, origin=ORIGIN)
    assert (command.status, Transfer.objects.count()) == (CommandStatus.UNDELIVERED, 0)


def test_the_address_of_a_command_that_came_to_nothing_is_closed(charger: ChargePoint) -> None:
    gone, kept = (fetching.fetch_diagnostics(charger, origin=ORIGIN, valid_until=wait_an_hour()) for _ in range(2))
    cancel_command(gone)
    now = timezone.now()

    assert [tokens.close_useless(now), tokens.close_useless(now)] == [1, 0]
    assert Transfer.objects.get(command=gone).expires_at == now
    assert Transfer.objects.get(command=kept).expires_at > now


# The whole way


async def test_a_station_is_asked_and_delivers(
    cp: Any, station: ChargePoint, stored: Callable[..., Any], ended: Callable[..., Any]
) -> None:
    ask = sync_to_async(lambda: fetching.fetch_diagnostics(station, origin=ORIGIN))
    command = await ask()
    call = await cp.hears()
    location = call.payload["location"]
    await call.replies(fileName="log-17.zip")
    row = await ended(command)
    assert await put(urlsplit(location).path, b"lines") == 200
    await cp.call("DiagnosticsStatusNotification", status="Uploaded")

    file = await stored(lambda: StationFile.objects.get(transfer__command=command))
    assert (call.action, file.file_name, file.size) == ("GetDiagnostics", "log-17.zip", 5)
    token = location.split("/")[-2]
    assert row.payload["location"] == f"http://files.example.org:8000/transfers/{masked('***')}/"
    assert is_masked(row.payload)
    logged = await stored(lambda: [message.text for message in Message.objects.all()])
    assert any("GetDiagnostics" in text and "/transfers/***/" in text for text in logged)
    assert not any(token in text for text in logged)


async def test_a_stored_command_cannot_be_sent_again(station: ChargePoint) -> None:
    payload = masked({"location": f"http://h/transfers/{TOKEN}/"})
    with pytest.raises(CommandRefused, match="masked"):
        await in_database(fetching.queue_command, station, "GetDiagnostics", payload)


@pytest.mark.parametrize(
    "location",
    [f"https://h/a/transfers/{TOKEN}/f.bin", f"http://h/transfers/{TOKEN}", f"ftp://f12:{TOKEN}@h:21/f.bin"],
)
def test_tokens_are_masked_wherever_a_frame_is_kept(location: str) -> None:
    frame = json.dumps([2, "1", "UpdateFirmware", {"location": location}])
    for text in (frame, frame.replace("/", "\\/"), frame[:-4], frame.replace("/", "\\/")[:-4], location):
        assert TOKEN[:20] not in mask_text(text)
    hidden = masked({"firmware": {"location": location}})
    assert TOKEN[:20] not in str(hidden)
    assert is_masked(hidden)
    assert not is_masked({"firmware": {"location": location}})


def test_a_token_is_found_by_itself_only(charger: ChargePoint) -> None:
    transfer, location = tokens.open_upload(charger, FileKind.DIAGNOSTICS, valid_until=wait_an_hour(), way="http")
    token = location.split("/")[-2]

    assert tokens.find(token) == transfer
    assert [tokens.find(other) for other in (token.upper(), token[:-1], f"{token}0", "", transfer.token_hash)] == [
        None
    ] * 5
