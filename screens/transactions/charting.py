"""A session's readings as a chart: power, energy, current, state of charge, a button for each."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from transactions.readings import Point

from ..charts import Chart, Series


def session_chart(points: Sequence[Point]) -> Chart:
    """What the charger has sent of it; empty where it sent nothing."""
    phases: list[tuple[str, list[float | None]]] = [
        ("L1", [point.current_l1_a for point in points]),
        ("L2", [point.current_l2_a for point in points]),
        ("L3", [point.current_l3_a for point in points]),
    ]
    has_phases = any(value is not None for _phase, values in phases for value in values)
    currents = phases if has_phases else [(_("Current"), [point.current_a for point in points])]
    power = [_thousandth(point.power_w) for point in points]
    energy = [_thousandth(point.energy_wh) for point in points]
    charge = [point.soc_percent for point in points]
    # readings of different contexts lack what the others have: the lines go on all the same
    series = [
        Series(_("Power"), "kW", power, "--st-charging", spans=True, places=1),
        Series(_("Energy"), "kWh", energy, "--st-available", spans=True),
        *(
            Series(label, "A", values, color, spans=True, places=1)
            for (label, values), color in zip(currents, _CURRENT_COLORS, strict=False)
        ),
        Series(_("State of charge"), "%", charge, "--st-reserved", spans=True, places=0),
    ]
    known = [one for one in series if any(value is not None for value in one.values)]
    return Chart("readings", "line", [point.at for point in points], known)


_CURRENT_COLORS = ("--st-suspendedevse", "--st-preparing", "--st-suspendedev")


def _thousandth(value: float | None) -> float | None:
    return None if value is None else value / 1000
