"""Put right by hand: the end of a session whose stop never came, and a stop that came without its session."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction as database
from django.utils import timezone
from django.utils.translation import gettext as _

from stations import changes
from stations.write_batch import joined_batch

from . import energy
from .ledger import Ledger
from .models import Correction, EndedBy, Flag, OrphanedStop, Transaction

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class CannotCorrect(ValueError):
    """What was entered cannot be; the text is for the person. `field` names what it is about, "" the session."""

    def __init__(self, text: str, field: str = "") -> None:
        super().__init__(text)
        self.field = field


def can_be_closed(transaction: Transaction) -> bool:
    """Whether a person may say how it ended: only the charger's own word is final."""
    return transaction.ended_by != EndedBy.STATION


def close_by_hand(
    transaction_id: int, *, stopped_at: datetime, meter_stop_wh: int | None, reason: str, by: User
) -> Correction:
    """End a session, or correct the end that we or a person gave it. Without a register the last reading counts.

    What stood there before stays in the Correction. A stop of the charger that comes later replaces this end
    (`stops.stop_transaction`). Raises CannotCorrect.
    """
    with database.atomic(), joined_batch() as batch:
        ledger = Ledger.of(batch)
        transaction = ledger.find(Transaction.objects.filter(pk=transaction_id))[0]
        _check(transaction, stopped_at, meter_stop_wh)
        before = {
            "stopped_at_before": transaction.stopped_at,
            "meter_stop_wh_before": transaction.meter_stop_wh,
            "energy_wh_before": transaction.energy_wh,
            "ended_by_before": transaction.ended_by,
        }
        if meter_stop_wh is None:
            energy_wh = energy.up_to_last_reading_wh(transaction)
        else:
            # of a second correction: what the first one found, or the same entry would count twice
            energy_wh = energy.delivered_wh(transaction, meter_stop_wh, energy.read_wh(transaction))
        energy.take_back_end(batch, transaction)
        transaction.stopped_at = stopped_at
        transaction.meter_stop_wh = transaction.register_wh if meter_stop_wh is None else meter_stop_wh
        transaction.ended_by = EndedBy.OPERATOR
        transaction.flag(Flag.STOP_MISSING)
        batch.change(transaction, "stopped_at", "meter_stop_wh", "ended_by", "flags")
        energy.count(batch, transaction, energy_wh - transaction.energy_wh, stopped_at)
        correction = Correction.objects.create(
            transaction_id=transaction.pk,
            made_by=by,
            actor=by.get_username(),
            reason=reason,
            stopped_at=stopped_at,
            meter_stop_wh=transaction.meter_stop_wh,
            energy_wh=transaction.energy_wh,
            **before,
        )
        changes.note(changes.station(transaction.charge_point_id), "transactions")
    return correction


def _check(transaction: Transaction, stopped_at: datetime, meter_stop_wh: int | None) -> None:
    if not can_be_closed(transaction):
        raise CannotCorrect(_("The charger has ended this session itself meanwhile."))
    if stopped_at < transaction.started_at:
        raise CannotCorrect(_("The session cannot end before it began."), "stopped_at")
    if stopped_at > timezone.now():
        raise CannotCorrect(_("The end cannot lie in the future."), "stopped_at")
    if meter_stop_wh is None:
        return
    if meter_stop_wh < transaction.meter_start_wh and Flag.METER_RESET not in transaction.flags:
        raise CannotCorrect(_("The final reading cannot be below the first."), "meter_stop_wh")
    if meter_stop_wh - transaction.meter_start_wh > energy.LARGEST_ENERGY_WH:
        raise CannotCorrect(_("That is more than any charger delivers."), "meter_stop_wh")


def attach_stop(stop_id: int, transaction_id: int | None) -> OrphanedStop:
    """Say which session a stop belongs to; None takes it back. The session itself stays as it is.

    Raises CannotCorrect for a session of another charger.
    """
    with database.atomic():
        stop = OrphanedStop.objects.select_for_update().get(pk=stop_id)
        of_charger = Transaction.objects.filter(charge_point=stop.charge_point_id)
        if transaction_id is not None and not of_charger.filter(pk=transaction_id).exists():
            raise CannotCorrect(_("This charger had no session with this number."), "transaction")
        stop.transaction_id = transaction_id
        stop.save(update_fields=["transaction"])
        changes.note(changes.station(stop.charge_point_id))
    return stop
