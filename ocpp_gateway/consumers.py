"""The station's socket: asynchronous, without decisions and without the database.

`receive` reads a frame and puts it into a bounded queue; one task answers in order; each answer leaves after its
commit. Everything a frame can trigger is guarded, because an exception in a consumer would end the station's socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

import structlog
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.utils import timezone

from certificates import identities
from stations import commands, presence, rotation, services, takeovers
from stations.models import ChargePoint, SecurityProfile
from stations.write_batch import CONNECT, Names

from . import dispatch, frames, journal
from .conversation import Conversation, Fingerprint, fingerprint
from .delivery import CommandDelivery
from .dispatch import ReadableCall, Reply
from .errors import OcppError
from .handshake import SUBPROTOCOL, Reason, Refused, Request, security_profile
from .registry import Gateway
from .v16.messages.boot_notification import BootNotificationResponse
from .writer import DatabaseAway, Job

log = structlog.get_logger(__name__)
T = TypeVar("T")

#: Frames of one station that may wait for their turn; more and we stop reading its socket.
MAX_WAITING_FRAMES = 32
#: After so many frames a station waits until the writer has come as far, and for its pace.
FRAMES_IN_A_ROW = 64
HUGE_FRAME = 32 * 1024
#: A station that has never booted is asked to after this time.
BOOT_PATIENCE_S = 5.0
SEND_TIMEOUT_S = 20.0
CLOSE_NORMAL = 1000
CLOSE_RESTART = 1012

#: Slow password hashes run here, one at a time: a storm of them must not eat the cores that serve everybody else.
_slow_checks = ThreadPoolExecutor(1, thread_name_prefix="password-check")


class ChargePointConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels has no types
    """One socket of one station, OCPP 1.6J."""

    # No layer and no channel of its own: it would be opened before `connect`, so no station could connect while Redis
    # is away, and the round trips refused half of 2,000 stations in a reconnect storm. The process listens for all.
    gateway: Gateway
    station: ChargePoint
    #: Set once the handshake has let the station in; before that there is no `station`.
    _is_open = False
    #: The security profile of a line that a station with a change under way opened, until its first frame.
    _proof: int | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One event after the other. Channels' own loop makes a task per event to listen to a layer beside the socket,
        and closes old database connections in a thread hop; here is neither a layer nor a connection.
        """
        self.scope, self.base_send = scope, send
        with contextlib.suppress(StopConsumer):
            while True:
                await self.dispatch(await receive())

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Hand an event over; an exception must not end the station's socket."""
        try:
            await getattr(self, message["type"].replace(".", "_"))(message)
        except StopConsumer:
            raise
        except Exception:
            log.exception("socket event failed", event_type=message["type"], charge_point=self._identity)

    @property
    def _identity(self) -> str:
        return self.station.identity if self._is_open else ""

    @property
    def _is_on_daphne(self) -> bool:
        """Whether the server lacks the extension for refusing with a status of our own."""
        return "websocket.http.response" not in (self.scope.get("extensions") or {})

    # Handshake

    async def connect(self) -> None:
        request = Request.from_scope(self.scope)
        self.gateway = Gateway.current()
        self.connection = uuid.uuid4().hex
        self.opened_at = timezone.now()
        try:
            await self._enter(request)
        except Refused as refused:
            await self._refuse(request, refused)
        except (DatabaseAway, ChargePoint.DoesNotExist):
            await self._refuse(request, Refused(None))
        except OSError:  # a server's way of saying "gone"; what `_open` began ends with the disconnect that follows
            log.info("went away during the handshake", path=request.path, address=request.remote_address)

    async def _enter(self, request: Request) -> None:
        if self.gateway.is_closed_to_stations:
            raise Refused(None)
        station, subprotocol, profile = await self._identify(request)
        line = presence.Line(
            gateway_id=await self.gateway.registered(),
            connection=self.connection,
            protocol=subprotocol or SUBPROTOCOL,
            remote_address=request.remote_address,
            subprotocol_missing=subprotocol is None,
            security_profile=profile,
            raises_minimum=not station.is_changing_security,
        )
        certificate = request.certificate if profile == SecurityProfile.CERTIFICATE else None
        names = Names(station.pk, CONNECT)
        await self.gateway.writer.submit(
            Job(lambda: _take_over(station, line, certificate, self.opened_at), names=names)
        )
        self._open(station)
        self._proof = profile if station.is_changing_security else None
        await self.accept(subprotocol)
        log.info("charger connected", charge_point=station.identity, address=request.remote_address)
        self.gateway.welcome(station.pk)

    async def _identify(self, request: Request) -> tuple[ChargePoint, str | None, int]:
        writer, doorkeeper = self.gateway.writer, self.gateway.doorkeeper
        identity, may_enter = doorkeeper.check_address(request), doorkeeper.would_welcome(request)
        accept = settings.UNKNOWN_CHARGE_POINTS == "accept"
        station, is_stranger, verdict = await writer.submit(
            Job(
                lambda: _meet(identity, request.certificate, may_enter=may_enter, accept=accept, at=self.opened_at),
                names=Names(0, identity=identity),
            )
        )
        subprotocol = doorkeeper.choose_subprotocol(request, station)
        if is_stranger:
            doorkeeper.meet_stranger(request)
        if station is None:
            raise Refused(Reason.TOO_MANY_WAITING)
        if doorkeeper.check_certificate(request, station, verdict):
            station.credential_hash = ""  # what opens this line says nothing about a password
            return station, subprotocol, SecurityProfile.CERTIFICATE
        if not doorkeeper.check_credentials(request, station):
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(_slow_checks, doorkeeper.check_slowly, request, station)
        return station, subprotocol, doorkeeper.check_profile(request, station)

    def _open(self, station: ChargePoint) -> None:
        self.station = station
        self._is_open = True
        self.conversation = Conversation(station.registration_status, was_accepted=station.was_accepted)
        self._delivery = CommandDelivery(
            self.gateway.writer, self.gateway.spawn, station, self.connection, self.conversation, self._send
        )
        self._frames: deque[tuple[frames.Call, Fingerprint, str, datetime]] = deque()
        self._in_line: set[Fingerprint] = set()
        self._room = asyncio.Event()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._is_closed = False
        self._frames_in_a_row, self._row_began_at = 0, 0.0
        self._sending_since: float | None = None
        self._boot_timer = (
            self.gateway.loop.call_later(BOOT_PATIENCE_S, self._ask_to_boot) if station.booted_at is None else None
        )
        self.gateway.adopt(station.pk, self)

    async def _refuse(self, request: Request, refused: Refused) -> None:
        if refused.reason is not None:
            log.info("charger refused", reason=refused.reason.value, path=request.path, address=request.remote_address)
            self._post(lambda: _record_attempt(request, refused, self.opened_at))
        if self._is_on_daphne:
            await self.close()  # 403 is all it can say
            return
        start = {
            "type": "websocket.http.response.start",
            "status": refused.status,
            "headers": [(b"content-type", b"text/plain; charset=utf-8"), *refused.headers],
        }
        with contextlib.suppress(OSError):  # whoever waited too long for it is gone
            await self.base_send(start)
            await self.base_send({"type": "websocket.http.response.body", "body": refused.words.encode()})

    # Frames from the station

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if not self._is_open or self._is_closed:
            return  # what comes after we closed counts as not read: the station sends it again
        self._frames_in_a_row += 1
        if self._frames_in_a_row >= FRAMES_IN_A_ROW:
            await self._keep_pace()
        received_at = timezone.now()
        self.gateway.saw(self.station.pk, received_at)
        self._prove(received_at)
        text = text_data if text_data is not None else _text_of(bytes_data or b"")
        try:
            frame = await _aside(text, frames.parse, text)
        except frames.FrameError as refused:
            await self._answer_unreadable(refused, text, received_at)
            return
        if isinstance(frame, frames.Call):
            await self._queue(frame, text, received_at)
        elif frame is not None:
            self._settle(frame, text, received_at)
        else:
            self._log_incoming(text, received_at, kind=0)

    async def _keep_pace(self) -> None:
        """Slow down a station that sends faster than it may or than can be written: what it sends is read later."""
        loop = self.gateway.loop
        with contextlib.suppress(DatabaseAway):
            await self.gateway.writer.submit(Job(_nothing))
        ready_at = self._row_began_at + FRAMES_IN_A_ROW / settings.STATION_MESSAGES_PER_SECOND
        await asyncio.sleep(ready_at - loop.time())
        self._frames_in_a_row, self._row_began_at = 0, loop.time()

    def _prove(self, at: datetime) -> None:
        """The first frame shows that the station got through with its new password or profile, or came with the old."""
        profile, self._proof = self._proof, None
        if profile is not None:
            pk, proof = self.station.pk, self.station.credential_hash
            self._post(lambda: rotation.spoke(pk, credential_hash=proof, security_profile=profile, at=at))

    async def _queue(self, frame: frames.Call, text: str, received_at: datetime) -> None:
        """Put a CALL into line; while the line is full nothing more is read from this station's socket."""
        known_by = fingerprint(frame)
        if known_by in self._in_line:
            return  # sent again while we work on it: it is answered once
        while len(self._frames) >= MAX_WAITING_FRAMES and not self._is_closed:
            self._room.clear()
            await self._room.wait()
        self._frames.append((frame, known_by, text, received_at))
        self._in_line.add(known_by)
        if self._quiet.is_set():
            self._quiet.clear()
            self.gateway.spawn(self._answer_all())

    async def _answer_all(self) -> None:
        """Answer what is in line, in order of arrival; ends when the line is empty."""
        try:
            while self._frames:
                frame, known_by, text, received_at = self._frames[0]
                answer = await self._answer(frame, known_by, text, received_at)
                self._frames.popleft()
                self._in_line.discard(known_by)
                self._room.set()
                await self._send(answer)
        except DatabaseAway:
            self._frames.clear()  # not stored and not answered: the station sends them again on its next line
            if not self.gateway.is_draining:
                self.drop("database away")  # also a line that opened just after all others were closed
        finally:
            self._in_line.clear()
            self._room.set()
            self._quiet.set()

    async def _answer(self, frame: frames.Call, known_by: Fingerprint, text: str, received_at: datetime) -> str:
        earlier = self.conversation.earlier_answer(known_by)
        if earlier is not None:
            return earlier
        try:
            self.conversation.check_may(frame.action)
            call = await _aside(text, dispatch.read, frame, text, self.station, received_at)
        except OcppError as error:
            return self._refuse_call(frame, text, error, received_at)
        reply = await self._handle(call)
        if reply.response is not None:  # what failed was not stored: the same again is another chance
            self.conversation.remember(frame.action, known_by, reply.text)
        if self.conversation.asked_for(frame.action):
            self._post(call.show_effect)
        if isinstance(reply.response, BootNotificationResponse):
            self._note_boot(reply.response)
        return reply.text

    async def _handle(self, call: ReadableCall) -> Reply:
        if call.stores:
            job = Job(call.answer, call.fail, call.names)
            return await self.gateway.writer.submit(job)
        reply = call.answer_without_storing()
        self._post(lambda: call.note(reply))
        return reply

    def _refuse_call(self, frame: frames.Call, text: str, error: OcppError, received_at: datetime) -> str:
        station_id = self.station.pk
        answer = frames.dump(frames.CallError.of(frame.unique_id, error))
        self._post(lambda: dispatch.log_exchange(station_id, frame, text, answer, received_at, True))
        return answer

    async def _answer_unreadable(self, refused: frames.FrameError, text: str, received_at: datetime) -> None:
        answer = frames.dump(frames.CallError.of(refused.unique_id, refused.error))
        self._log_incoming(text, received_at, kind=0)
        self._log_outgoing(answer, refused.unique_id)
        await self._send(answer)

    def _note_boot(self, response: BootNotificationResponse) -> None:
        self.conversation.registration_status = response.status
        self.conversation.was_accepted = self.conversation.was_accepted or response.status == "Accepted"
        self.conversation.has_booted = True

    def _ask_to_boot(self) -> None:
        if self._is_closed or self.conversation.has_booted or self.conversation.registration_status == "Rejected":
            return
        station = self.station
        self._post(lambda: commands.queue_command(station, "TriggerMessage", {"requestedMessage": "BootNotification"}))

    # Our CALLs

    def ring(self) -> None:
        """Commands may wait for this station: send them, one at a time."""
        self._delivery.ring()

    def _settle(self, frame: frames.CallResult | frames.CallError, text: str, received_at: datetime) -> None:
        """An answer to our CALL, logged whether or not somebody waits for it."""
        kind = 3 if isinstance(frame, frames.CallResult) else 4
        action = self._delivery.action_of(frame)
        self._log_incoming(text, received_at, kind=kind, action=action, unique_id=frame.unique_id)
        self._delivery.settle(frame)

    # The registry's side

    def refresh(self, row: dict[str, Any]) -> None:
        """The station's row changed: an operator's decision counts at once."""
        if row["archived_at"] is not None:
            self.drop("archived")
            return
        self.station.strict, self.station.no_close_frame = row["strict"], row["no_close_frame"]
        self.station.registration_status = self.conversation.registration_status = row["registration_status"]
        self.conversation.was_accepted = row["accepted_at"] is not None

    def drop(self, reason: str) -> None:
        """End this socket without waiting for anything."""
        if not self._is_closed:
            log.info("charger's socket closed", charge_point=self._identity, reason=reason)
            code = CLOSE_RESTART if reason == "database away" else CLOSE_NORMAL
            self.gateway.spawn(self._close(code))

    async def finish(self, reason: str) -> None:
        """Answer what was read, then close."""
        await self._quiet.wait()
        await asyncio.sleep(0)  # a frame the server has parsed but not yet handed over comes now
        await self._quiet.wait()
        log.info("charger's socket closed", charge_point=self._identity, reason=reason)
        await self._close(CLOSE_RESTART)

    async def _close(self, code: int) -> None:
        self._end()
        if self._is_on_daphne and code != CLOSE_NORMAL:
            code += 3000  # its library refuses every code between 1001 and 2999
        with contextlib.suppress(OSError, RuntimeError):  # it has just gone by itself
            if self.station.no_close_frame:
                # an extra member of ASGI's event: our server ends TCP alone, any other sends its Close all the same
                await self.base_send({"type": "websocket.close", "code": code, "no_close_frame": True})
            else:
                await self.close(code)

    async def disconnect(self, code: int) -> None:
        if not self._is_open:
            return
        self._end()
        self.gateway.leave(self.station.pk, self)
        station_id, at = self.station.pk, timezone.now()
        self.gateway.writer.post(Job(lambda: presence.disconnect(station_id, self.connection, at=at)))
        log.info("charger disconnected", charge_point=self._identity, code=code)

    def _end(self) -> None:
        self._is_closed = True
        self._room.set()
        self._delivery.end()
        if self._boot_timer is not None:
            self._boot_timer.cancel()

    async def _send(self, text: str) -> bool:
        """Send a frame; False if the socket is gone or its peer does not read."""
        if self._is_closed:
            return False
        self._sending_since = self.gateway.loop.time()
        try:
            await self.base_send({"type": "websocket.send", "text": text})
        except (OSError, RuntimeError) as error:  # the servers' ways of saying "gone"
            log.info("frame not sent", charge_point=self._identity, error=str(error) or type(error).__name__)
            self._end()
            return False
        finally:
            self._sending_since = None
        return True

    @property
    def is_stuck(self) -> bool:
        """Whether the station has not read what we send for longer than any network needs."""
        return self._sending_since is not None and self.gateway.loop.time() - self._sending_since > SEND_TIMEOUT_S

    @property
    def unanswered(self) -> int:
        """CALLs that were read and have no answer yet."""
        return len(self._frames)

    def _post(self, work: Any) -> None:
        self.gateway.writer.post(Job(work))

    def _log_incoming(self, text: str, at: datetime, *, kind: int, action: str = "", unique_id: object = "") -> None:
        if journal.wants(is_error=kind in (0, 4)):
            details: dict[str, Any] = {"kind": kind, "text": text, "action": action, "unique_id": unique_id}
            station_id = self.station.pk
            self._post(lambda: journal.record(station_id, at=at, direction="in", **details))

    def _log_outgoing(self, text: str, unique_id: object) -> None:
        if journal.wants(is_error=True):
            station_id, at = self.station.pk, timezone.now()
            self._post(
                lambda: journal.record(station_id, at=at, direction="out", kind=4, text=text, unique_id=unique_id)
            )


async def _aside(text: str, work: Callable[..., T], *arguments: Any) -> T:
    """Do `work` on an ordinary frame here; a huge one (up to a second of CPU at 1 MiB) must not hold others up."""
    if len(text) <= HUGE_FRAME:
        return work(*arguments)
    return await asyncio.to_thread(work, *arguments)


def _nothing() -> None:
    """For whoever only waits for what comes before."""


def _text_of(data: bytes) -> str:
    """A binary frame is read as text if it is one (behaviour §1); else it cannot be read at all."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return repr(data)


def _meet(
    identity: str, certificate: bytes | None, *, may_enter: bool, accept: bool, at: datetime
) -> tuple[ChargePoint | None, bool, identities.Verdict | None]:
    """The station an address names, whether it is a stranger, and what its certificate is worth, if it showed one."""
    station, is_stranger = services.find_or_admit(identity, may_enter=may_enter, accept=accept)
    if station is None or certificate is None:
        return station, is_stranger, None
    return station, is_stranger, identities.verdict(station, certificate, at=at)


def _take_over(station: ChargePoint, line: presence.Line, certificate: bytes | None, at: datetime) -> None:
    """The new socket is the station's; what waits for an answer on an older one will get none."""
    former_address = presence.connect(station.pk, line, at=at)
    if former_address and former_address != line.remote_address:
        takeovers.note_swap(station, old_address=former_address, new_address=line.remote_address, at=at)
    if certificate is not None:
        identities.used(station, certificate, at)
    commands.close_left_behind(station.pk, line.connection)


def _record_attempt(request: Request, refused: Refused, at: datetime) -> None:
    is_new = services.record_attempt(
        reason=refused.reason or "",
        path=journal.storable(request.path),
        remote_address=request.remote_address,
        status_code=refused.status,
        at=at,
        details=refused.details,
        identity=request.identity or "",
        offered=", ".join(request.offered),
        user_agent=journal.storable(request.user_agent),
    )
    if is_new and refused.reason == Reason.INSECURE:  # one event for a charger that tries again and again
        station = services.find_charge_point(request.identity or "")
        if station is not None:
            profile = security_profile(request, station)
            services.record_downgrade(station, profile=profile, remote_address=request.remote_address, at=at)
