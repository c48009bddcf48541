"""StopTransaction (OCPP 1.6 §4.10): never refused, whatever it says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db.models import F

from stations import changes, effects
from stations.models import ChargePoint
from stations.write_batch import joined_batch

from . import energy
from .authorization import Verdict, authorize
from .clock import Moment, moment_of
from .ledger import Ledger
from .meter_values import record_transaction_data
from .models import EndedBy, Flag, OrphanedStop, StopReason, Transaction
from .samples import Reading, Sample

log = structlog.get_logger(__name__)

#: Stands for the number that the station never got (errata 3.18).
NO_TRANSACTION_ID = -1


def stop_transaction(
    charge_point: ChargePoint,
    *,
    transaction_id: int,
    meter_stop_wh: int | None,
    timestamp: datetime | None,
    id_tag: str | None,
    tag_too_long: bool,
    reason: str | None,
    readings: list[Reading],
    received_at: datetime,
) -> tuple[Transaction | None, Verdict | None]:
    """Close a transaction once; the verdict is there if an `id_tag` is, and prevents nothing.

    The same stop again changes nothing; a different one of the station is kept beside the first. The station's stop
    replaces an end that we made. Returns no transaction for a number that is not this station's: that stop is kept as
    an orphan. A stop without a number (-1) closes the one running transaction that it can mean.
    """
    verdict = None
    with joined_batch() as batch:
        if id_tag is not None:
            verdict = authorize(id_tag, charge_point, at=received_at, too_long=tag_too_long)
        ledger = Ledger.of(batch)
        stop = _Stop(
            transaction_id,
            meter_stop_wh,
            moment_of(timestamp, received_at),
            (id_tag or "")[:20],
            (reason or StopReason.LOCAL)[:50],
            readings,
            received_at,
        )
        transaction = _meant_by(stop, ledger, charge_point)
        if transaction is None:
            _keep_orphan(stop, charge_point, None)
            effects.saw(charge_point.pk, "stop", transaction=transaction_id, connector_id=None)
        elif transaction.ended_by != EndedBy.STATION:
            _close(ledger, transaction, stop)
            number = getattr(transaction, "number_at_station", None)
            connector_id = transaction.connector.connector_id if number is None else number
            effects.saw(charge_point.pk, "stop", transaction=transaction.pk, connector_id=connector_id)
        elif stop.is_end_of(transaction):
            record_transaction_data(batch, transaction, readings, received_at)
        else:
            transaction.flag(Flag.STOP_CONFLICT)
            batch.change(transaction, "flags")
            _keep_orphan(stop, charge_point, transaction)
    return transaction, verdict


@dataclass(frozen=True)
class _Stop:
    """What the station said."""

    transaction_id: int
    meter_stop_wh: int | None
    moment: Moment
    id_tag: str
    reason: str
    readings: list[Reading]
    received_at: datetime

    def is_end_of(self, transaction: Transaction) -> bool:
        """Whether this very stop has closed the transaction before."""
        same_meter = self.meter_stop_wh == transaction.meter_stop_wh or (
            self.meter_stop_wh is None and Flag.NO_METER_STOP in transaction.flags
        )
        return (
            transaction.ended_by == EndedBy.STATION
            and self.moment.reported_at == transaction.stop_reported_at
            and same_meter
            and self.reason == transaction.stop_reason
            and self.id_tag.upper() == transaction.stop_id_tag.upper()
        )

    def can_end(self, transaction: Transaction) -> bool:
        """Whether a stop without a number can mean a running transaction."""
        return (
            transaction.started_at <= self.moment.at
            and (self.meter_stop_wh is None or self.meter_stop_wh >= transaction.meter_start_wh)
            and (not self.id_tag or self.id_tag.upper() == transaction.id_tag.upper())
        )


def _meant_by(stop: _Stop, ledger: Ledger, charge_point: ChargePoint) -> Transaction | None:
    if stop.transaction_id != NO_TRANSACTION_ID:
        return ledger.get(charge_point.pk, stop.transaction_id)
    closed = _closed_without_id(stop, ledger, charge_point)
    if closed is not None:
        return closed
    candidates = [running for running in ledger.running_at(charge_point.pk) if stop.can_end(running)]
    if len(candidates) != 1:
        return None
    candidates[0].flag(Flag.STOP_WITHOUT_ID)
    return candidates[0]


def _closed_without_id(stop: _Stop, ledger: Ledger, charge_point: ChargePoint) -> Transaction | None:
    """The transaction that the same stop without a number has closed before."""
    stored = ledger.find(
        Transaction.objects.filter(
            charge_point=charge_point, ended_by=EndedBy.STATION, stop_reported_at=stop.moment.reported_at
        )
    )
    for transaction in [*ledger.closed_here(charge_point.pk), *stored]:
        if Flag.STOP_WITHOUT_ID in transaction.flags and stop.is_end_of(transaction):
            return transaction
    return None


def _close(ledger: Ledger, transaction: Transaction, stop: _Stop) -> None:
    """Let the station's word be the end; what we made of a missing stop is over."""
    if not transaction.is_running:
        log.info(
            "the charger's stop replaces our end",
            transaction=transaction.pk,
            ended_by=transaction.ended_by,
            stopped_at=transaction.stopped_at,
            meter_stop_wh=transaction.meter_stop_wh,
        )
        transaction.flags = [flag for flag in transaction.flags if flag != Flag.STOP_MISSING]
    if transaction.ended_by == EndedBy.SUPERSEDED:
        energy.reopen(ledger.batch, transaction)
    # first, as they may move the register of a running transaction, each on its own day
    record_transaction_data(ledger.batch, transaction, stop.readings, stop.received_at)
    # without a register of its own, the stop leaves what a person entered
    is_corrected = not transaction.is_running and stop.meter_stop_wh is not None
    readings_wh = energy.read_wh(transaction) if is_corrected else None
    for flag in _remarks(transaction, stop):
        transaction.flag(flag)
    energy_wh = energy.delivered_wh(transaction, stop.meter_stop_wh, readings_wh)
    energy.take_back_end(ledger.batch, transaction)
    if stop.meter_stop_wh is not None:
        transaction.meter_stop_wh = stop.meter_stop_wh
    elif transaction.meter_stop_wh is None:
        transaction.meter_stop_wh = transaction.register_wh
    transaction.stopped_at = _stopped_at(transaction, stop)
    transaction.stop_reported_at = stop.moment.reported_at
    transaction.stop_received_at = stop.received_at
    transaction.stop_id_tag = stop.id_tag
    transaction.stop_reason = stop.reason
    transaction.ended_by = EndedBy.STATION
    ledger.batch.change(transaction, *_STOP_FIELDS)
    changes.note("transactions")
    energy.count(ledger.batch, transaction, energy_wh - transaction.energy_wh, transaction.stopped_at)


_STOP_FIELDS = (
    "meter_stop_wh",
    "stopped_at",
    "stop_reported_at",
    "stop_received_at",
    "stop_id_tag",
    "stop_reason",
    "ended_by",
    "flags",
)


def _remarks(transaction: Transaction, stop: _Stop) -> list[Flag]:
    remarks = [] if stop.moment.flag is None else [stop.moment.flag]
    if stop.moment.at < transaction.started_at:
        remarks.append(Flag.STOP_BEFORE_START)
    if stop.meter_stop_wh is None:
        remarks.append(Flag.NO_METER_STOP)
    elif stop.meter_stop_wh < transaction.meter_start_wh:
        remarks.append(Flag.METER_LOWER)
    return remarks


def _stopped_at(transaction: Transaction, stop: _Stop) -> datetime:
    """Never before the start: where the clocks say so, the arrival is the better guess."""
    if stop.moment.at >= transaction.started_at:
        return stop.moment.at
    return max(stop.received_at, transaction.started_at)


def _keep_orphan(stop: _Stop, charge_point: ChargePoint, transaction: Transaction | None) -> None:
    """Keep a stop that closes nothing, once however often it comes."""
    reported_id = str(stop.transaction_id)[:50]
    alike = OrphanedStop.objects.filter(charge_point=charge_point, reported_transaction_id=reported_id)
    reported_at = stop.moment.reported_at
    if reported_at is None:
        alike = alike.filter(stopped_at=F("received_at"))
    else:
        alike = alike.filter(stopped_at__gte=reported_at, stopped_at__lt=reported_at + timedelta(milliseconds=1))
    said = (stop.meter_stop_wh, stop.id_tag, stop.reason)
    known = list(alike.values_list("meter_stop_wh", "id_tag", "reason"))
    if said in known:
        return
    # Two different stops of one moment (number 0 is everybody's): a microsecond keeps both under the unique key.
    stopped_at = stop.received_at if reported_at is None else reported_at + timedelta(microseconds=len(known))
    OrphanedStop.objects.create(
        charge_point=charge_point,
        reported_transaction_id=reported_id,
        id_tag=stop.id_tag,
        meter_stop_wh=stop.meter_stop_wh,
        stopped_at=stopped_at,
        reason=stop.reason,
        transaction_data=[_as_sent(reading) for reading in stop.readings],
        received_at=stop.received_at,
        transaction=transaction,
    )


def _as_sent(reading: Reading) -> dict[str, Any]:
    timestamp = None if reading.timestamp is None else reading.timestamp.isoformat()
    return {"timestamp": timestamp, "sampledValue": [Sample.of(sample).raw() for sample in reading.samples]}
