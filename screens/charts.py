"""Charts: what static/js/chart.js draws, and the same in words and as a table for those who do not see it.

    chart = Chart("power", "step", moments, [Series(_("Power"), "kW", watts, places=1)])
    {% include "screens/parts/chart.html" with chart=chart %}

Its page includes "screens/parts/chart_scripts.html" in its block `scripts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from django.utils.translation import gettext as _

from stations.moments import local_text

from .periods import zone_name
from .templatetags.screens import NOTHING, number

Amount = int | float | Decimal | None


@dataclass(frozen=True)
class Series:
    """One line, or one colour of bars: an amount for each x, None where there is none.

    `color` is a token of tokens.css, the next free one if empty. Series with the same `scale` (if empty: the same unit)
    share an axis; more than two scales get a button each. `spans` joins the neighbours of a missing amount. `places` is
    how many decimals are shown.
    """

    label: str
    unit: str
    values: Sequence[Amount]
    color: str = ""
    scale: str = ""
    spans: bool = False
    places: int = 2

    def plotted(self) -> dict[str, Any]:
        values = [None if value is None else float(value) for value in self.values]
        look = {"color": self.color, "scale": self.scale or self.unit, "spans": self.spans, "places": self.places}
        return {"label": self.label, "unit": self.unit, "values": values, **look}

    def shown(self, value: Amount) -> str:
        return NOTHING if value is None else f"{number(value, self.places)} {self.unit}".strip()


@dataclass(frozen=True)
class Chart:
    """Amounts over time or for each of some labels; `name` is unique in its page.

    `x` are moments in ascending order, or labels (for bars); `about` says what they are, such as _("Person"). Several
    series of bars are always piled up, lines if `stacked`.
    """

    name: str
    kind: Literal["line", "step", "bar"]
    x: Sequence[datetime | str]
    series: Sequence[Series]
    stacked: bool = False
    about: str = ""

    def __bool__(self) -> bool:
        return any(value is not None for series in self.series for value in series.values)

    @property
    def label(self) -> str:
        """What `x` is."""
        return self.about or (_("Name") if self.kind == "bar" else _("Time"))

    @property
    def data(self) -> dict[str, Any]:
        """What chart.js reads; the zone is the reader's."""
        x = [at.timestamp() if isinstance(at, datetime) else str(at) for at in self.x]
        series = [series.plotted() for series in self.series]
        look = {"stacked": self.stacked, "zone": zone_name()}
        return {"kind": self.kind, "x": x, "label": self.label, "series": series, **look}

    @property
    def summary(self) -> str:
        """Each series in a sentence: what its highest amount is, and where."""
        return " ".join(self._peak(series) for series in self.series)

    def _peak(self, series: Series) -> str:
        known = [(value, at) for value, at in zip(series.values, self.x, strict=True) if value is not None]
        if not known:
            return _("%(series)s: no values.") % {"series": series.label}
        highest, at = max(known, key=lambda pair: pair[0])
        said = {"series": series.label, "amount": series.shown(highest), "place": self._place(at)}
        return _("%(series)s: at most %(amount)s (%(place)s).") % said

    def rows(self) -> Iterator[tuple[str, list[str]]]:
        """The table: each x as text with its amounts."""
        for position, at in enumerate(self.x):
            yield self._place(at), [series.shown(series.values[position]) for series in self.series]

    @staticmethod
    def _place(at: datetime | str) -> str:
        return local_text(at) if isinstance(at, datetime) else at
