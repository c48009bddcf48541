"""Fetching and delivering files over HTTP(S) and FTP, as a station's firmware does it: with the plainest of clients.

The standard library's clients wait, so each transfer has a thread; whoever loses interest in it lets it end with the
next piece.
"""

from __future__ import annotations

import asyncio
import ftplib  # nosec B402 - what stations speak
import io
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import TypeVar
from urllib.parse import SplitResult, quote, unquote, urlsplit

from .errors import SimulatorError

T = TypeVar("T")

TIMEOUT_S = 20.0
PIECE_BYTES = 64 * 1024
OK = 200
#: Of their own: in asyncio's few threads names are looked up, and a fleet must not lose its line over stuck transfers.
_threads = ThreadPoolExecutor(64, thread_name_prefix="file-transfer")


class TransferFailed(SimulatorError):
    """The other end is not there, refuses, or the connection was lost."""


@dataclass(frozen=True, slots=True)
class Fetched:
    size: int
    sha256: bytes


async def fetch(location: str, tls: ssl.SSLContext | None) -> Fetched:
    """Download a file and keep nothing but its size and hash; raises TransferFailed."""
    return await _in_thread(lambda stop: _of_scheme(location, _fetch_http, _fetch_ftp)(urlsplit(location), tls, stop))


async def deliver(location: str, file_name: str, content: bytes, tls: ssl.SSLContext | None) -> None:
    """Upload a file into the folder at `location`, or to it if it does not end with a slash; raises TransferFailed."""
    target = location + quote(file_name) if location.endswith("/") else location
    body = io.BytesIO(content)
    await _in_thread(
        lambda stop: _of_scheme(target, _deliver_http, _deliver_ftp)(urlsplit(target), body, len(content), tls, stop)
    )


class _Stopped(Exception):
    """Nobody is interested any more."""


async def _in_thread(work: Callable[[threading.Event], T]) -> T:
    stop = threading.Event()
    try:
        return await asyncio.get_running_loop().run_in_executor(_threads, work, stop)
    except (ftplib.Error, HTTPException, OSError, EOFError, ValueError) as error:
        raise TransferFailed(str(error) or type(error).__name__) from None
    finally:
        stop.set()


def _of_scheme(location: str, http: T, ftp: T) -> T:
    match urlsplit(location).scheme:
        case "http" | "https":
            return http
        case "ftp":
            return ftp
        case scheme:
            raise TransferFailed(f"cannot speak {scheme}")


def _go_on(stop: threading.Event) -> None:
    if stop.is_set():
        raise _Stopped


def _connection(address: SplitResult, tls: ssl.SSLContext | None) -> HTTPConnection:
    host = address.hostname or ""
    if address.scheme == "https":
        return HTTPSConnection(host, address.port, timeout=TIMEOUT_S, context=tls)
    return HTTPConnection(host, address.port, timeout=TIMEOUT_S)


def _request_target(address: SplitResult) -> str:
    return f"{address.path or '/'}?{address.query}" if address.query else address.path or "/"


def _expect_success(response: HTTPResponse) -> None:
    if not OK <= response.status < OK + 100:
        raise TransferFailed(f"HTTP {response.status} {response.reason}")


def _fetch_http(address: SplitResult, tls: ssl.SSLContext | None, stop: threading.Event) -> Fetched:
    connection = _connection(address, tls)
    try:
        connection.request("GET", _request_target(address))
        response = connection.getresponse()
        _expect_success(response)
        size, content = 0, sha256()
        while piece := response.read(PIECE_BYTES):
            _go_on(stop)
            size += len(piece)
            content.update(piece)
        if response.length:  # what is missing of Content-Length
            raise TransferFailed(f"{response.length} bytes are missing")
        return Fetched(size, content.digest())
    finally:
        connection.close()


def _deliver_http(
    address: SplitResult, body: io.BytesIO, size: int, tls: ssl.SSLContext | None, stop: threading.Event
) -> None:
    connection = _connection(address, tls)
    try:
        connection.putrequest("PUT", _request_target(address))
        connection.putheader("Content-Length", str(size))
        connection.putheader("Content-Type", "application/octet-stream")
        connection.endheaders()
        while piece := body.read(PIECE_BYTES):
            _go_on(stop)
            connection.send(piece)
        response = connection.getresponse()
        response.read()
        _expect_success(response)
    finally:
        connection.close()


def _ftp(address: SplitResult) -> ftplib.FTP:
    client = ftplib.FTP(timeout=TIMEOUT_S)  # noqa: S321 - what stations speak
    try:
        client.connect(address.hostname or "", address.port or ftplib.FTP_PORT)
        client.login(unquote(address.username or ""), unquote(address.password or ""))
    except BaseException:
        client.close()
        raise
    return client


def _fetch_ftp(address: SplitResult, tls: ssl.SSLContext | None, stop: threading.Event) -> Fetched:
    size, content = 0, sha256()

    def take(piece: bytes) -> None:
        nonlocal size
        _go_on(stop)
        size += len(piece)
        content.update(piece)

    with _ftp(address) as client:
        client.retrbinary(f"RETR {unquote(address.path)}", take)
    return Fetched(size, content.digest())


def _deliver_ftp(
    address: SplitResult, body: io.BytesIO, size: int, tls: ssl.SSLContext | None, stop: threading.Event
) -> None:
    with _ftp(address) as client:
        client.storbinary(f"STOR {unquote(address.path)}", body, callback=lambda _piece: _go_on(stop))
