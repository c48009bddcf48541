"""`manage.py serve`: pages and chargers on one port, or two if it speaks TLS, and the clockwork."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import ssl
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

import structlog
import uvicorn
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from jobs.runner import Runner
from ocpp_gateway.registry import Gateway
from people.administration import needs_setup
from plugcontrol import health, tls, tls_door
from plugcontrol.addresses import charger_address, page_address, secure_charger_address
from plugcontrol.clockwork import STOP_TIMEOUT_S, Clockwork
from plugcontrol.http_line import BoundedHttp
from plugcontrol.setup import setup_token
from stations import presence
from stations.models import GatewayProcess
from stations.stored_files import scratch

if sys.platform != "win32":
    import resource

log = structlog.get_logger(__name__)

MAX_FRAME_BYTES = 1024 * 1024
#: A whole fleet may come back at once.
BACKLOG = 4096
PING_S = 20.0
#: Time for load balancers to see /readyz say 503 is theirs to choose; ours is for sockets to close.
GRACE_S = 3
#: All of stopping takes no longer, whatever hangs: `docker stop` kills after ten seconds unless told otherwise.
END_S = 9.5


#: The listener of the TLS line, and what it speaks at first.
SecureLine = tuple[socket.socket, ssl.SSLContext]


class Server(uvicorn.Server):
    """uvicorn, but `serve` owns the signals: on SIGTERM uvicorn would close all sockets before their answers commit."""

    def __init__(self, config: uvicorn.Config, greeting: str, secure: SecureLine | None) -> None:
        super().__init__(config)
        self._greeting = greeting
        self._secure = secure
        self._door: tls_door.Door | None = None
        self._at_the_door: list[asyncio.Task[None]] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self._secure is not None:
            self._open_door(*self._secure)
        with contextlib.suppress(OSError):  # a full disk under the log must not keep chargers out
            sys.stdout.write(self._greeting)
            sys.stdout.flush()

    def _open_door(self, listener: socket.socket, context: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()
        self._door = tls_door.Door(listener, context, self._new_protocol)
        self._at_the_door = [loop.create_task(work) for work in (self._door.receive(), self._door.reload())]

    def _new_protocol(self) -> asyncio.Protocol:
        """What uvicorn makes for a connection to its own listener."""
        make: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = make(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for task in self._at_the_door:
            task.cancel()
        await super().shutdown(sockets=sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Command(BaseCommand):
    help = "Serve pages and chargers on HOST:PORT, with a certificate also by TLS, and run what happens by the clock."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--prepare", action="store_true", help="run `prepare` first: back up, migrate, first admin")

    def handle(self, *args: Any, **options: Any) -> None:
        listener = _listen(settings.HOST, settings.PORT, "HOST or PORT")
        secure_listener = _listen(settings.HOST, settings.TLS_PORT, "TLS_PORT") if tls.is_wanted() else None
        if options["prepare"]:
            call_command("prepare", stdout=self.stdout, stderr=self.stderr)
        presence.release_gone_processes()
        # an uploaded firmware does not fit into /tmp where that is memory
        tempfile.tempdir = str(scratch())
        secure = None if secure_listener is None else (secure_listener, _tls_context())
        config, greeting = make_config(), _greeting()
        connection.close()
        _calm_garbage_collector()
        _allow_many_sockets()
        try:
            with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
                runner.run(self._serve(Server(config, greeting, secure), listener))
        except KeyboardInterrupt:
            pass
        _forget_what_cannot_be_printed()

    async def _serve(self, server: Server, listener: socket.socket) -> None:
        gateway = Gateway.current()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, _stop_in_time, stop)
        others = await asyncio.to_thread(_others_without_shared_services, await gateway.registered())
        if others:
            await gateway.stop()
            raise CommandError(others)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        clockwork = Clockwork()
        runner = Runner(yields=True)
        if settings.RUN_JOBS:
            runner.start()
        await asyncio.wait([serving, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
        log.info("stopping: answering what was read, then closing")
        health.draining = True
        stopping_jobs = asyncio.to_thread(runner.stop, STOP_TIMEOUT_S)
        await asyncio.gather(clockwork.stop(), stopping_jobs, gateway.drain())
        server.should_exit = True
        await serving


def _stop_in_time(stop: asyncio.Event) -> None:
    """Begin to stop, and be gone after END_S: Python waits for every thread at its end, and one that hangs in the
    database (a page, a job of the clockwork) would keep the process for ever.
    """
    stop.set()
    last_resort = threading.Timer(END_S, _end_at_once)
    last_resort.daemon = True
    last_resort.start()


def _forget_what_cannot_be_printed() -> None:
    """Python ends with code 120 where its last words do not fit on the disk."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _end_at_once() -> None:
    log.error("stopped while something still hangs")
    os._exit(0)


def _greeting() -> str:
    page = page_address()
    lines = ["", f"  Page             {page}/"]
    if needs_setup():
        lines.append(f"  First set-up     {page}/setup/?token={setup_token()}")
    lines.append(f"  Charger address  {charger_address()}<charger-id>")
    if tls.is_wanted():
        lines.append(f"  With TLS         {secure_charger_address()}<charger-id>")
    lines += ["", "  Stop with Ctrl-C.", "", ""]
    return "\n".join(lines)


def _tls_context() -> ssl.SSLContext:
    try:
        return tls.make_context()
    except tls.TlsProblem as problem:
        raise CommandError(str(problem)) from None


def _listen(host: str, port: int, names: str) -> socket.socket:
    """Bind first: a taken port must be said before anything is changed."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        raise CommandError(f"{host}:{port} cannot be used: {error.strerror}. Choose another {names}.") from None
    return listener


def _calm_garbage_collector() -> None:
    """Look for cycles rarely: with 1,000 stations alive, looking after every 700 new objects took a third of the CPU.

    What is loaded by now stays for good and is not looked at again; messages leave no cycles behind.
    """
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def _allow_many_sockets() -> None:
    """As many open files as the machine allows us: what a shell or systemd gives by default ends at 1,024 chargers."""
    if sys.platform != "win32":
        _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with contextlib.suppress(ValueError, OSError):  # macOS calls unlimited what it does not grant
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def make_config() -> uvicorn.Config:
    return uvicorn.Config(
        "plugcontrol.asgi:application",
        http=BoundedHttp,
        ws=tls_door.CertifiedWebSocket,
        ws_max_size=MAX_FRAME_BYTES,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PING_S,
        ws_per_message_deflate=False,  # 40 kB per idle charger, and a bomb to be defused
        backlog=BACKLOG,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # the application reads them itself: it must know who really sent them
        timeout_graceful_shutdown=GRACE_S,
    )


def _others_without_shared_services(process_id: int) -> str:
    """Why this process may not run beside another one; empty if it may."""
    try:
        own = GatewayProcess.objects.get(pk=process_id)
        others = presence.other_processes(own)
    finally:
        connection.close()
    if not others or (settings.REDIS_URL and connection.vendor == "postgresql"):
        return ""
    missing = [
        *([] if connection.vendor == "postgresql" else ["PostgreSQL (DATABASE_URL)"]),
        *([] if settings.REDIS_URL else ["Redis (REDIS_URL)"]),
    ]
    return f"another server ({others[0]}) is running, and more than one needs {' and '.join(missing)}."
