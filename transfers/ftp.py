"""Files over FTP, for stations that know nothing better: a login per command, which is the token's.

pyftpdlib does the talking, in one thread; the database is asked in between, for some milliseconds. Where it is away
logins are refused and the server goes on.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Any

import structlog
from django.db import Error as DatabaseError
from django.utils import timezone
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.exceptions import AuthenticationFailed, _RetryError
from pyftpdlib.handlers import DTPHandler, FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer

from . import guessing, tokens, traffic
from .database import in_database
from .ftp_files import TRY_AGAIN, OneFile
from .models import Transfer

log = structlog.get_logger(__name__)

#: Whole sites of chargers stand behind one address.
MAX_CONNECTIONS = 200
MAX_CONNECTIONS_PER_ADDRESS = 50
IDLE_S = 120
#: As long as `exchange.UNTAKEN_S`, for the same reason.
STALLED_S = 300


class Logins(DummyAuthorizer):  # type: ignore[misc]  # pyftpdlib has no types
    """Everybody may look, fetch and store; what there is to fetch or to store to is `OneFile`'s affair."""

    def validate_authentication(self, username: str, password: str, handler: Any) -> None:
        """Raises AuthenticationFailed."""
        address = handler.remote_ip
        if guessing.is_barred(address):
            raise AuthenticationFailed("Too many wrong logins")
        try:
            transfer = in_database(tokens.find_login, username, password)
        except DatabaseError:
            raise AuthenticationFailed(TRY_AGAIN) from None
        if transfer is None:
            guessing.note_wrong(address)
            raise AuthenticationFailed("Authentication failed")
        if transfer.expires_at <= timezone.now():
            in_database(traffic.refused, transfer, Transfer.Problem.EXPIRED, address=address, quiet=True)
            raise AuthenticationFailed("This login has expired")
        handler.transfer = transfer

    def get_home_dir(self, username: str) -> str:
        return "/"

    def has_user(self, username: str) -> bool:
        return True

    def has_perm(self, username: str, perm: str, path: str | None = None) -> bool:
        return perm in "elrw"

    def get_perms(self, username: str) -> str:
        return "elrw"

    def get_msg_login(self, username: str) -> str:
        return "Hello."

    def get_msg_quit(self, username: str) -> str:
        return "Goodbye."


class Data(DTPHandler):  # type: ignore[misc]
    """A data connection. What it carried is kept, or forgotten, before the station is told how it went."""

    timeout = STALLED_S
    transfer_finished: bool
    _is_cut = False

    def recv(self, buffer_size: int) -> bytes:
        """As pyftpdlib's, which takes a connection that was reset for the end of the file."""
        try:
            piece: bytes = self.socket.recv(buffer_size)
        except BlockingIOError:
            raise _RetryError from None
        except ConnectionError:
            self._is_cut = True
            piece = b""
        if not piece:
            self.handle_close()
        return piece

    def close(self) -> None:
        if not self._closed and hasattr(self.file_obj, "end"):
            is_whole = self.transfer_finished and not self._is_cut
            answer = self.file_obj.end(is_whole=is_whole)
            self.transfer_finished = is_whole and not answer
            if self._is_cut:
                answer = "426 The connection was lost."
            if answer:
                self._resp = (answer, self.cmd_channel.log)
            transfer = self.cmd_channel.transfer
            log.info(
                "file transferred by ftp" if self.transfer_finished else "ftp transfer failed",
                charge_point=transfer.charge_point.identity,
                kind=transfer.kind,
                size=self.get_transmitted_bytes(),
                address=self.cmd_channel.remote_ip,
            )
        super().close()


class Session(FTPHandler):  # type: ignore[misc]
    """A control connection. Files are bytes: a station that forgets TYPE I does not lose its line feeds."""

    authorizer = Logins()
    abstracted_fs = OneFile
    dtp_handler = Data
    banner = "plugcontrol"
    timeout = IDLE_S
    use_sendfile = False
    transfer: Transfer

    def __init__(self, conn: socket.socket, server: Any, ioloop: Any = None) -> None:
        super().__init__(conn, server, ioloop=ioloop)
        self._current_type = "i"

    def ftp_TYPE(self, line: str) -> None:  # noqa: N802 - pyftpdlib finds commands by their names
        super().ftp_TYPE(line)
        self._current_type = "i"

    def flush_account(self) -> None:
        super().flush_account()
        self._current_type = "i"


def make_server(listener: socket.socket, *, passive_ports: Iterable[int], public_ip: str) -> FTPServer:
    """A server on a bound socket; `public_ip` is what stations are told to open data connections to."""
    session = type("Session", (Session,), {"passive_ports": list(passive_ports), "masquerade_address": public_ip})
    server = FTPServer(listener, session, ioloop=IOLoop())
    server.max_cons, server.max_cons_per_ip = MAX_CONNECTIONS, MAX_CONNECTIONS_PER_ADDRESS
    return server
