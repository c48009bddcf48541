"""Files over HTTP: `/transfers/<token>/<file name>`, for stations and nobody else.

An ASGI application of its own before all others: any Host, no redirect, no cookie, no session; a body goes to the disk
in pieces as it comes, an image from it. Some stations append a name to the address of a folder, some PUT or POST to the
address itself, some as a form: all are understood. An unknown token gets the same answer as a wrong one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from uuid import UUID

import structlog
from django.db import Error as DatabaseError
from django.utils import timezone

from . import guessing, tokens, traffic
from .addresses import PATH
from .delivery import deliver
from .exchange import Exchange, Interrupted, Receive, Scope, Send, ask_database
from .models import Direction, Transfer
from .multipart import Malformed
from .receiving import Refused
from .uploads import receive_file

log = structlog.get_logger(__name__)

Problem = Transfer.Problem
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

ANSWERS: dict[Transfer.Problem, HTTPStatus] = {
    Problem.EXPIRED: HTTPStatus.GONE,
    Problem.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Problem.EMPTY: HTTPStatus.BAD_REQUEST,
    Problem.NO_SPACE: HTTPStatus.INSUFFICIENT_STORAGE,
    Problem.ALREADY_THERE: HTTPStatus.CONFLICT,
}
METHODS = {Direction.DOWNLOAD: ("GET", "HEAD"), Direction.UPLOAD: ("PUT", "POST")}
#: Of one address: a station that lost its connection tries again while we still wait for the rest of the first try.
AT_ONCE = 6


class FileTransfers:
    """Around the HTTP application: answers what lies under /transfers/, passes everything else on."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._busy: Counter[UUID] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["path"].startswith(PATH):
            await self._application(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send)
        try:
            await self._answer(exchange)
        except DatabaseError as error:
            log.warning("file transfer without database", error=str(error).strip() or type(error).__name__)
            if not exchange.is_begun:
                await exchange.say(HTTPStatus.SERVICE_UNAVAILABLE, "Try again later.", retry_after="30")

    async def _answer(self, exchange: Exchange) -> None:
        if guessing.is_barred(exchange.address):
            await exchange.say(HTTPStatus.TOO_MANY_REQUESTS, "Too many wrong addresses.", retry_after="60")
            return
        token, _slash, rest = exchange.path.removeprefix(PATH).partition("/")
        transfer = await ask_database(tokens.find, token)
        if transfer is None:
            guessing.note_wrong(exchange.address)
            await exchange.say(HTTPStatus.NOT_FOUND, "There is no file at this address.")
        elif self._busy[transfer.pk] >= AT_ONCE:
            await exchange.say(HTTPStatus.SERVICE_UNAVAILABLE, "This address is in use.", retry_after="10")
        else:
            self._busy[transfer.pk] += 1
            try:
                await _serve(exchange, transfer, rest)
            finally:
                self._busy[transfer.pk] -= 1
                if not self._busy[transfer.pk]:
                    del self._busy[transfer.pk]


async def _serve(exchange: Exchange, transfer: Transfer, file_name: str) -> None:
    """The answer to a known token; what it comes to is noted on the transfer."""
    problem = _problem_of(exchange, transfer)
    try:
        if problem == Problem.WRONG_METHOD:
            await _refuse(exchange, transfer, problem)
        elif problem is not None:
            raise Refused(problem)
        elif transfer.direction == Direction.DOWNLOAD:
            await deliver(exchange, transfer)
        else:
            await receive_file(exchange, transfer, file_name)
    except Refused as refusal:
        await _refuse(exchange, transfer, refusal.problem)
    except Malformed as error:
        await exchange.say(HTTPStatus.BAD_REQUEST, f"This form cannot be read: {error}.")
    except Interrupted:
        await ask_database(traffic.refused, transfer, Problem.INTERRUPTED, address=exchange.address)
        log.info("file transfer interrupted", **_facts(exchange, transfer))
        if not exchange.is_begun:  # a station that only stalled may still hear it
            await exchange.say(HTTPStatus.REQUEST_TIMEOUT, "The file did not arrive.")


def _problem_of(exchange: Exchange, transfer: Transfer) -> Transfer.Problem | None:
    if transfer.expires_at <= timezone.now():
        return Problem.EXPIRED
    if exchange.method not in METHODS[Direction(transfer.direction)]:
        return Problem.WRONG_METHOD
    return None


async def _refuse(exchange: Exchange, transfer: Transfer, problem: Transfer.Problem) -> None:
    await ask_database(traffic.refused, transfer, problem, address=exchange.address)
    log.info("file transfer refused", reason=problem.value, **_facts(exchange, transfer))
    if problem == Problem.WRONG_METHOD:
        allowed = ", ".join(METHODS[Direction(transfer.direction)])
        await exchange.say(HTTPStatus.METHOD_NOT_ALLOWED, f"Use {allowed}.", allow=allowed)
        return
    await exchange.say(ANSWERS[problem], _SENTENCES[problem])


_SENTENCES = {
    Problem.EXPIRED: "This address has expired.",
    Problem.TOO_LARGE: "The file is too large.",
    Problem.EMPTY: "The file is empty.",
    Problem.NO_SPACE: "There is no space left for this file.",
    Problem.ALREADY_THERE: "Another file has been delivered here already.",
}


def _facts(exchange: Exchange, transfer: Transfer) -> dict[str, str]:
    return {"charge_point": transfer.charge_point.identity, "kind": transfer.kind, "address": exchange.address}
