"""StartTransaction (OCPP 1.6 §4.8)."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Value
from django.db.models.functions import Upper

from stations import changes, effects
from stations.models import ChargePoint
from stations.write_batch import joined_batch

from . import energy
from .authorization import Verdict, authorize_start, verdict_on
from .clock import moment_of
from .ledger import Ledger
from .models import AuthorizationStatus, EndedBy, Flag, Transaction
from .reservations import use_reservation


def start_transaction(
    charge_point: ChargePoint,
    *,
    connector_id: int,
    id_tag: str,
    tag_too_long: bool,
    meter_start_wh: int,
    timestamp: datetime | None,
    reservation_id: int | None,
    received_at: datetime,
) -> tuple[Transaction, Verdict]:
    """Record a transaction whatever the tag: energy may flow already (errata 3.17).

    Repetition (same connector, tag, time and meterStart; §3.7.1) returns the same row with the verdict first given,
    also when it is over and when two processes get it at once: the database lets one insert it (F21). What was left
    open on the connector ends here, unless it is the newer one.
    """
    with joined_batch() as batch:
        ledger = Ledger.of(batch)
        moment = moment_of(timestamp, received_at)
        connector_pk = ledger.connector_pk(charge_point.pk, connector_id)
        number = id_tag[:20]
        if moment.reported_at is None:
            known = _same_start_without_time(ledger, connector_pk, number, meter_start_wh)
            if known is not None:
                return known, _first_verdict(known)
        verdict = authorize_start(id_tag, charge_point, connector_pk=connector_pk, at=moment.at, too_long=tag_too_long)
        left_open = ledger.running(connector_pk)
        transaction = Transaction(
            charge_point=charge_point,
            connector_id=connector_pk,
            id_tag=number,
            tag=verdict.tag,
            authorization_status=verdict.status,
            reservation_id=reservation_id if reservation_id and reservation_id > 0 else None,  # 0 is none (Growatt)
            started_at=moment.at,
            start_reported_at=moment.reported_at or received_at,
            start_received_at=received_at,
            meter_start_wh=meter_start_wh,
            register_wh=meter_start_wh,
            register_at=moment.at,
        )
        transaction.number_at_station = connector_id
        for flag, applies in (
            (Flag.UNAUTHORIZED, not verdict.is_accepted),
            (Flag.TAG_TOO_LONG, tag_too_long),
            (Flag.CONNECTOR_ZERO, connector_id == 0),
            (moment.flag, moment.flag is not None),
        ):
            if applies and flag is not None:
                transaction.flag(flag)
        if not ledger.insert(transaction):
            known = _same_start(ledger, transaction)
            return known, _first_verdict(known)
        _supersede(ledger, left_open, transaction)
        use_reservation(transaction)
        changes.note("transactions")
        effects.saw(
            charge_point.pk,
            "start",
            transaction=transaction.pk,
            connector_id=connector_id,
            id_tag=transaction.id_tag,
            started_at=moment.at,
        )
        return transaction, verdict


def _first_verdict(known: Transaction) -> Verdict:
    return verdict_on(known.tag, AuthorizationStatus(known.authorization_status))


def _same_start(ledger: Ledger, transaction: Transaction) -> Transaction:
    """The transaction that this start began when it came before; see the constraint transaction_start_unique."""
    same = Transaction.objects.filter(
        connector=transaction.connector_id,
        id_tag__upper=Upper(Value(transaction.id_tag)),
        start_reported_at=transaction.start_reported_at,
        meter_start_wh=transaction.meter_start_wh,
    )
    return ledger.find(same)[0]


def _same_start_without_time(ledger: Ledger, connector_pk: int, id_tag: str, meter_start_wh: int) -> Transaction | None:
    """A start that names no time came before if just that runs on the connector."""
    for running in ledger.running(connector_pk):
        same_tag = running.id_tag.upper() == id_tag.upper()
        if same_tag and running.meter_start_wh == meter_start_wh and Flag.NO_TIMESTAMP in running.flags:
            return running
    return None


def _supersede(ledger: Ledger, running: list[Transaction], new: Transaction) -> None:
    """End what is left open on the connector. A newer one stays: this start comes from the station's queue."""
    started_at = new.started_at
    for left_open in running:
        if left_open.started_at > started_at:
            continue
        meter_stop_wh, energy_wh = energy.superseded_end(left_open, new.meter_start_wh)
        left_open.stopped_at = started_at
        left_open.stop_received_at = new.start_received_at
        left_open.meter_stop_wh = meter_stop_wh
        left_open.ended_by = EndedBy.SUPERSEDED
        left_open.flag(Flag.STOP_MISSING)
        ledger.batch.change(left_open, "stopped_at", "stop_received_at", "meter_stop_wh", "ended_by", "flags")
        # where that is less than was counted: on the day on which it was
        energy.count(ledger.batch, left_open, energy_wh - left_open.energy_wh, left_open.register_at)
