"""The simulated station: one method per thing that can happen to it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from .answers import answer_call
from .authorization import Authorization
from .backlog import Backlog
from .certificates import Certificates
from .charging import Charging
from .configuration import Configuration
from .connector import Connector, Transaction
from .errors import CallFailed, CallTimedOut, Offline
from .hardware import Hardware
from .link import Link, Patience
from .meter import Car, Meter
from .override import Override
from .pace import Pace
from .registration import Registration
from .reservations import Reservations
from .rpc import Payload
from .security import Security
from .smart_charging import SmartCharging
from .tasks import Tasks
from .transfers import FirmwareUpdate, Upload

#: Simulated seconds from losing power to being back on the network.
REBOOT_S = 20.0


class SimulatedChargePoint:
    """A charge point that behaves by the rules of OCPP 1.6; someone else decides what happens at it.

    `async with` connects (Refused if that fails at once), reconnects by itself after every loss, samples the meters
    of running transactions, sends heartbeats and answers commands. Nothing else is sent before `boot` is called.

    `configuration` replaces values of its keys at the start. `on_event(identity, text)` is told what happens, in one
    plain line; `on_answer(action, request, response)` of every CALL the central system acknowledged. `overrides` (by
    action) makes commands be refused, delayed or ignored. `seed` makes chance repeatable. `transfers_files`: whether
    firmware and uploads go over the network, or are only talked about. `trusted_roots`
    (PEM) and `secure_port`: see Security.
    """

    def __init__(
        self,
        url: str,
        identity: str,
        *,
        password: str | bytes | None = None,
        hardware: Hardware | None = None,
        speed: float = 1.0,
        configuration: Mapping[str, str] | None = None,
        patience: Patience | None = None,
        seed: int | None = None,
        transfers_files: bool = True,
        trusted_roots: Sequence[str] = (),
        secure_port: int | None = None,
        on_event: Callable[[str, str], None] | None = None,
        on_answer: Callable[[str, Payload, Payload], None] | None = None,
    ) -> None:
        self.identity = identity
        self.hardware = hardware or Hardware()
        self.chance = random.Random() if seed is None else random.Random(f"{seed}/{identity}")
        self.pace = Pace(speed)
        self.transfers_files = transfers_files
        self.configuration = Configuration(self.hardware, configuration)
        self.overrides: dict[str, Override] = {}
        self.connectors = {n: Connector(n, self._new_meter(n)) for n in range(self.hardware.connectors + 1)}
        self.authorization = Authorization(self.call, self.configuration, self.pace, self.say)
        self.certificates = Certificates()
        self.security = Security(self.configuration, self.certificates, trusted_roots=trusted_roots, port=secure_port)
        self.tasks = Tasks(self.say)
        self.charging = Charging(self)
        self.reservations = Reservations(self)
        self.smart_charging = SmartCharging(self)
        self.firmware = FirmwareUpdate(self)
        self.diagnostics = Upload(self, "DiagnosticsStatusNotification", failed="UploadFailed")
        self.log = Upload(self, "LogStatusNotification", failed="UploadFailure")
        self._on_event = on_event
        self._on_answer = on_answer
        self.link = Link(
            url,
            identity,
            password,
            security=self.security,
            patience=patience or Patience(),
            chance=self.chance,
            receive_call=self._receive_call,
            connected=self._connected,
            say=self.say,
        )
        self.registration = Registration(
            self.link,
            self.call,
            self.hardware.boot_payload(identity),
            self.configuration,
            self.pace,
            self._report_all,
            self.say,
        )
        self.backlog = Backlog(self.call, self.until_ready, self.configuration, self.say)

    async def __aenter__(self) -> Self:
        await self.power_on()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.power_off()

    # -- on and off --------------------------------------------------------------------------------------------------

    async def power_on(self, attempts: int | None = 1) -> None:
        """Connect (None: try for ever) and begin to live; raises Refused after the last attempt."""
        await self.link.open(attempts)
        for work in (self.link.keep(), self.backlog.run(), self.registration.heartbeats()):
            self.tasks.spawn(work)

    async def power_off(self) -> None:
        """Vanish, as a real station does: running transactions stay open, undelivered messages are lost."""
        await self.tasks.close()
        await self.link.close()

    async def boot(self) -> None:
        """BootNotification until Accepted, then a StatusNotification for connector 0 and every other."""
        await self.registration.boot()

    async def reset(self, kind: str = "Soft") -> None:
        """End transactions with SoftReset or HardReset and start anew.

        A soft reset delivers the stops first; a hard one delivers them after the boot.
        """
        if kind == "Hard":
            self.registration.forget()
        for connector in self.charging.running():
            await self.stop(connector.connector_id, reason=f"{kind}Reset")
        await self.reboot()

    async def lose_power(self) -> None:
        """The connection dies at once; after the boot the transactions are reported stopped with PowerLoss."""
        self.registration.forget()
        for connector in self.charging.running():
            await self.stop(connector.connector_id, reason="PowerLoss")
        await self.reboot()

    async def reboot(self) -> None:
        """Drop the connection, come back after REBOOT_S and boot."""
        self.say("reboots")
        self.registration.forget()
        self.link.drop(pause_s=REBOOT_S / self.pace.speed)
        await self.link.offline.wait()
        await self.boot()

    @property
    def is_ready(self) -> bool:
        """Online and accepted: may send what it likes."""
        return self.link.online.is_set() and self.registration.accepted.is_set()

    async def until_ready(self) -> None:
        while not self.is_ready:
            await self.link.online.wait()
            await self.registration.accepted.wait()

    async def delivered(self) -> None:
        """Return when every transaction message has been acknowledged or given up."""
        await self.backlog.empty.wait()

    # -- what people and cars do -------------------------------------------------------------------------------------

    async def plug(self, connector_id: int = 1) -> None:
        """A car is plugged in, or a card held to the reader first: Preparing, or Reserved as before."""
        if self.connectors[connector_id].status != "Reserved":
            await self.set_status(connector_id, "Preparing")

    async def unplug(self, connector_id: int = 1) -> None:
        """The car leaves; one that still charges ends its transaction (EVDisconnected)."""
        connector = self.connectors[connector_id]
        if connector.transaction is not None:
            await self.stop(connector_id, reason="EVDisconnected")
        is_reserved = connector.operative and self.reservations.on(connector_id) is not None
        await self.set_status(connector_id, "Reserved" if is_reserved else connector.resting_status)

    def may_start(self, connector: Connector, id_tag: str) -> bool:
        """Whether this card can start here: the connector is free, and reserved for nobody else."""
        is_free = connector.is_free or (connector.status == "Reserved" and connector.transaction is None)
        return is_free and self.reservations.admit(connector, id_tag)

    async def authorize(self, id_tag: str) -> str:
        """The verdict on a card (AuthorizationStatus): of the central system, or offline of list and cache (§3.5)."""
        if not self.is_ready:
            return self.authorization.offline(id_tag)
        return await self.authorization.ask(id_tag)

    async def start(
        self,
        connector_id: int = 1,
        id_tag: str = "CAFE",
        *,
        meter_start_wh: int | None = None,
        reservation_id: int | None = None,
        car: Car | None = None,
    ) -> Transaction:
        """See Charging.start."""
        return await self.charging.start(
            connector_id, id_tag, meter_start_wh=meter_start_wh, reservation_id=reservation_id, car=car
        )

    async def meter_values(
        self, connector_id: int = 1, *, meter_wh: int | None = None, context: str = "Sample.Periodic"
    ) -> None:
        """See Charging.meter_values."""
        await self.charging.meter_values(connector_id, meter_wh=meter_wh, context=context)

    async def stop(
        self,
        connector_id: int = 1,
        *,
        reason: str = "Local",
        id_tag: str | None = None,
        meter_stop_wh: int | None = None,
    ) -> Transaction:
        """See Charging.stop."""
        return await self.charging.stop(connector_id, reason=reason, id_tag=id_tag, meter_stop_wh=meter_stop_wh)

    async def fault(self, connector_id: int = 1, error_code: str = "GroundFailure") -> None:
        """The connector breaks: a transaction ends (Other), the status is Faulted until `set_status` says otherwise."""
        if self.connectors[connector_id].transaction is not None:
            await self.stop(connector_id, reason="Other")
        await self.set_status(connector_id, "Faulted", error_code)

    async def set_status(self, connector_id: int, status: str, error_code: str = "NoError") -> None:
        """Take a status and report the change; while offline only the last one is reported afterwards."""
        connector = self.connectors[connector_id]
        if (connector.status, connector.error_code) == (status, error_code):
            return
        if status in {"Faulted", "Unavailable"}:
            self.reservations.end_on(connector_id)
        connector.status, connector.error_code = status, error_code
        self.say(f"connector {connector_id}: {status}" + ("" if error_code == "NoError" else f" ({error_code})"))
        if self.is_ready:
            await self.report(connector)

    async def report(self, connector: Connector) -> None:
        """StatusNotification of the present status; a failure is told and mended after the next connect."""
        status, error_code = connector.status, connector.error_code
        request = {
            "connectorId": connector.connector_id,
            "errorCode": error_code,
            "status": status,
            "timestamp": self.pace.timestamp(),
        }
        try:
            await self.call("StatusNotification", request)
            connector.reported = status, error_code
        except (Offline, CallFailed, CallTimedOut) as error:
            self.say(f"StatusNotification failed ({error})")

    # -- for the parts of the station --------------------------------------------------------------------------------

    async def call(self, action: str, payload: Payload) -> Payload:
        """Any CALL, also one that breaks the rules; raises Offline, CallFailed or CallTimedOut."""
        answer = await self.link.call(action, payload)
        if self._on_answer is not None:
            self._on_answer(action, payload, answer)
        return answer

    def say(self, text: str) -> None:
        if self._on_event is not None:
            self._on_event(self.identity, text)

    async def tell(self, action: str, payload: Payload) -> None:
        """A CALL that shall arrive, however often the connection is lost before; raises CallFailed."""
        while True:
            await self.until_ready()
            try:
                await self.call(action, payload)
                return
            except (Offline, CallTimedOut) as error:
                self.say(f"{action} failed ({error})")

    def _new_meter(self, connector_id: int) -> Meter:
        """A used meter; the one of connector 0 stands still."""
        return Meter(self.hardware, self.chance, self.chance.randrange(10_000, 5_000_000) if connector_id else 0)

    def _connected(self) -> None:
        """After a mere reconnect there is no boot; only what changed meanwhile is reported (§4.9)."""
        if self.registration.accepted.is_set():
            self.tasks.spawn(self._report_changed())

    async def _report_changed(self) -> None:
        for connector in self.connectors.values():
            if connector.reported != (connector.status, connector.error_code):
                await self.report(connector)

    async def _report_all(self) -> None:
        for connector in self.connectors.values():
            await self.report(connector)

    def _receive_call(self, unique_id: str, action: str, payload: Payload) -> None:
        self.tasks.spawn(answer_call(self, unique_id, action, payload))
