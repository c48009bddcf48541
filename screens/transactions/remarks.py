"""Remarks in plain words: what was odd about a session, and what it means for its numbers."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _

from transactions.models import Flag, Transaction

_LABELS: dict[str, Any] = dict(Flag.choices)
_MEANINGS: dict[str, Any] = {
    Flag.UNAUTHORIZED: _("The tag was not accepted, but the charger charged all the same."),
    Flag.CLOCK_SUSPECT: _("The charger's clock was wrong; where needed, the time at which the message came counts."),
    Flag.NO_TIMESTAMP: _("The charger sent no usable time; the time at which the message came counts."),
    Flag.NO_METER_STOP: _("The charger sent no final reading; the last reading of the session counts."),
    Flag.METER_LOWER: _("The final reading is below the first; the energy was added up from the readings between."),
    Flag.METER_RESET: _("The meter fell during the session; the energy before and after was added up."),
    Flag.STOP_BEFORE_START: _("By its own times the session ended before it began; the arrival of the stop counts."),
    Flag.STOP_MISSING: _("The charger never told of the end; it is an assumption or was entered by hand."),
    Flag.STOP_CONFLICT: _("The charger reported a second end with other values; the first counts, both are kept."),
    Flag.STOP_WITHOUT_ID: _("The stop came without the session's number; it fitted this session only."),
    Flag.TAG_TOO_LONG: _("The tag's number was longer than OCPP allows; only its first 20 characters are kept."),
    Flag.CONNECTOR_ZERO: _("The charger did not say at which connector."),
}


class Remark(NamedTuple):
    label: Any
    meaning: Any


def remarks_on(transaction: Transaction) -> list[Remark]:
    """In the order in which they came up."""
    return [Remark(_LABELS.get(flag, flag), _MEANINGS.get(flag, "")) for flag in transaction.flags]
