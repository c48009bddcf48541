"""A file that comes over HTTP: the body itself, or the first file of a form."""

from __future__ import annotations

import time
from http import HTTPStatus

import structlog

from . import traffic
from .exchange import Exchange, Interrupted, ask_database, in_thread
from .models import Transfer
from .multipart import FilePart, Malformed, boundary_of
from .receiving import Reception, Refused

log = structlog.get_logger(__name__)

#: The least that is written at once, and the most that a form adds to its file.
WRITTEN_BYTES = 256 * 1024
FORM_BYTES = 64 * 1024


async def receive_file(exchange: Exchange, transfer: Transfer, file_name: str) -> None:
    """Take the body and answer 200, also for the same file once more: the one word that all firmware takes for success.

    Raises Refused, Malformed, Interrupted.
    """
    if exchange.header("content-range"):
        raise Malformed("a part of a file is no file")
    boundary = boundary_of(exchange.header("content-type"))
    part = FilePart(boundary) if boundary is not None else None
    reception = await in_thread(
        Reception,
        transfer,
        over=exchange.scheme,
        address=exchange.address,
        announced=_announced(exchange, is_form=part is not None),
    )
    try:
        await _take(exchange, reception, part)
        name = file_name.strip("/") or (part.file_name if part else "") or _promised_name(transfer)
        row = await ask_database(reception.finish, name)
    finally:
        # to delete some gigabytes takes a disk longer than chargers should wait
        await in_thread(reception.abandon)
    log.info("file received", charge_point=transfer.charge_point.identity, kind=row.kind, size=row.size, over=row.over)
    await exchange.say(HTTPStatus.OK, "Thank you.")


async def _take(exchange: Exchange, reception: Reception, part: FilePart | None) -> None:
    waiting, heard, told_at = bytearray(), 0, 0.0
    async for piece in exchange.pieces():
        heard += len(piece)
        if heard > reception.transfer.max_bytes + FORM_BYTES:
            raise Refused(Transfer.Problem.TOO_LARGE)
        waiting += part.feed(piece) if part else piece
        if len(waiting) >= WRITTEN_BYTES:
            await in_thread(reception.write, bytes(waiting))
            waiting.clear()
        if time.monotonic() - told_at > traffic.EVERY_S:
            told_at = time.monotonic()
            size = reception.size + len(waiting)
            await ask_database(traffic.progressed, reception.transfer, size=size, address=exchange.address)
    if part is not None and not part.is_whole:
        raise Malformed("no file in it, or half of one")
    announced = exchange.announced_bytes
    if announced is not None and heard < announced:
        raise Interrupted
    await in_thread(reception.write, bytes(waiting))


def _announced(exchange: Exchange, *, is_form: bool) -> int | None:
    """Bytes of the file; of one in a form the least it can be."""
    announced = exchange.announced_bytes
    return max(0, announced - FORM_BYTES) if is_form and announced is not None else announced


def _promised_name(transfer: Transfer) -> str:
    """The name in the station's answer to the command, which has come before the file, else the kind."""
    answer = (transfer.command.answer if transfer.command is not None else None) or {}
    return str(answer.get("fileName") or answer.get("filename") or transfer.kind)
