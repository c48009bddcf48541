"""The way to the central system: handshake, credentials, and coming back after every loss (OCPP-J 1.6 §3, §5)."""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol

from .errors import CallTimedOut, Offline, Refused
from .rpc import CallReceiver, Connection, Payload
from .security import Security

SUBPROTOCOL = Subprotocol("ocpp1.6")

#: After so many unanswered CALLs in a row the socket is taken for dead.
TIMEOUTS_BEFORE_RECONNECT = 2


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Real seconds: waits between connection attempts double from `first_s` to `longest_s`, each shortened by chance
    to as little as half, so that a fleet does not come back in one wave."""

    first_s: float = 1.0
    longest_s: float = 60.0
    call_timeout_s: float = 30.0
    handshake_timeout_s: float = 30.0

    def wait_s(self, failures: int, chance: random.Random) -> float:
        wait_s: float = min(self.longest_s, self.first_s * 2.0 ** min(failures, 16))
        return wait_s * chance.uniform(0.5, 1.0)


class Link:
    """Holds at most one Connection; `online` and `offline` are events that exclude each other."""

    def __init__(
        self,
        url: str,
        identity: str,
        password: str | bytes | None,
        *,
        security: Security,
        patience: Patience,
        chance: random.Random,
        receive_call: CallReceiver,
        connected: Callable[[], None],
        say: Callable[[str], None],
    ) -> None:
        self.address = url.rstrip("/") + "/" + quote(identity, safe="")
        self.identity = identity
        self.password = password
        self.online = asyncio.Event()
        self.offline = asyncio.Event()
        self.offline.set()
        self._security = security
        self._patience = patience
        self._chance = chance
        self._receive_call = receive_call
        self._connected = connected
        self._say = say
        self._connection: Connection | None = None
        self._timeouts = 0
        self._pause_s: float | None = None
        self._way_back: tuple[str, Callable[[], None]] | None = None

    async def call(self, action: str, payload: Payload) -> Payload:
        """See Connection.call; a socket that swallows CALLs is given up."""
        connection = self._open_connection()
        try:
            reply = await connection.call(action, payload)
        except CallTimedOut:
            self._timeouts += 1
            if self._timeouts >= TIMEOUTS_BEFORE_RECONNECT:
                connection.abort()
            raise
        except Offline:
            await self.offline.wait()  # until the reader has noticed too: who tries again waits for `online`
            raise
        self._timeouts = 0
        return reply

    def connection(self) -> Connection | None:
        return self._connection

    async def open(self, attempts: int | None = 1) -> None:
        """Connect, trying as often as said (None: for ever); raises the last Refused."""
        failures = 0
        while True:
            try:
                self._hold(await self._handshake())
                return
            except Refused as refusal:
                if self._fall_back(refusal):
                    continue
                failures += 1
                if attempts is not None and failures >= attempts:
                    raise
                wait_s = self._patience.wait_s(failures - 1, self._chance)
                self._say(f"{refusal}; next attempt in {wait_s:.0f} s")
                await asyncio.sleep(wait_s)

    async def keep(self) -> None:
        """Read from the open connection and reconnect whenever it ends; runs until cancelled."""
        while True:
            if self._connection is not None:
                await self._connection.read_until_closed()
                self._let_go()
                pause_s, self._pause_s = self._pause_s, None
                await asyncio.sleep(self._patience.wait_s(0, self._chance) if pause_s is None else pause_s)
            await self.open(attempts=None)

    def drop(self, pause_s: float | None = None) -> None:
        """Lose the connection at once; it comes back after `pause_s` real seconds, or the usual back-off."""
        if self._connection is not None:
            self._pause_s = pause_s
            self._connection.abort()

    def move(self, address: str, *, otherwise: Callable[[], None]) -> None:
        """Reconnect at another address; if that is refused, `otherwise` is called and the former one is used again."""
        self._way_back = self.address, otherwise
        self.address = address
        self.drop(pause_s=0)

    async def close(self) -> None:
        connection = self._connection
        self._let_go()
        if connection is not None:
            await connection.close()

    def _open_connection(self) -> Connection:
        if self._connection is None:
            raise Offline("not connected")
        return self._connection

    def _hold(self, connection: Connection) -> None:
        self._connection = connection
        self._timeouts = 0
        self._way_back = None
        self.offline.clear()
        self.online.set()
        self._say("connected")
        self._connected()

    def _fall_back(self, refusal: Refused) -> bool:
        if self._way_back is None:
            return False
        (self.address, otherwise), self._way_back = self._way_back, None
        self._say(f"{refusal}; back to {self.address}")
        otherwise()
        return True

    def _let_go(self) -> None:
        if self._connection is not None:
            self._say("disconnected")
        self._connection = None
        self.online.clear()
        self.offline.set()

    async def _handshake(self) -> Connection:
        try:
            socket = await connect(
                self.address,
                ssl=self._security.context() if self.address.startswith("wss:") else None,
                subprotocols=[SUBPROTOCOL],
                additional_headers=self._authorization(),
                open_timeout=self._patience.handshake_timeout_s,
                close_timeout=1,
                ping_interval=None,  # a silent socket shows in unanswered CALLs; this spares a timer per station
                compression=None,
                proxy=None,
                user_agent_header=None,
            )
        except InvalidStatus as error:
            status = error.response.status_code
            raise Refused(f"{self.address} refused the connection with HTTP {status}", status) from None
        except (OSError, TimeoutError) as error:
            raise Refused(f"{self.address} cannot be reached ({_reason(error)})") from None
        except (InvalidHandshake, InvalidURI) as error:
            raise Refused(f"{self.address} is no OCPP 1.6 address ({error})") from None
        return Connection(socket, self._receive_call, self._patience.call_timeout_s)

    def _authorization(self) -> dict[str, str]:
        """HTTP Basic with the identity as user; the password may be any bytes (white paper A00.FR.204)."""
        if self.password is None or not self._security.sends_password:
            return {}
        secret = self.password.encode() if isinstance(self.password, str) else self.password
        return {"Authorization": "Basic " + base64.b64encode(self.identity.encode() + b":" + secret).decode()}


def _reason(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return str(getattr(error, "strerror", None) or error or "time-out")
