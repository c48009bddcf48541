"""Is the process alive (/healthz), and can it serve (/readyz)? Asked by containers, balancers and `doctor`.

`serve` sets `draining` when it is told to stop: from then on /readyz answers 503, so that nobody new is sent here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

import redis
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

#: Longest wait for an answer of one of the checks; a probe that hangs tells less than one that fails.
PATIENCE_S = 0.9

draining = False


def check_database() -> str:
    """What is wrong with the database, or nothing."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return "" if _migrated.is_complete() else "migrations are not applied"
    except Error:
        return "the database cannot be reached"
    finally:
        # this thread belongs to nobody who would close it, and a kept connection would hide a dead server
        connection.close()


def check_channel_layer() -> str:
    """What is wrong with Redis, which carries the channel layer, or nothing where it lives in memory."""
    if not settings.REDIS_URL:
        return ""
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1) as client:
            client.ping()
    except (redis.RedisError, OSError):
        return "Redis cannot be reached"
    return ""


class _Migrations:
    """Remembers that every migration is applied: nobody takes one back under a running server."""

    def __init__(self) -> None:
        self._complete = False

    def is_complete(self) -> bool:
        if not self._complete:
            executor = MigrationExecutor(connection)
            self._complete = not executor.migration_plan(executor.loader.graph.leaf_nodes())
        return self._complete


class _Probe:
    """Runs a check in a thread; one that hangs is not started a second time beside itself."""

    def __init__(self, name: str, check: Callable[[], str]) -> None:
        self.name = name
        self._check = check
        self._running: Future[str] | None = None

    def start(self) -> Future[str]:
        if self._running is None or self._running.done():
            self._running = _threads.submit(self._check)
        return self._running


_migrated = _Migrations()
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="readyz")
_probes = (_Probe("database", check_database), _Probe("channel layer", check_channel_layer))


def problems() -> list[str]:
    """Why this process should get no work, in sentences; empty when it is ready. Takes PATIENCE_S at most."""
    if draining:
        return ["the server is stopping"]
    started = {probe.name: probe.start() for probe in _probes}
    wait(started.values(), timeout=PATIENCE_S)
    answers = (
        future.result() if future.done() else f"the {name} did not answer within {PATIENCE_S} s"
        for name, future in started.items()
    )
    return [answer for answer in answers if answer]


def healthz() -> JsonResponse:
    return JsonResponse({"status": "ok"})


def readyz() -> JsonResponse:
    reasons = problems()
    if reasons:
        return JsonResponse({"status": "unavailable", "reasons": reasons}, status=503)
    return JsonResponse({"status": "ok"})


_ANSWERS: dict[str, Callable[[], JsonResponse]] = {"/healthz": healthz, "/readyz": readyz}


class HealthMiddleware:
    """Answers both addresses before anything else sees them: any Host, no redirect to https, no session."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]) -> None:
        self._get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        answer = _ANSWERS.get(request.path_info)
        if answer is None:
            return self._get_response(request)
        return self._answer_async(request, answer) if self._is_async else _respond(request, answer)

    async def _answer_async(self, request: HttpRequest, answer: Callable[[], JsonResponse]) -> HttpResponse:
        # /healthz asks nobody and stays on the event loop: it tells that the loop still turns
        if answer is healthz:
            return _respond(request, answer)
        return await asyncio.to_thread(_respond, request, answer)


def _respond(request: HttpRequest, answer: Callable[[], JsonResponse]) -> HttpResponse:
    if request.method not in ("GET", "HEAD"):
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
    response = answer()
    response.headers["Cache-Control"] = "no-store"
    return response
