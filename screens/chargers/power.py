"""A charger's power in the last hour, connector by connector."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from stations.models import ChargePoint, Connector
from transactions.models import EndedBy, MeterValue, Transaction

from ..charts import Chart, Series

WINDOW = timedelta(hours=1)
#: Connectors with a line of their own.
MAX_LINES = 4
#: Sessions of one hour, and readings: stations exist that send one every second.
MAX_SESSIONS, MAX_READINGS = 50, 4000
#: Readings of the register closer than this are rounding, farther apart than this they are history.
SHORTEST_STEP, LONGEST_STEP = timedelta(seconds=10), timedelta(minutes=15)

#: Time of a reading, its power in W, its register in Wh, and where that was when the session began
Reading = tuple[datetime, float | None, int | None, int]


def power_chart(station: ChargePoint) -> Chart:
    """kW over the last hour; an empty chart where nothing was charged. Three queries."""
    since = timezone.now() - WINDOW
    shown = list(station.connectors.exclude(connector_id=0).order_by("connector_id")[:MAX_LINES])
    lines = {connector.pk: _powers(readings) for connector, readings in _readings(station, shown, since)}
    moments = sorted({at for line in lines.values() for at in line})
    series = [
        Series(
            label=_("Connector %(number)s") % {"number": connector.connector_id},
            unit="kW",
            values=[lines[connector.pk].get(at) for at in moments],
            spans=True,
            places=1,
        )
        for connector in shown
        if lines[connector.pk]
    ]
    return Chart("power", "line", moments, series)


def _readings(
    station: ChargePoint, connectors: Sequence[Connector], since: datetime
) -> list[tuple[Connector, list[Reading]]]:
    """Of sessions only: that is how the index is walked, and an idle connector has no power."""
    recent = Q(ended_by=EndedBy.OPEN) | Q(stopped_at__gt=since)
    sessions = Transaction.objects.filter(recent, charge_point=station).order_by("-started_at")
    starts_wh = dict(sessions.values_list("pk", "meter_start_wh")[:MAX_SESSIONS])
    rows = MeterValue.objects.filter(transaction__in=list(starts_wh), timestamp__gt=since).order_by("-timestamp")
    found: dict[int, list[Reading]] = defaultdict(list)
    columns = ("connector_id", "transaction_id", "timestamp", "power_w", "energy_wh")
    for connector, session, at, power_w, energy_wh in rows.values_list(*columns)[:MAX_READINGS]:
        found[connector].append((at, None if power_w is None else float(power_w), energy_wh, starts_wh[session]))
    return [(connector, found[connector.pk][::-1]) for connector in connectors]


def _powers(readings: Sequence[Reading]) -> dict[datetime, float]:
    """kW by moment: as sent, or what the register made of the time since the reading before where no power is sent.

    Never both: many stations leave power out of a session's first and last reading, and what a register makes of the
    seconds around them is a spike.
    """
    if any(power_w is not None for _at, power_w, *_register in readings):
        return {at: power_w / 1000 for at, power_w, *_register in readings if power_w is not None}
    powers: dict[datetime, float] = {}
    last: dict[bool, tuple[datetime, int]] = {}  # of each register: some stations have two (`energy.step_to`)
    for at, _power_w, energy_wh, meter_start_wh in readings:
        if energy_wh is None:
            continue
        is_of_session = energy_wh < meter_start_wh
        before = last.get(is_of_session)
        derived = None if before is None else _between(before, (at, energy_wh))
        if derived is not None:
            powers[at] = derived / 1000
        if before is None or at - before[0] >= SHORTEST_STEP:
            last[is_of_session] = at, energy_wh
    return powers


def _between(before: tuple[datetime, int], after: tuple[datetime, int]) -> float | None:
    step, delivered_wh = after[0] - before[0], after[1] - before[1]
    if not SHORTEST_STEP <= step <= LONGEST_STEP or delivered_wh < 0:
        return None
    return delivered_wh * 3600 / step.total_seconds()
