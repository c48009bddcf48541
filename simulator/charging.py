"""Transactions on the connectors of a station: begin, sample, end (OCPP 1.6 §4.7, §4.8, §4.10)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .backlog import Entry
from .connector import Connector, Transaction
from .errors import NotPossible
from .meter import Car
from .pace import either
from .rpc import Payload

if TYPE_CHECKING:
    from .charge_point import SimulatedChargePoint


class Charging:
    """Start, meter values and stop of one station; while it is online and accepted, each returns when it is answered,
    otherwise at once, with its message in the backlog."""

    def __init__(self, station: SimulatedChargePoint) -> None:
        self._station = station

    async def start(
        self,
        connector_id: int = 1,
        id_tag: str = "CAFE",
        *,
        meter_start_wh: int | None = None,
        reservation_id: int | None = None,
        car: Car | None = None,
    ) -> Transaction:
        """StartTransaction, then Charging; returns once it is answered, or at once while offline.

        A tag that is not Accepted leads to StopTransaction with DeAuthorized, or to SuspendedEVSE when
        StopTransactionOnInvalidId is false. A reservation for the tag is used up. Raises NotPossible while a
        transaction runs on the connector, or where it is reserved for somebody else.
        """
        connector = self._station.connectors[connector_id]
        if connector.transaction is not None:
            raise NotPossible(f"connector {connector_id} is charging already")
        if not self._station.reservations.admit(connector, id_tag):
            raise NotPossible(f"connector {connector_id} is reserved for somebody else")
        reservation_id = self._use_up_reservation(connector, id_tag) if reservation_id is None else reservation_id
        transaction = self._begin(connector, id_tag, meter_start_wh, car or Car())
        request = {
            "connectorId": connector_id,
            "idTag": id_tag,
            "meterStart": transaction.meter_start_wh,
            "timestamp": transaction.started_at,
        }
        if reservation_id is not None:
            request["reservationId"] = reservation_id
        self._station.backlog.push(
            Entry(action="StartTransaction", payload=lambda: request, done=lambda a: self._started(transaction, a))
        )
        if self._station.is_ready:
            await either(transaction.answered, self._station.link.offline)
        if not transaction.ended.is_set() and transaction.verdict in {None, "Accepted"}:
            await self._station.set_status(connector_id, "Charging")
            await self.follow_limits()
        self._station.tasks.spawn(self._sample(connector, transaction))
        return transaction

    async def meter_values(
        self, connector_id: int = 1, *, meter_wh: int | None = None, context: str = "Sample.Periodic"
    ) -> None:
        """MeterValues of this moment, with `meter_wh` as register if given; returns as `start` does.

        In a transaction it is a transaction message; outside it is sent at once (raises as Link.call) or not at all.
        """
        connector = self._station.connectors[connector_id]
        transaction = connector.transaction
        request = self.meter_values_payload(connector, context, meter_wh)
        if transaction is None:
            await self._station.call("MeterValues", request)
            return
        done = asyncio.Event()
        self._station.backlog.push(
            Entry(
                action="MeterValues",
                payload=lambda: request | {"transactionId": transaction.wire_id},
                done=lambda _: done.set(),
            )
        )
        if self._station.is_ready:
            await either(done, self._station.link.offline)

    async def stop(
        self,
        connector_id: int = 1,
        *,
        reason: str = "Local",
        id_tag: str | None = None,
        meter_stop_wh: int | None = None,
    ) -> Transaction:
        """StopTransaction, then Finishing; returns as `start` does. Raises NotPossible without a transaction."""
        connector = self._station.connectors[connector_id]
        transaction = connector.transaction
        if transaction is None:
            raise NotPossible(f"nothing is charging on connector {connector_id}")
        status = connector.status
        request = self._end(connector, transaction, reason, meter_stop_wh)
        if id_tag is not None:
            request["idTag"] = id_tag
        self._station.backlog.push(
            Entry(
                action="StopTransaction",
                payload=lambda: request | {"transactionId": transaction.wire_id},
                done=lambda answer: self._stopped(transaction, id_tag, answer),
            )
        )
        if self._station.is_ready:
            await either(transaction.settled, self._station.link.offline)
        if connector.status == status and connector.transaction is None:  # else the next driver was quicker
            await self._station.set_status(connector_id, "Finishing" if connector.operative else "Unavailable")
        return transaction

    async def follow_limits(self) -> None:
        """Take the charging profiles as they are now: power from here on, and whether the station or the car waits."""
        for connector in self.running():
            self._read(connector, None)
            waits = connector.meter.offered_w == 0
            if waits and connector.status == "Charging":
                await self._station.set_status(connector.connector_id, "SuspendedEVSE")
            elif not waits and connector.status == "SuspendedEVSE" and _may_charge(connector):
                await self._station.set_status(connector.connector_id, "Charging")

    def running(self) -> list[Connector]:
        """The connectors on which a transaction runs."""
        return [connector for connector in self._station.connectors.values() if connector.transaction is not None]

    def transaction_with(self, transaction_id: int) -> Connector | None:
        """The connector on which this transaction runs."""
        return next(
            (c for c in self.running() if c.transaction and c.transaction.transaction_id == transaction_id), None
        )

    def meter_values_payload(self, connector: Connector, context: str, meter_wh: int | None = None) -> Payload:
        """MeterValues.req without transactionId, of the measurands in MeterValuesSampledData."""
        self._read(connector, meter_wh)
        measurands = self._station.configuration.items("MeterValuesSampledData") or ["Energy.Active.Import.Register"]
        sampled = connector.meter.sampled_values(measurands, context)
        # a meter that has nothing to say about the wished measurands (SoC without a car) still has its register
        sampled = sampled or connector.meter.sampled_values(["Energy.Active.Import.Register"], context)
        meter_value = {"timestamp": self._station.pace.timestamp(), "sampledValue": sampled}
        return {"connectorId": connector.connector_id, "meterValue": [meter_value]}

    def _use_up_reservation(self, connector: Connector, id_tag: str) -> int | None:
        reservation = self._station.reservations.used_by(connector, id_tag)
        if reservation is None:
            return None
        self._station.reservations.take(reservation.reservation_id)
        return reservation.reservation_id

    def _read(self, connector: Connector, register_wh: int | None) -> int:
        """The register now, in Wh; a given value replaces it."""
        connector.meter.advance(self._station.pace.elapsed_s())
        connector.meter.limit_w = self._station.smart_charging.limit_w(connector.connector_id, self._station.pace.now())
        if register_wh is not None:
            connector.meter.register_wh = register_wh
        return connector.meter.register_wh

    def _begin(self, connector: Connector, id_tag: str, meter_start_wh: int | None, car: Car) -> Transaction:
        transaction = Transaction(
            connector_id=connector.connector_id,
            id_tag=id_tag,
            meter_start_wh=self._read(connector, meter_start_wh),
            started_at=self._station.pace.timestamp(),
        )
        connector.meter.begin(car, self._station.pace.elapsed_s())
        transaction.begin_values = self._transaction_data(connector, transaction.started_at, "Transaction.Begin")
        connector.transaction = transaction
        connector.in_use.set()
        return transaction

    def _end(self, connector: Connector, transaction: Transaction, reason: str, meter_stop_wh: int | None) -> Payload:
        """Take the transaction off the connector; returns StopTransaction.req without its id."""
        transaction.meter_stop_wh = self._read(connector, meter_stop_wh)
        transaction.reason = reason
        stopped_at = self._station.pace.timestamp()
        data = transaction.begin_values + self._transaction_data(connector, stopped_at, "Transaction.End")
        connector.meter.end(self._station.pace.elapsed_s())
        connector.meter.register_wh = transaction.meter_stop_wh
        connector.transaction = None
        connector.in_use.clear()
        self._station.smart_charging.transaction_ended(connector.connector_id)
        transaction.ended.set()
        self._station.say(
            f"connector {connector.connector_id}: stop ({reason}), {transaction.energy_wh / 1000:.2f} kWh"
        )
        request: Payload = {"meterStop": transaction.meter_stop_wh, "timestamp": stopped_at, "reason": reason}
        return request | {"transactionData": data} if data else request

    def _transaction_data(self, connector: Connector, timestamp: str, context: str) -> list[Payload]:
        sampled = connector.meter.sampled_values(self._station.configuration.items("StopTxnSampledData"), context)
        return [{"timestamp": timestamp, "sampledValue": sampled}] if sampled else []

    def _started(self, transaction: Transaction, answer: Payload | None) -> None:
        """The answer to StartTransaction, or None when it was given up: then charging goes on without an id."""
        if answer is not None:
            transaction_id = answer.get("transactionId")
            transaction.transaction_id = transaction_id if isinstance(transaction_id, int) else None
            transaction.verdict = self._station.authorization.remember(transaction.id_tag, answer)
            self._station.say(
                f"connector {transaction.connector_id}: transaction {transaction_id} with {transaction.id_tag},"
                f" {transaction.verdict}, from {transaction.meter_start_wh} Wh"
            )
        transaction.answered.set()
        if transaction.verdict not in {None, "Accepted"} and not transaction.ended.is_set():
            self._station.tasks.spawn(self._deauthorize(transaction.connector_id))

    async def _deauthorize(self, connector_id: int) -> None:
        """StopTransactionOnInvalidId: stop, or keep the transaction without energy (§4.8)."""
        if self._station.configuration.flag("StopTransactionOnInvalidId"):
            await self.stop(connector_id, reason="DeAuthorized")
        else:
            self._station.connectors[connector_id].meter.end(self._station.pace.elapsed_s())
            await self._station.set_status(connector_id, "SuspendedEVSE")

    def _stopped(self, transaction: Transaction, id_tag: str | None, answer: Payload | None) -> None:
        if id_tag is not None and answer and "idTagInfo" in answer:
            self._station.authorization.remember(id_tag, answer)
        transaction.settled.set()

    async def _sample(self, connector: Connector, transaction: Transaction) -> None:
        """MeterValues every MeterValueSampleInterval (0: none) simulated seconds, and SuspendedEV at a full car."""
        while True:
            interval_s = self._station.configuration.number("MeterValueSampleInterval")
            if await self._station.pace.happens(transaction.ended, interval_s or 60):
                return
            if interval_s:
                await self.meter_values(connector.connector_id)
            await self.follow_limits()
            if connector.meter.car_is_full and connector.status == "Charging":
                await self._station.set_status(connector.connector_id, "SuspendedEV")


def _may_charge(connector: Connector) -> bool:
    """Not one that is SuspendedEVSE because its tag was refused."""
    return connector.transaction is not None and connector.transaction.verdict in {None, "Accepted"}
