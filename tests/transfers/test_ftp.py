"""Files over FTP: what a station's client may do with the login of a command, and what is kept of it."""

from __future__ import annotations

import ftplib
import socket
import struct
from collections import namedtuple
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from django.conf import settings
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from plugcontrol.limits import FailureLimit
from stations.models import ChargePoint
from transfers import ftp_files, guessing, receiving, tokens
from transfers.management.commands import serve_ftp
from transfers.models import FileKind, FirmwareFile, StationFile, Transfer

from ..server import Server, environment, free_port, manage
from .conftest import IMAGE, TOMORROW, eventually, scratch_files
from .ftp_server import serving_ftp

Login = tuple[str, str]


@pytest.fixture
def port(transactional_db: None) -> Iterator[int]:
    with serving_ftp() as number:
        yield number


@pytest.fixture
def ftp(port: int) -> Iterator[Callable[[Login], ftplib.FTP]]:
    """`client = ftp(login)`: logged in; raises ftplib.error_perm for a wrong login."""
    clients: list[ftplib.FTP] = []

    def connect(login: Login) -> ftplib.FTP:
        client = ftplib.FTP(timeout=10)  # noqa: S321 - it is what is tested
        clients.append(client)
        client.connect("127.0.0.1", port)
        client.login(*login)
        return client

    yield connect
    for client in clients:
        client.close()


def open_upload(charger: ChargePoint, monkeypatch: pytest.MonkeyPatch, **fields: Any) -> tuple[Transfer, Login]:
    monkeypatch.setattr(settings, "FTP_ADDRESS", "files.example.org:2121")
    transfer, location = tokens.open_upload(
        charger, FileKind.DIAGNOSTICS, valid_until=timezone.now() + TOMORROW, way="ftp"
    )
    Transfer.objects.filter(pk=transfer.pk).update(**fields)
    return transfer, login_of(location)


def login_of(location: str) -> Login:
    parts = urlsplit(location)
    assert (parts.scheme, parts.hostname, parts.port) == ("ftp", "files.example.org", 2121)
    assert parts.username
    assert parts.password
    return parts.username, parts.password


@pytest.fixture
def upload(charger: ChargePoint, monkeypatch: pytest.MonkeyPatch) -> tuple[Transfer, Login]:
    return open_upload(charger, monkeypatch)


@pytest.fixture
def download(charger: ChargePoint, image: FirmwareFile, monkeypatch: pytest.MonkeyPatch) -> tuple[Transfer, Login, str]:
    monkeypatch.setattr(settings, "FTP_ADDRESS", "files.example.org:2121")
    transfer, location = tokens.open_download(charger, image, valid_until=timezone.now() + TOMORROW, way="ftp")
    return transfer, login_of(location), unquote(urlsplit(location).path)


def stored(transfer: Transfer) -> list[StationFile]:
    return list(StationFile.objects.filter(transfer=transfer))


def content(file: StationFile) -> bytes:
    with default_storage.open(str(file.file.name)) as opened:
        data: bytes = opened.read()
    return data


def put(client: ftplib.FTP, data: bytes, name: str = "diag.zip") -> str:
    return client.storbinary(f"STOR {name}", BytesIO(data))


def problem_of(transfer: Transfer) -> str:
    return str(Transfer.objects.get(pk=transfer.pk).problem)


Ftp = Callable[[Login], ftplib.FTP]


@pytest.mark.parametrize("passive", [True, False])
@pytest.mark.parametrize("name", ["diag.zip", "/diag.zip", "some/folder/diag.zip"])
def test_a_file_is_delivered(ftp: Ftp, upload: tuple[Transfer, Login], name: str, passive: bool) -> None:
    transfer, login = upload
    client = ftp(login)
    client.set_pasv(passive)
    assert put(client, b"some\r\nlines", name).startswith("226")

    [file] = stored(transfer)
    assert (file.file_name, file.size, file.over) == ("diag.zip", 11, "ftp")
    assert (file.remote_address, content(file)) == ("127.0.0.1", b"some\r\nlines")
    done = Transfer.objects.get(pk=transfer.pk)
    assert (done.bytes_done, done.problem) == (11, "")
    assert done.done_at
    assert not scratch_files(settings.DATA_DIR)


def test_a_station_that_forgets_to_say_binary(ftp: Ftp, upload: tuple[Transfer, Login]) -> None:
    transfer, login = upload
    data = b"PK\r\n\x00\r\n\n"
    client = ftp(login)
    client.sendcmd("TYPE A")
    with client.transfercmd("STOR diag.zip") as line:
        line.sendall(data)
    client.voidresp()

    assert content(stored(transfer)[0]) == data


def test_it_may_look_and_ask_but_not_change(ftp: Ftp, upload: tuple[Transfer, Login]) -> None:
    transfer, login = upload
    client = ftp(login)
    assert client.nlst() == []
    client.cwd("/logs")
    assert client.pwd() == "/logs"
    put(client, b"x" * 5)

    assert client.nlst() == ["diag.zip"]
    assert client.size("diag.zip") == 5
    lines: list[str] = []
    client.dir(lines.append)
    assert lines[0].split()[4:] != []
    for command in ("DELE diag.zip", "RNFR diag.zip", "MKD x", "RMD /", "SITE CHMOD 777 diag.zip", "APPE diag.zip"):
        with pytest.raises(ftplib.error_perm):
            client.sendcmd(command)
    with pytest.raises(ftplib.error_perm):
        client.retrbinary("RETR diag.zip", lambda _piece: None)
    [file] = stored(transfer)
    assert content(file) == b"x" * 5


def test_nothing_of_the_disk_is_seen(ftp: Ftp, upload: tuple[Transfer, Login]) -> None:
    client = ftp(upload[1])
    for command in ("SIZE /etc/passwd", "MDTM ../../etc/passwd", "RETR /etc/passwd", "RETR ../secret_key"):
        with pytest.raises(ftplib.error_perm):
            client.sendcmd(command)
    assert client.nlst("/etc") == []


def test_the_same_file_again_is_welcome_and_another_is_not(ftp: Ftp, upload: tuple[Transfer, Login]) -> None:
    transfer, login = upload
    client = ftp(login)
    put(client, b"one")
    put(client, b"one")
    with pytest.raises(ftplib.error_perm, match="^553"):
        put(client, b"two")

    [file] = stored(transfer)
    assert (content(file), problem_of(transfer)) == (b"one", "already_there")


def test_an_oversized_file(ftp: Ftp, charger: ChargePoint, monkeypatch: pytest.MonkeyPatch) -> None:
    transfer, login = open_upload(charger, monkeypatch, max_bytes=100_000)
    client = ftp(login)
    with pytest.raises((ftplib.error_perm, ConnectionError)):  # we hang up in the middle
        put(client, b"x" * 5_000_000)

    client = ftp(login)
    assert (stored(transfer), problem_of(transfer)) == ([], "too_large")
    assert not scratch_files(settings.DATA_DIR)
    assert put(client, b"x" * 100_000).startswith("226")
    assert problem_of(transfer) == ""


def test_no_space(ftp: Ftp, upload: tuple[Transfer, Login], monkeypatch: pytest.MonkeyPatch) -> None:
    transfer, login = upload
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(receiving.shutil, "disk_usage", lambda _path: usage(0, 0, receiving.RESERVE_BYTES + 5))
    client = ftp(login)
    with pytest.raises(ftplib.error_temp, match="^452"):
        put(client, b"x" * 6)

    assert (stored(transfer), problem_of(transfer)) == ([], "no_space")
    put(client, b"x" * 5)


def test_an_empty_file(ftp: Ftp, upload: tuple[Transfer, Login]) -> None:
    transfer, login = upload
    with pytest.raises(ftplib.error_perm, match="^501"):
        put(ftp(login), b"")
    assert (stored(transfer), problem_of(transfer)) == ([], "empty")


def test_a_connection_that_is_cut_leaves_nothing(
    ftp: Ftp, upload: tuple[Transfer, Login], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ftp_files.traffic, "EVERY_S", 0.0)
    transfer, login = upload
    client = ftp(login)
    line = client.transfercmd("STOR diag.zip")
    line.sendall(b"half")
    eventually(lambda: Transfer.objects.get(pk=transfer.pk).bytes_done == 4)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing resets
    line.close()
    with pytest.raises(ftplib.error_temp, match="^426"):
        client.voidresp()

    assert (stored(transfer), problem_of(transfer)) == ([], "interrupted")
    assert not scratch_files(settings.DATA_DIR)
    assert put(client, b"whole").startswith("226")


def test_an_upload_without_a_data_connection_leaves_nothing(ftp: Ftp, upload: tuple[Transfer, Login]) -> None:
    transfer, login = upload
    client = ftp(login)
    client.sendcmd("PASV")
    assert client.sendcmd("STOR diag.zip").startswith("150")
    assert scratch_files(settings.DATA_DIR)
    client.quit()

    eventually(lambda: not scratch_files(settings.DATA_DIR))
    assert (stored(transfer), problem_of(transfer)) == ([], "interrupted")


def test_a_firmware_is_fetched(ftp: Ftp, download: tuple[Transfer, Login, str]) -> None:
    transfer, login, path = download
    client = ftp(login)
    pieces: list[bytes] = []
    client.retrbinary(f"RETR {path}", pieces.append)

    assert b"".join(pieces) == IMAGE
    assert client.size(path) == len(IMAGE)
    done = Transfer.objects.get(pk=transfer.pk)
    assert (done.bytes_done, done.problem) == (len(IMAGE), "")
    assert done.done_at


def test_a_download_goes_on_where_it_broke_off(ftp: Ftp, download: tuple[Transfer, Login, str]) -> None:
    transfer, login, path = download
    client = ftp(login)
    pieces: list[bytes] = []
    client.retrbinary(f"RETR {path}", pieces.append, rest=1_000_000)

    assert b"".join(pieces) == IMAGE[1_000_000:]
    assert Transfer.objects.get(pk=transfer.pk).bytes_done == len(IMAGE)
    with pytest.raises(ftplib.error_perm):
        client.retrbinary("RETR other.bin", pieces.append)
    with pytest.raises(ftplib.error_perm):
        put(client, b"x")
    assert problem_of(transfer) == "wrong_method"


def test_wrong_logins(ftp: Ftp, charger: ChargePoint, monkeypatch: pytest.MonkeyPatch) -> None:
    _first, (user, token) = open_upload(charger, monkeypatch)
    _second, (other, _token) = open_upload(charger, monkeypatch)

    for login in ((user, "0" * 32), (other, token), ("anonymous", "me@"), (user, "")):
        with pytest.raises(ftplib.error_perm, match="^530"):
            ftp(login)
    assert ftp((user, token))


def test_who_guesses_is_not_heard_for_a_while(
    ftp: Ftp, upload: tuple[Transfer, Login], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guessing, "_wrong", FailureLimit(2))
    for _ in range(2):
        with pytest.raises(ftplib.error_perm, match="Authentication failed"):
            ftp(("f123", "0" * 32))
    with pytest.raises(ftplib.error_perm, match="Too many"):
        ftp(upload[1])


def test_an_expired_login(ftp: Ftp, upload: tuple[Transfer, Login]) -> None:
    transfer, login = upload
    client = ftp(login)
    Transfer.objects.filter(pk=transfer.pk).update(expires_at=timezone.now() - timedelta(seconds=1))

    with pytest.raises(ftplib.error_perm, match="expired"):
        put(client, b"x")  # within the session
    with pytest.raises(ftplib.error_perm, match="expired"):
        ftp(login)
    assert (stored(transfer), problem_of(transfer)) == ([], "expired")


def test_a_database_that_is_away(ftp: Ftp, upload: tuple[Transfer, Login], monkeypatch: pytest.MonkeyPatch) -> None:
    transfer, login = upload

    def fails(*_arguments: object, **_named: object) -> None:
        raise OperationalError("away")

    with monkeypatch.context() as patch:
        patch.setattr(tokens, "find", fails)
        with pytest.raises(ftplib.error_perm, match="(?i)try again later"):
            ftp(login)
    client = ftp(login)
    with monkeypatch.context() as patch:
        patch.setattr(receiving.Reception, "finish", fails)
        with pytest.raises(ftplib.error_temp, match="^451"):
            put(client, b"x")
    assert not scratch_files(settings.DATA_DIR)
    assert put(client, b"x").startswith("226")
    assert len(stored(transfer)) == 1


def test_progress_is_told(ftp: Ftp, upload: tuple[Transfer, Login], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ftp_files.traffic, "EVERY_S", 0.0)
    transfer, login = upload
    client = ftp(login)
    line = client.transfercmd("STOR diag.zip")
    line.sendall(b"x" * 1000)
    eventually(lambda: Transfer.objects.get(pk=transfer.pk).bytes_done == 1000)
    line.close()
    client.voidresp()


def test_not_everybody_at_once(transactional_db: None) -> None:
    with serving_ftp(max_cons_per_ip=1) as port, ftplib.FTP(timeout=10) as first:  # noqa: S321
        first.connect("127.0.0.1", port)
        with ftplib.FTP(timeout=10) as second, pytest.raises(ftplib.error_temp, match="^421"):  # noqa: S321
            second.connect("127.0.0.1", port)


# The command


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path, FTP_ADDRESS="127.0.0.1:2121", FTP_PORT=free_port())


def test_a_taken_port_is_a_sentence(env: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        result = manage("serve_ftp", env=env | {"FTP_PORT": str(number)})

    assert result.returncode == 1
    assert f"127.0.0.1:{number} cannot be used" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("address", ["", "no.such.host.invalid"])
def test_without_an_address_of_its_own(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    def resolve(*_arguments: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(settings, "FTP_ADDRESS", address)
    monkeypatch.setattr(serve_ftp.socket, "getaddrinfo", resolve)
    with pytest.raises(CommandError, match="FTP_ADDRESS"):
        call_command("serve_ftp")


@pytest.mark.server
def test_it_serves_without_a_database_and_ends_when_told(env: dict[str, str]) -> None:
    server = Server([__import__("sys").executable, "manage.py", "serve_ftp"], env)
    server.wait_until_ready()
    with ftplib.FTP(timeout=20) as client:  # noqa: S321
        client.connect("127.0.0.1", int(env["FTP_PORT"]))
        with pytest.raises(ftplib.error_perm, match="(?i)try again later"):
            client.login("f123", "0" * 32)
    assert server.stop() == 0
    assert "Traceback" not in server.log
