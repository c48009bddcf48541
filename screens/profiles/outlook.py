"""What we believe limits a connector over the next 24 hours, and what the charger itself says to that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from charging_profiles import belief, comparison
from charging_profiles.models import Assignment, CompositeReading
from charging_profiles.schedule import Unit, steps
from stations.models import ChargePoint
from stations.moments import local_text
from transactions.models import Transaction

from .drawing import Drawing, Layer, Step, steps_of

LENGTH_S = 24 * 3600
#: Lines that can be told apart.
MAX_LAYERS = 6
#: The picture begins at such a moment, so that it does not creep.
_BEGINS_AT = timedelta(minutes=5)
_TICKS_S = 6 * 3600


def outlook(
    station: ChargePoint, connector_id: int, held: Sequence[Assignment], reading: CompositeReading | None
) -> Drawing:
    """Each profile that concerns the connector (0: the whole charger), the limit they come to, and the reading.

    `held` is what `belief.active` gives for now. In the reading's unit, else in that of the profiles.
    """
    now = timezone.now()
    begin = now - (now - datetime.min.replace(tzinfo=now.tzinfo)) % _BEGINS_AT
    own = [row for row in held if row.connector_id in (0, connector_id)][:MAX_LAYERS]
    unit = _unit(own, reading)
    result = belief.expected(station, connector_id, at=now, begin=begin, duration_s=LENGTH_S, unit=unit)
    layers = [Layer(_("What we expect"), steps_of(result, LENGTH_S), "result")]
    running = _running_since(station, connector_id)
    layers += [_layer(row, number, begin, unit, running) for number, row in enumerate(own, 1)]
    marks: list[tuple[int, int]] = []
    if reading is not None:
        layers.append(Layer(_("What the charger says"), _reported(reading, begin), "reported"))
        marks = [_span(one.begin, one.end, begin) for one in comparison.differences(reading)]

    def place(second: int) -> str:
        return local_text(begin + timedelta(seconds=second))

    ticks = [(second, f"{timezone.localtime(begin + timedelta(seconds=second)):%H:%M}") for second in _ticks(begin)]
    return Drawing("outlook", unit, LENGTH_S, layers, place, ticks, [mark for mark in marks if mark[1] > 0])


def newest_reading(station: ChargePoint, connector_id: int) -> CompositeReading | None:
    """What the charger last said of the time to come, as long as that has not passed."""
    reading = station.composite_schedules.filter(connector_id=connector_id).first()
    if reading is None or reading.starts_at + timedelta(seconds=comparison.window_s(reading)) <= timezone.now():
        return None
    return reading


def title_of(assignment: Assignment) -> str:
    """What the profile is called, or its number on the wire for one that the library does not know."""
    if assignment.profile is not None:
        return str(assignment.profile)
    return _("Profile %(number)s") % {"number": assignment.charging_profile_id}


def _unit(held: Sequence[Assignment], reading: CompositeReading | None) -> Unit:
    told = reading.unit if reading is not None else ""
    units = [told] if told else [row.payload["chargingSchedule"]["chargingRateUnit"] for row in held]
    return "W" if units and units[0] == "W" else "A"


def _layer(row: Assignment, number: int, begin: datetime, unit: Unit, running: datetime | None) -> Layer:
    since = row.transaction.started_at if row.transaction is not None else running
    told = belief.profile_of(row)
    periods = steps(told, begin=begin, duration_s=LENGTH_S, unit=unit, session_start=since)
    label = _("%(profile)s (level %(level)s)") % {"profile": title_of(row)[:60], "level": row.stack_level}
    return Layer(label, steps_of(periods, LENGTH_S), "layer", number)


def _running_since(station: ChargePoint, connector_id: int) -> datetime | None:
    running = Transaction.objects.running().filter(charge_point=station, connector__connector_id=connector_id)
    return running.order_by("-pk").values_list("started_at", flat=True).first()


def _reported(reading: CompositeReading, begin: datetime) -> list[Step]:
    """The part of the reading that the picture shows."""
    shift = int((reading.starts_at - begin).total_seconds())
    told = steps_of(comparison.reported(reading), comparison.window_s(reading))
    moved = (Step(max(0, step.begin + shift), min(LENGTH_S, step.end + shift), step.limit) for step in told)
    return [step for step in moved if step.begin < step.end]


def _span(begin: datetime, end: datetime, since: datetime) -> tuple[int, int]:
    return int((begin - since).total_seconds()), int((end - since).total_seconds())


def _ticks(begin: datetime) -> range:
    """Every six hours by the reader's clock."""
    local = timezone.localtime(begin)
    return range(-(local.hour * 3600 + local.minute * 60) % _TICKS_S, LENGTH_S + 1, _TICKS_S)
