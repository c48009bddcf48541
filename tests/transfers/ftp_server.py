"""The FTP server in a thread of its own, as `manage.py serve_ftp` runs it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections

from transfers.ftp import make_server


@contextmanager
def serving_ftp(**limits: int) -> Iterator[int]:
    """The port of a server on this machine; `limits` are attributes of it."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = make_server(listener, passive_ports=[], public_ip="127.0.0.1")
    server.handler.passive_ports = None
    server.handler.auth_failed_timeout = 0
    for name, value in limits.items():
        setattr(server, name, value)
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            server.ioloop.loop(timeout=0.02, blocking=False)
        server.close_all()
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        stop.set()
        thread.join(10)
