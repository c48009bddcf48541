"""Charge points with a durable queue, as OCPP 1.6 §3.7 wants them, and the ledger of what a server acknowledged.

A message leaves its station's queue only after its CALLRESULT. When the socket ends, the station comes back with
growing pauses and sends the same message again: every other station under its old message id, the others under a new
one; every other station boots again, the others just go on. A transaction's messages carry -1 until its
StartTransaction was answered.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import messages, wire

CONNECTORS = 2
ANSWER_S, MAX_PAUSE_S, TRIES = 60, 4.0, 3
TRANSACTION_ACTIONS = frozenset({"StartTransaction", "StopTransaction", "MeterValues"})


#: What a station says to a CALL whose answer is more than `{"status": "Accepted"}`.
ANSWERS: dict[str, dict[str, Any]] = {
    "GetConfiguration": {"configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}]},
    "GetLocalListVersion": {"listVersion": 0},
    "GetDiagnostics": {},
    "UpdateFirmware": {},
    "UnlockConnector": {"status": "Unlocked"},
}


class LineLost(Exception):
    """The socket ended before the answer came."""


@dataclass
class Session:
    """A transaction as its station sees it."""

    connector_id: int
    id_tag: str
    meter_start_wh: int
    ends_at: float
    transaction_id: int = -1


@dataclass
class Entry:
    """A CALL in the queue: `payload` is made when it is sent, `facts` are what the ledger will say of it."""

    action: str
    payload: Callable[[], dict[str, Any]]
    facts: dict[str, Any]
    session: Session | None = None
    unique_id: int = 0
    errors: int = 0

    @property
    def is_durable(self) -> bool:
        return self.action in TRANSACTION_ACTIONS


@dataclass
class Order:
    """A CALL of the central system as it arrived; `answer` is the status said, "" for silence."""

    identity: str
    action: str
    payload: dict[str, Any]
    answer: str


@dataclass
class Unanswered:
    """A CALL that was out when its socket ended; times by the wall's clock, which servers write down."""

    identity: str
    action: str
    unique_id: int
    sent_at: float
    lost_at: float


class Swarm:
    """All stations, their ledger and their counts.

    With several `urls` a station goes on to the next one each time it lost its line. A message of a transaction is
    given up after three CALLERRORs; with `hasty` stations a silence or a lost line under way counts as a try too.
    """

    def __init__(
        self, urls: Sequence[str], ledger: Path, stations: int, interval_s: float, *, hasty: bool = False
    ) -> None:
        self.urls, self.interval_s, self.hasty = urls, interval_s, hasty
        self.ledger = ledger.open("w")
        #: Every CALL of the central system by its message id; more than one is an order given twice.
        self.orders: dict[str, list[Order]] = defaultdict(list)
        self.counts: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.close_codes: Counter[int | None] = Counter()
        self.unanswered: list[Unanswered] = []
        self.charging, self.going = True, True
        #: When each address last acknowledged something, by `time.monotonic`.
        self.answered_at: dict[str, float] = dict.fromkeys(urls, 0.0)
        self.chargers = [Charger(self, number) for number in range(1, stations + 1)]
        self.tasks: list[asyncio.Task[None]] = []

    @property
    def last_answer_at(self) -> float:
        return max(self.answered_at.values())

    def start(self) -> None:
        wire.allow_many_sockets()
        for charger in self.chargers:
            self.tasks += [asyncio.create_task(charger.live()), asyncio.create_task(charger.charge())]

    def online(self) -> int:
        return sum(charger.is_online for charger in self.chargers)

    def queued(self) -> int:
        return sum(len(charger.queue) for charger in self.chargers)

    async def settle(self, patience_s: float = 60) -> None:
        """End all sessions and wait until every queue is empty."""
        self.charging = False
        end = time.monotonic() + patience_s
        while time.monotonic() < end and (self.queued() or any(charger.sessions for charger in self.chargers)):
            await asyncio.sleep(0.1)

    async def leave(self) -> None:
        """Disconnect; what a station's own task died of is raised here."""
        self.going = False
        for charger in self.chargers:
            charger.hang_up()
        await asyncio.wait(self.tasks, timeout=5)
        for task in self.tasks:
            task.cancel()
        for failed in await asyncio.gather(*self.tasks, return_exceptions=True):
            if isinstance(failed, Exception):
                raise failed
        self.ledger.close()

    def enter(self, identity: str, entry: Entry, answer: dict[str, Any]) -> None:
        """A line of the ledger: this CALL was acknowledged."""
        self.counts[entry.action] += 1
        line: dict[str, Any] = {"station": identity, "action": entry.action, **entry.facts}
        if entry.session is not None:
            line["transaction"] = entry.session.transaction_id
        if "idTagInfo" in answer:
            line["verdict"] = answer["idTagInfo"]["status"]
        self.ledger.write(json.dumps(line) + "\n")


class Charger:
    """One simulated charge point with two connectors."""

    def __init__(self, swarm: Swarm, number: int) -> None:
        self.swarm, self.number, self.identity = swarm, number, messages.identity("SWARM", number)
        self.clock, self.random = messages.Clock(), random.Random(number)
        self.queue: deque[Entry] = deque()
        self.changed = asyncio.Event()
        self.sessions: dict[int, Session] = {}
        self.register_wh = {connector: number * 100_000 * connector for connector in range(1, CONNECTORS + 1)}
        self.url = ""
        self.line: wire.Line | None = None
        self.answer: asyncio.Future[list[Any]] | None = None
        self.out: tuple[Entry, float] | None = None
        self.next_id, self.booted, self.muted, self.calls = 0, False, False, 0
        #: Firmware that takes a Close frame for good, and what has become of it.
        self.obeys_close, self.is_dark = False, False

    @property
    def is_online(self) -> bool:
        return self.booted and self.line is not None

    # the line

    async def live(self) -> None:
        """Connect, talk, lose the line, pause, again."""
        pause_s = 0.2
        while self.swarm.going and not self.is_dark:
            try:
                self.url = self.swarm.urls[(self.number + self.calls) % len(self.swarm.urls)]
                self.calls += 1
                self.line = await wire.connect(self.url, self.identity, self.on_text, self.on_end)
                self.swarm.counts["sockets"] += 1
                pause_s = 0.2
                await self.talk()
            except (wire.HandshakeError, OSError):
                self.swarm.counts["refused handshakes"] += 1
            except LineLost:
                self.swarm.counts["lost sockets"] += 1
            self.drop_what_is_not_durable()
            if self.swarm.going:
                await asyncio.sleep(pause_s * self.random.uniform(0.5, 1.5))
            pause_s = min(pause_s * 2, MAX_PAUSE_S)

    async def talk(self) -> None:
        """Send the queue in order, one CALL at a time, until the line is lost."""
        if not self.booted or self.number % 2:
            answer = await self.ask(Entry("BootNotification", lambda: messages.BOOT, {}))
            self.booted = answer[0] == 3 and answer[2]["status"] == "Accepted"
            if not self.booted:
                self.swarm.errors["boot not accepted"] += 1
        while self.swarm.going:
            if not self.queue or self.muted:
                await self.wait_for_change()
                continue
            entry = self.queue[0]
            try:
                self.settle(entry, await self.ask(entry))
            except LineLost:
                if self.swarm.hasty and self.swarm.going:
                    self.failed(entry)
                raise

    async def ask(self, entry: Entry) -> list[Any]:
        """The CALLRESULT or CALLERROR of one CALL; LineLost if the socket ends first."""
        if self.line is None:
            raise LineLost
        if not (entry.unique_id and self.number % 4 < 2):
            self.next_id += 1
            entry.unique_id = self.next_id
        self.answer = asyncio.get_running_loop().create_future()
        self.out = (entry, time.monotonic())
        self.line.send(messages.call(entry.unique_id, entry.action, entry.payload()))
        try:
            return await asyncio.wait_for(self.answer, ANSWER_S)
        except TimeoutError:
            self.swarm.errors[f"{entry.action}: no answer in {ANSWER_S} s"] += 1
            self.hang_up()
            raise LineLost from None

    def settle(self, entry: Entry, answer: list[Any]) -> None:
        """A CALLRESULT removes the message; after a CALLERROR it is tried again a few times, as stations do."""
        if answer[0] == 4:
            self.swarm.errors[f"{entry.action}: CALLERROR {answer[2]}"] += 1
            self.failed(entry)
            return
        if entry.action == "StartTransaction" and entry.session is not None:
            entry.session.transaction_id = answer[2]["transactionId"]
        self.swarm.enter(self.identity, entry, answer[2])
        self.swarm.answered_at[self.url] = time.monotonic()
        self.queue.popleft()

    def failed(self, entry: Entry) -> None:
        """One try less for this message; its last one throws it away (§3.7.1)."""
        entry.errors += 1
        if entry.errors >= TRIES or not entry.is_durable:
            self.swarm.errors[f"{entry.action}: given up"] += entry.is_durable
            self.queue.remove(entry)

    def on_text(self, text: bytes) -> None:
        message = json.loads(text)
        if message[0] == 2:
            self.obey(*message[1:4])
        elif self.out and self.answer and not self.answer.done() and message[1] == str(self.out[0].unique_id):
            self.out = None
            self.answer.set_result(message)
        else:
            self.swarm.errors["answer to nothing"] += 1

    def obey(self, unique_id: str, action: str, payload: dict[str, Any]) -> None:
        """Answer a CALL of the central system, crossing ours or not."""
        answer: list[Any] | None = [3, unique_id, ANSWERS.get(action, {"status": "Accepted"})]
        wish = payload.get("vendorId")
        if wish == "refuse":
            answer = [3, unique_id, {"status": "Rejected"}]
        elif wish == "error":
            answer = [4, unique_id, "GenericError", "as you wish", {}]
        elif wish == "silence":
            answer = None
        status = "" if answer is None else "error" if answer[0] == 4 else answer[2].get("status", "Accepted")
        self.swarm.orders[unique_id].append(Order(self.identity, action, payload, status))
        if answer is not None and self.line is not None:
            self.line.send(json.dumps(answer).encode())

    def on_end(self, line: wire.Line) -> None:
        if self.line is None:
            return
        self.line = None
        self.swarm.close_codes[line.close_code] += 1
        self.is_dark = self.obeys_close and line.close_code is not None
        if self.out:
            entry, waited_s = self.out[0], time.monotonic() - self.out[1]
            now = time.time()
            self.swarm.unanswered.append(Unanswered(self.identity, entry.action, entry.unique_id, now - waited_s, now))
            self.out = None
        if self.answer and not self.answer.done():
            self.answer.set_exception(LineLost())
        self.changed.set()

    async def wait_for_change(self) -> None:
        self.changed.clear()
        if self.line is None:
            raise LineLost
        await self.changed.wait()

    def hang_up(self) -> None:
        if self.line is not None:
            self.line.transport.abort()
        self.changed.set()

    def mute(self) -> None:
        """Go silent without ending TCP, as behind a dead radio link: nothing is read, not even pings."""
        self.muted = True
        if self.line is not None:
            self.line.transport.pause_reading()

    def unmute(self) -> None:
        self.muted = False
        self.hang_up()

    def drop_what_is_not_durable(self) -> None:
        """Status reports and heartbeats are not kept for a line that is away (§3.7)."""
        if any(not entry.is_durable for entry in self.queue):
            self.queue = deque(entry for entry in self.queue if entry.is_durable)

    # the cars

    async def charge(self) -> None:
        """Sessions of 5 to 15 seconds on both connectors, a MeterValues each interval while one runs."""
        rests = {connector: time.monotonic() + self.random.uniform(0, 4) for connector in self.register_wh}
        while self.swarm.charging or self.sessions:
            await asyncio.sleep(self.swarm.interval_s * self.random.uniform(0.8, 1.2))
            for connector_id in self.register_wh:
                session, now = self.sessions.get(connector_id), time.monotonic()
                if session is None:
                    if self.swarm.charging and now > rests[connector_id]:
                        self.begin(connector_id)
                elif now > session.ends_at or not self.swarm.charging:
                    self.end(session)
                    rests[connector_id] = now + self.random.uniform(0.5, 3)
                else:
                    self.sample(session)

    def begin(self, connector_id: int) -> None:
        tag, at, wh = f"CARD{self.number:04d}{connector_id}", self.clock.tick(), self.register_wh[connector_id]
        session = Session(connector_id, tag, wh, time.monotonic() + self.random.uniform(5, 15))
        self.sessions[connector_id] = session
        self.report(connector_id, "Preparing")
        self.put(Entry("Authorize", lambda: {"idTag": tag}, {}))
        facts = {"connector": connector_id, "at": at, "tag": tag, "meter_start_wh": wh}
        self.put(Entry("StartTransaction", lambda: messages.start(connector_id, tag, wh, at), facts, session))
        self.report(connector_id, "Charging")

    def sample(self, session: Session) -> None:
        connector_id, at = session.connector_id, self.clock.tick()
        self.register_wh[connector_id] += self.random.randint(1, 60)
        wh = self.register_wh[connector_id]

        def payload() -> dict[str, Any]:
            text = messages.meter_values(0, connector_id, session.transaction_id, at, wh)
            return dict(json.loads(text)[3])

        self.put(Entry("MeterValues", payload, {"connector": connector_id, "at": at, "wh": wh}, session))

    def end(self, session: Session) -> None:
        del self.sessions[session.connector_id]
        self.register_wh[session.connector_id] += self.random.randint(1, 60)
        wh, at = self.register_wh[session.connector_id], self.clock.tick()
        facts = {"connector": session.connector_id, "at": at, "meter_stop_wh": wh}
        facts["energy_wh"] = wh - session.meter_start_wh
        tag = session.id_tag
        stop = Entry("StopTransaction", lambda: messages.stop(session.transaction_id, tag, wh, at), facts, session)
        self.put(stop)
        self.report(session.connector_id, "Finishing")
        self.report(session.connector_id, "Available")
        self.put(Entry("Heartbeat", dict, {}))

    def report(self, connector_id: int, state: str) -> None:
        at = self.clock.tick()
        facts = {"connector": connector_id, "at": at, "status": state}
        self.put(Entry("StatusNotification", lambda: messages.status(connector_id, state, at), facts))

    def put(self, entry: Entry) -> None:
        if entry.is_durable or self.is_online:
            self.queue.append(entry)
            self.changed.set()
