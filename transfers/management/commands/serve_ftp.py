"""`manage.py serve_ftp`: an FTP server for stations that deliver and fetch files by nothing else."""

from __future__ import annotations

import signal
import socket
import threading
from typing import Any
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from transfers.ftp import make_server

log = structlog.get_logger(__name__)

#: How soon SIGTERM is noticed while nobody talks.
LOOP_S = 0.5


class Command(BaseCommand):
    help = "Serve files to and from chargers over FTP on FTP_PORT, at the address FTP_ADDRESS."

    def handle(self, *args: Any, **options: Any) -> None:
        public_ip = _public_ip(settings.FTP_ADDRESS)
        listener = _listen(settings.HOST, settings.FTP_PORT)
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        server = make_server(listener, passive_ports=settings.FTP_PASSIVE_PORTS, public_ip=public_ip)
        self.stdout.write(f"Serving FTP on port {settings.FTP_PORT}, ftp://{settings.FTP_ADDRESS}/. Stop with Ctrl-C.")
        self.stdout.flush()
        try:
            while not stop.is_set():
                server.ioloop.loop(timeout=LOOP_S, blocking=False)
            log.info("stopping: half files are forgotten")
        finally:
            server.close_all()
            connection.close()


def _public_ip(address: str) -> str:
    """The IP address behind FTP_ADDRESS: the answer to PASV has no room for a name."""
    if not address:
        raise CommandError("FTP_ADDRESS is empty. Set it to the host at which chargers reach this server's FTP port.")
    host = urlsplit(f"ftp://{address}").hostname or ""
    try:
        found = socket.getaddrinfo(host, None, socket.AF_INET)[0]
    except OSError as error:
        raise CommandError(f"FTP_ADDRESS: {host} has no IPv4 address ({error.strerror}).") from None
    return str(found[4][0])


def _listen(host: str, port: int) -> socket.socket:
    try:
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        raise CommandError(f"{host}:{port} cannot be used: {error.strerror}. Choose another FTP_PORT.") from None
    return listener
