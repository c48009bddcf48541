"""A charge point over a real socket, as a certification tool acts it: a message, then what comes back, field by field.

Every frame of the central system is held against OCPP-J (its elements, ids used once, one CALL at a time) and against
the official JSON schemas, as PyPI `ocpp` ships them, whatever a test looks at besides.
"""

from __future__ import annotations

import contextlib
import json
import select
import ssl
import threading
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from urllib.request import Request, urlopen

import ocpp.messages
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.fake_charge_point import CallFailed

from ..speech import written

PATIENCE_S = 20.0
CALL, CALL_RESULT, CALL_ERROR = 2, 3, 4
ENERGY, POWER = "Energy.Active.Import.Register", "Power.Active.Import"


def now() -> str:
    return ago(0)


def ago(minutes: float) -> str:
    return written(datetime.now(UTC) - timedelta(minutes=minutes))


def check(kind: int, action: str, payload: Any) -> None:
    """Raises jsonschema's ValidationError for what the official schema of 1.6 does not allow."""
    exact = json.loads(json.dumps(payload), parse_float=Decimal)  # multiples of 0.1 are none as binary fractions
    ocpp.messages.get_validator(kind, action, "1.6", parse_float=Decimal).validate(exact)


class TheirCall:
    """A CALL of the central system, to be answered; until then it may send no other."""

    def __init__(self, charge_point: ChargePoint, unique_id: str, action: str, payload: dict[str, Any]) -> None:
        self._charge_point = charge_point
        self.unique_id, self.action, self.payload = unique_id, action, payload

    def replies(self, **payload: Any) -> None:
        """The CALLRESULT; as a charge point's own answers are checked by the test's author alone, it is checked too."""
        check(CALL_RESULT, self.action, payload)
        self._charge_point.answer([CALL_RESULT, self.unique_id, payload])

    def fails(self, code: str, description: str = "") -> None:
        self._charge_point.answer([CALL_ERROR, self.unique_id, code, description, {}])


class TakingTurns(ssl.SSLSocket):
    """websockets reads in a thread of its own, and Python before 3.13 lets two threads into OpenSSL at once: of 300
    upgrades that were written while the server's session tickets came in, one never left.
    """

    def __new__(cls, *arguments: Any, **options: Any) -> TakingTurns:
        made = super().__new__(cls, *arguments, **options)
        made.turn = threading.Lock()
        return made

    def recv(self, size: int = 1024, flags: int = 0) -> bytes:
        while True:
            if not self.pending():
                self._wait()
            with self.turn:
                patience_s = self.gettimeout()
                self.settimeout(0)
                try:
                    return super().recv(size, flags)
                except ssl.SSLWantReadError:
                    pass  # a ticket, or a part of something
                finally:
                    self.settimeout(patience_s)

    def sendall(self, data: Any, flags: int = 0) -> None:
        with self.turn:
            super().sendall(data, flags)

    def _wait(self) -> None:
        try:
            select.select([self], [], [])
        except ValueError:
            raise OSError("closed meanwhile") from None


class ChargePoint:
    """One charge point with one socket at a time; `returns` opens the next one.

    Raises websockets' InvalidStatus where the handshake is refused.
    """

    def __init__(self, address: str, identity: str, **options: Any) -> None:
        self.address, self.identity = address, identity
        self._options = options
        self._ids = count(1)
        self._line = contextlib.ExitStack()
        self.returns()

    def returns(self, address: str | None = None, **options: Any) -> ChargePoint:
        """Connect again, perhaps elsewhere and with another password or certificate; the old socket is gone."""
        self.leaves()
        self.address = address or self.address
        self._options |= options
        tls = self._options.get("tls")
        if tls is not None:
            tls.sslsocket_class = TakingTurns
        protocols = [Subprotocol(name) for name in self._options.get("subprotocols", ("ocpp1.6",))]
        line = connect(
            f"{self.address}/{self.identity}",
            subprotocols=protocols,
            additional_headers=self._options.get("headers"),
            ssl=tls,
            compression=None,
            proxy=None,
            open_timeout=PATIENCE_S,
            close_timeout=1,
        )
        self._socket = self._line.enter_context(line)
        self._told: deque[TheirCall] = deque()
        self._unanswered: TheirCall | None = None
        self._ids_of_theirs: set[str] = set()
        return self

    def leaves(self) -> None:
        """Hang up, as a reboot does."""
        self._line.close()

    @property
    def subprotocol(self) -> str | None:
        return self._socket.subprotocol

    @property
    def tls(self) -> ssl.SSLSocket:
        socket = self._socket.socket
        assert isinstance(socket, ssl.SSLSocket)
        return socket

    # What it says

    def call(self, action: str, /, **payload: Any) -> dict[str, Any]:
        """Send a CALL and return the payload of its CALLRESULT; raises CallFailed for a CALLERROR."""
        unique_id = f"{self.identity}-{next(self._ids)}"
        check(CALL, action, payload)
        self._send([CALL, unique_id, action, payload])
        while True:
            frame = self._receive()
            if frame is not None:
                break
        assert frame[1] == unique_id, frame
        if frame[0] == CALL_ERROR:
            raise CallFailed(frame[2], frame[3])
        check(CALL_RESULT, action, frame[2])
        answer: dict[str, Any] = frame[2]
        return answer

    def boots(self, **said: Any) -> dict[str, Any]:
        return self.call("BootNotification", **{"chargePointVendor": "Acme", "chargePointModel": "Wall 22", **said})

    def comes_up(self, **said: Any) -> ChargePoint:
        """Boot, be accepted and report every connector, as after power-on."""
        answer = self.boots(**said)
        assert answer["status"] == "Accepted"
        for connector in (0, 1, 2):
            self.shows("Available", connector)
        return self

    def shows(self, status: str, connector: int = 1, error: str = "NoError", **said: Any) -> None:
        message = {"connectorId": connector, "status": status, "errorCode": error, "timestamp": now(), **said}
        assert self.call("StatusNotification", **message) == {}

    def authorizes(self, id_tag: str) -> dict[str, Any]:
        """The idTagInfo."""
        answer = self.call("Authorize", idTag=id_tag)
        assert answer.keys() == {"idTagInfo"}
        info: dict[str, Any] = answer["idTagInfo"]
        return info

    def starts(self, id_tag: str, connector: int = 1, **said: Any) -> int:
        """StartTransaction with a tag that is accepted; the transaction's number."""
        answer = self.asks_to_start(id_tag, connector, **said)
        assert answer["idTagInfo"]["status"] == "Accepted", answer
        return int(answer["transactionId"])

    def asks_to_start(self, id_tag: str, connector: int = 1, **said: Any) -> dict[str, Any]:
        """StartTransaction; its whole answer, with a number that can be a transaction's."""
        begin = {"connectorId": connector, "idTag": id_tag, "meterStart": 1000, "timestamp": now(), **said}
        answer = self.call("StartTransaction", **begin)
        assert answer.keys() == {"transactionId", "idTagInfo"}
        assert 0 < answer["transactionId"] < 2**31
        return answer

    def meters(self, wh: int, transaction: int | None = None, connector: int = 1, **said: Any) -> None:
        """MeterValues with the register and the power."""
        assert self.call("MeterValues", **reading_of(wh, transaction, connector, **said)) == {}

    def stops(self, transaction: int, wh: int = 2500, **said: Any) -> dict[str, Any]:
        """StopTransaction; its answer."""
        end = {"transactionId": transaction, "meterStop": wh, "timestamp": now(), **said}
        return self.call("StopTransaction", **end)

    # What it is told

    def expects(self, action: str, /, **payload: Any) -> TheirCall:
        """The next CALL of the central system, which must be exactly this one."""
        told = self.hears(action)
        assert told.payload == payload
        return told

    def hears(self, action: str) -> TheirCall:
        """The next CALL of the central system, of this name; its payload is the test's affair."""
        deadline = time.monotonic() + PATIENCE_S
        while not self._told:
            assert self._receive(deadline) is None, "an answer to nothing"
        told = self._told.popleft()
        assert told.action == action, f"{told.action} {told.payload} instead of {action}"
        return told

    def is_told_nothing(self) -> bool:
        """Whether no CALL has come, nor comes before the answer to the Heartbeat that is sent now."""
        self.call("Heartbeat")
        return not self._told

    def is_closed_with(self) -> int:
        """Wait until the central system closes the socket; its code."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                self._receive()
        assert self._socket.protocol.close_code is not None
        return self._socket.protocol.close_code

    def answer(self, frame: list[Any]) -> None:
        assert self._unanswered is not None
        assert frame[1] == self._unanswered.unique_id
        self._unanswered = None
        self._send(frame)

    # The wire

    def _send(self, frame: list[Any]) -> None:
        self._socket.send(json.dumps(frame))

    def _receive(self, deadline: float | None = None) -> list[Any] | None:
        """The next CALLRESULT or CALLERROR; None if it was a CALL, which waits for `hears`."""
        patience = PATIENCE_S if deadline is None else max(deadline - time.monotonic(), 0)
        text = self._socket.recv(timeout=patience)
        assert isinstance(text, str), "a binary frame"
        frame: list[Any] = json.loads(text)
        if frame[0] != CALL:
            assert (frame[0], len(frame)) in ((CALL_RESULT, 3), (CALL_ERROR, 5)), frame
            return frame
        kind, unique_id, action, payload = frame
        assert 1 <= len(unique_id) <= 36
        assert unique_id not in self._ids_of_theirs, "an id used twice"
        assert self._unanswered is None, f"{action} before {self._unanswered.action} was answered"
        check(kind, action, payload)
        self._ids_of_theirs.add(unique_id)
        self._unanswered = TheirCall(self, unique_id, action, payload)
        self._told.append(self._unanswered)
        return None


def fetch(location: str) -> bytes:
    """What lies at an address that the central system named."""
    with urlopen(location, timeout=PATIENCE_S) as answer:  # noqa: S310 - the test server's
        content: bytes = answer.read()
        return content


def deliver(location: str, content: bytes) -> int:
    """Put a file to such an address; the HTTP status."""
    request = Request(location, content, method="PUT")  # noqa: S310 - the test server's
    with urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310 - the test server's
        return int(answer.status)


def reading_of(
    wh: int, transaction: int | None = None, connector: int = 1, *, at: str | None = None, **said: Any
) -> dict[str, Any]:
    """A MeterValues, of now unless `at` says when; `said` of every sample."""
    samples = [
        {"value": str(wh), "measurand": ENERGY, "unit": "Wh", **said},
        {"value": "11000", "measurand": POWER, "unit": "W", **said},
    ]
    meant = {} if transaction is None else {"transactionId": transaction}
    return {"connectorId": connector, **meant, "meterValue": [{"timestamp": at or now(), "sampledValue": samples}]}
