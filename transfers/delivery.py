"""A firmware that goes out over HTTP, whole or from where a station broke off."""

from __future__ import annotations

import asyncio
import time
from http import HTTPStatus
from urllib.parse import quote

import structlog
from django.core.files import File
from django.core.files.storage import default_storage
from django.utils import timezone

from . import traffic
from .exchange import Exchange, Interrupted, ask_database, in_thread
from .models import FirmwareFile, Transfer
from .ranges import NotSatisfiable, Span, http_date, is_unchanged, wanted_span

log = structlog.get_logger(__name__)

PIECE_BYTES = 256 * 1024


async def deliver(exchange: Exchange, transfer: Transfer) -> None:
    """Answer GET and HEAD: 200, 206 for one range, 416 for one behind the end, 404 if the file is gone from our disk.

    Raises Interrupted for a station that leaves before it has everything.
    """
    firmware = transfer.firmware
    try:
        if firmware is None:
            raise FileNotFoundError
        content = await in_thread(_open, str(firmware.file.name))
    except FileNotFoundError:
        log.error("firmware file is gone", transfer=str(transfer.pk))
        await exchange.say(HTTPStatus.NOT_FOUND, "There is no file at this address.")
        return
    try:
        await _answer(exchange, transfer, firmware, content)
    finally:
        content.close()


def _open(name: str) -> File[bytes]:
    return default_storage.open(name, "rb")


async def _answer(exchange: Exchange, transfer: Transfer, firmware: FirmwareFile, content: File[bytes]) -> None:
    headers = _headers(firmware)
    try:
        wanted = _wanted(exchange, firmware)
    except NotSatisfiable:
        behind = {"content_range": f"bytes */{firmware.size}"}
        await exchange.say(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "The file ends before.", **behind)
        return
    span = wanted or Span(0, firmware.size - 1, firmware.size)
    headers["content-length"] = str(span.length)
    if wanted is not None:
        headers["content-range"] = wanted.content_range
    await exchange.begin(HTTPStatus.OK if wanted is None else HTTPStatus.PARTIAL_CONTENT, headers)
    if exchange.method == "HEAD":
        await exchange.body(b"", more=False)
        return
    await _send(exchange, transfer, content, span)
    if span.last == firmware.size - 1:
        now = timezone.now()
        await ask_database(traffic.completed, transfer, size=firmware.size, address=exchange.address, at=now)
        log.info("file delivered", charge_point=transfer.charge_point.identity, kind=transfer.kind, size=span.length)
    else:
        await ask_database(traffic.progressed, transfer, size=span.last + 1, address=exchange.address)


def _wanted(exchange: Exchange, firmware: FirmwareFile) -> Span | None:
    if not is_unchanged(exchange.header("if-range"), etag=_etag(firmware), modified=firmware.uploaded_at):
        return None
    return wanted_span(exchange.header("range"), firmware.size)


def _headers(firmware: FirmwareFile) -> dict[str, str]:
    return {
        "content-type": "application/octet-stream",
        "content-disposition": f"attachment; filename*=UTF-8''{quote(firmware.file_name, safe='')}",
        "accept-ranges": "bytes",
        "etag": _etag(firmware),
        "last-modified": http_date(firmware.uploaded_at),
    }


def _etag(firmware: FirmwareFile) -> str:
    return f'"{firmware.sha256}"'


async def _send(exchange: Exchange, transfer: Transfer, content: File[bytes], span: Span) -> None:
    """The bytes of `span`. A server drops what is sent to a station that has left, so its leaving is listened for."""
    leaving = asyncio.create_task(exchange.left())
    try:
        await in_thread(content.seek, span.first)
        at, told_at = span.first, 0.0
        while at <= span.last:
            piece = await in_thread(content.read, min(PIECE_BYTES, span.last + 1 - at))
            if leaving.done() or not piece:
                raise Interrupted
            at += len(piece)
            await exchange.body(piece, more=at <= span.last)
            if time.monotonic() - told_at > traffic.EVERY_S:
                told_at = time.monotonic()
                await ask_database(traffic.progressed, transfer, size=at, address=exchange.address)
    finally:
        leaving.cancel()
