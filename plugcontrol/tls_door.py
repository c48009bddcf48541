"""The TLS line's door: handshakes are made here, and those that fail are written down.

uvicorn's own TLS tells nobody why a handshake failed and keeps a charger's certificate to itself. So a listener of ours
makes the handshake and hands the connection to uvicorn's protocol when it has come about.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any

import structlog
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from ocpp_gateway.registry import Gateway
from ocpp_gateway.writer import Job
from stations import services
from stations.models import ConnectionAttempt

from . import tls
from .client_certificates import of_line, with_certificate
from .http_line import callers
from .limits import FailureLimit

log = structlog.get_logger(__name__)

HANDSHAKE_TIMEOUT_S = 15.0
SHUTDOWN_TIMEOUT_S = 5.0
#: Pieces of one message; a peer that sends empty ones would never reach the limit of its size.
MAX_PIECES = 10_000
#: Messages that may wait for the application before we stop reading.
READ_AHEAD = 1
#: A peer that is there answers a close frame, and reads what was sent before it, within this time.
CLOSE_TIMEOUT_S = 3.0
ACCEPT_PAUSE_S = 1.0
RELOAD_INTERVAL_S = 30.0
#: Failed handshakes a minute that are written down, of one address and of all.
RECORDED_OF_ADDRESS, RECORDED = 20, 200

Reason = ConnectionAttempt.Reason


class Door:
    """The TLS listener: handshakes under way, and the protocols they are handed to.

    It accepts connections itself: `loop.create_server` would make the handshake where nobody learns how it went.
    """

    def __init__(self, listener: socket.socket, context: ssl.SSLContext, make_protocol: Callable[[], Any]) -> None:
        self.context = context
        self._listener = listener
        self._make_protocol = make_protocol
        self._handshakes: set[asyncio.Task[None]] = set()
        self._of_address, self._of_all = FailureLimit(RECORDED_OF_ADDRESS), FailureLimit(RECORDED)

    async def receive(self) -> None:
        """Let in whoever comes; cancelled, it closes the door and gives up the handshakes under way."""
        loop = asyncio.get_running_loop()
        self._listener.setblocking(False)
        try:
            while True:
                try:
                    caller, peer = await loop.sock_accept(self._listener)
                except OSError as error:  # no file descriptor left: chargers come again
                    log.error("connection not accepted", error=error.strerror)
                    await asyncio.sleep(ACCEPT_PAUSE_S)
                    continue
                if not callers.enter(str(peer[0])):
                    caller.close()
                    continue
                task = loop.create_task(self._shake_hands(caller, str(peer[0])))
                self._handshakes.add(task)
                task.add_done_callback(self._handshakes.discard)
        finally:
            self._listener.close()
            for task in self._handshakes:
                task.cancel()

    async def reload(self) -> None:
        """Take new certificate files as they come, without a restart; runs until cancelled.

        Connections that are open keep what they were opened with.
        """
        known = await asyncio.to_thread(tls.fingerprint)
        while True:
            await asyncio.sleep(RELOAD_INTERVAL_S)
            present = await asyncio.to_thread(tls.fingerprint)
            if present == known:
                continue
            try:
                self.context = await asyncio.to_thread(tls.make_context)
            except tls.TlsProblem as problem:
                log.warning("new certificate files not taken", problem=str(problem))
            else:
                log.info("new certificate files taken")
            known = present

    async def _shake_hands(self, caller: socket.socket, address: str) -> None:
        handshake = tls.Handshake(caller)
        tls.under_way.set(handshake)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                self._make_protocol,
                caller,
                ssl=self.context,
                ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S,
                ssl_shutdown_timeout=SHUTDOWN_TIMEOUT_S,
            )
        except (OSError, EOFError) as error:
            self._note_failure(address, error, has_begun=handshake.has_begun)
        finally:
            callers.leave(address)

    def _note_failure(self, address: str, error: Exception, *, has_begun: bool) -> None:
        told = _told(error, has_begun=has_begun)
        if told is None:
            log.debug("went away during the TLS handshake", address=address)
            return
        if self._of_address.is_reached(address) or self._of_all.is_reached(""):
            return
        self._of_address.count(address)
        self._of_all.count("")
        reason, details = told
        log.info("TLS handshake failed", reason=reason.value, details=details, address=address)
        at = timezone.now()
        Gateway.current().writer.post(
            Job(
                lambda: services.record_attempt(
                    reason=reason, path="", remote_address=address, status_code=0, at=at, details=details
                )
            )
        )


class CertifiedWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, which also says with which certificate the peer proved who it is, and ends in time.

    uvicorn's own waits until everything is sent: a peer that stopped reading would never be gone.
    """

    async def run_asgi(self) -> None:
        pem = of_line(self.transport)
        if pem is not None:
            self.scope["extensions"] = with_certificate(self.scope.get("extensions"), pem)
        await super().run_asgi()

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.close" and not self.writable.is_set():
            self.transport.abort()  # a close frame would wait behind what the peer does not read
            return
        if message["type"] == "websocket.close" and message.get("no_close_frame"):
            self.transport.close()
            self._abort_in_time()
            return
        await super().send(message)
        if self.close_timer is not None:
            self.close_timer.cancel()
            self.close_timer = self.loop.call_later(CLOSE_TIMEOUT_S, self.transport.abort)

    def send_receive_event_to_app(self) -> None:
        """Stop reading for a peer whose messages wait, not for each message as uvicorn does.

        To stop and begin again are two system calls and as many changes of what the event loop looks at: a fifth of
        what a message cost.
        """
        was_paused = self.read_paused
        self.read_paused = True  # so that uvicorn leaves it to us
        super().send_receive_event_to_app()
        self.read_paused = was_paused
        # after our close frame what comes is thrown away, up to the peer's own
        if not was_paused and not self.close_sent and self.queue.qsize() > READ_AHEAD:
            self.read_paused = True
            self.transport.pause_reading()

    async def receive(self) -> Any:
        """uvicorn's own reads on once all is taken, also from a peer that does not read us: see `pause_writing`."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            if self.writable.is_set():
                self.transport.resume_reading()
        return message

    def handle_cont(self, event: Any) -> None:
        if self.close_sent:
            return
        if len(self.frames) >= MAX_PIECES:
            self.conn.fail(1009, "too many pieces")
            self.handle_parser_exception()
            return
        super().handle_cont(event)

    def pause_writing(self) -> None:
        """A peer that sends pings and does not read their pongs is not read either."""
        super().pause_writing()
        if not self.read_paused and not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.read_paused and not self.transport.is_closing():
            self.transport.resume_reading()

    def keepalive_timeout(self) -> None:
        if self.read_paused and self.writable.is_set() and self.ping_timeout is not None:
            # its pong may lie behind the messages that we have not read yet
            self.pong_timer = self.loop.call_later(self.ping_timeout, self.keepalive_timeout)
            return
        super().keepalive_timeout()
        self._abort_in_time()

    def handle_close(self, event: Any) -> None:
        super().handle_close(event)
        self._abort_in_time()

    def handle_parser_exception(self) -> None:
        super().handle_parser_exception()
        self._abort_in_time()

    def _abort_in_time(self) -> None:
        """The transport is closing: nobody waits for ever until it has sent what it holds."""
        if self.transport.get_write_buffer_size():
            self.loop.call_later(CLOSE_TIMEOUT_S, self.transport.abort)


def _told(error: Exception, *, has_begun: bool) -> tuple[Reason, str] | None:
    """Why a handshake failed, for people; None for a peer that left without a word, as health checks do."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Reason.BAD_CERTIFICATE, str(_OF_CERTIFICATE.get(error.verify_code, error.verify_message))
    if isinstance(error, ssl.SSLError) and error.reason:
        return Reason.TLS_FAILED, str(_OF_HANDSHAKE.get(error.reason, error.reason.replace("_", " ").lower()))
    if isinstance(error, ConnectionAbortedError):
        return Reason.TLS_FAILED, _("not finished within %d s") % HANDSHAKE_TIMEOUT_S
    if has_begun:
        return Reason.TLS_FAILED, _("the charger left when it saw this server's certificate; it may not trust it")
    return None


#: OpenSSL's X509_V_ERR_…, in plain words.
_OF_CERTIFICATE = {
    9: gettext_lazy("it is not valid yet"),
    10: gettext_lazy("it has expired"),
    18: gettext_lazy("it was signed by nobody but itself"),
    19: gettext_lazy("it was not signed by this server's CA"),
    20: gettext_lazy("it was not signed by this server's CA"),
    21: gettext_lazy("it was not signed by this server's CA"),
    26: gettext_lazy("it is not meant for TLS clients"),
    66: gettext_lazy("its key is too weak"),
    68: gettext_lazy("it is signed with an outdated hash"),
}
_NO_TRUST = gettext_lazy("the charger does not trust this server's certificate")
_NO_TLS_1_2 = gettext_lazy("the charger speaks no TLS 1.2")
_OF_HANDSHAKE = {
    "UNSUPPORTED_PROTOCOL": _NO_TLS_1_2,
    "VERSION_TOO_LOW": _NO_TLS_1_2,
    "NO_SHARED_CIPHER": gettext_lazy("the charger knows none of the cipher suites that are allowed"),
    "HTTP_REQUEST": gettext_lazy("the charger speaks ws:// on the port of wss://"),
    "WRONG_VERSION_NUMBER": gettext_lazy("the charger does not speak TLS"),
    "TLSV1_ALERT_UNKNOWN_CA": _NO_TRUST,
    "SSLV3_ALERT_BAD_CERTIFICATE": _NO_TRUST,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _NO_TRUST,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": gettext_lazy(
        "the charger finds this server's certificate expired; its clock may be wrong"
    ),
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": gettext_lazy("the charger cannot read this server's kind of certificate"),
}
