"""Limits over time as steps: an SVG that needs no script, and the same as a table.

Across, everything is a percentage of the width, so the drawing is as wide as there is room while its words keep their
size. Numbers are text here, for a template would write them in the reader's language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import Literal, NamedTuple

from django.utils.translation import gettext as _

from charging_profiles.schedule import Period

from .amounts import amount

HEIGHT = 180
#: Room above the highest line, and for the words below the lowest.
TOP, BOTTOM = 10, 24
#: Steps told in the sentence that stands for the picture.
TOLD = 4

Look = Literal["result", "reported", "layer"]


class Step(NamedTuple):
    """From `begin` to `end` (seconds); `limit` None: no limit."""

    begin: int
    end: int
    limit: Decimal | None


def steps_of(periods: Sequence[Period], length_s: int) -> list[Step]:
    """Periods of one schedule with their ends; what differs in phases only is one step."""
    ends = [*(period.start for period in periods[1:]), length_s]
    found: list[Step] = []
    for period, end in zip(periods, ends, strict=True):
        if found and found[-1].limit == period.limit:
            found[-1] = found[-1]._replace(end=end)
        else:
            found.append(Step(period.start, end, period.limit))
    return found


@dataclass(frozen=True)
class Layer:
    """A line. `number` tells layers apart by colour."""

    label: str
    steps: Sequence[Step]
    look: Look = "layer"
    number: int = 0


class Tick(NamedTuple):
    """A mark on an axis: where, and what it says; `end` is how its words lie there."""

    at: str
    label: str
    side: str = "middle"


class Bar(NamedTuple):
    """A piece of a line, or the area below it."""

    x: str
    end: str
    width: str
    y: str
    height: str


class Rise(NamedTuple):
    """Where a line goes up or down."""

    x: str
    top: str
    bottom: str


@dataclass(frozen=True)
class Drawn:
    layer: Layer
    bars: list[Bar]
    rises: list[Rise]


@dataclass(frozen=True)
class Drawing:
    """`place` says a second in words, `ticks` are (second, words). Every layer is in `unit` and reaches to `length_s`.

    `marks` are stretches that want attention: (begin, end).
    """

    name: str
    unit: str
    length_s: int
    layers: Sequence[Layer]
    place: Callable[[int], str]
    ticks: Sequence[tuple[int, str]]
    marks: Sequence[tuple[int, int]] = field(default_factory=list)

    height = HEIGHT + TOP + BOTTOM
    floor = HEIGHT + TOP
    words_at = HEIGHT + TOP + BOTTOM - 6

    def __bool__(self) -> bool:
        return bool(self._limits())

    def _limits(self) -> list[Decimal]:
        return [step.limit for layer in self.layers for step in layer.steps if step.limit is not None]

    @property
    def top_limit(self) -> Decimal:
        """What the highest mark stands for: a number that divides well, above all limits."""
        highest = max([*self._limits(), Decimal(1)])
        scale = Decimal(10) ** (highest.adjusted())
        steps = (Decimal(step) for step in ("1", "1.6", "2", "3.2", "4", "6", "8", "10", "20"))
        return next(step * scale for step in steps if step * scale >= highest)

    def scale(self) -> list[Tick]:
        """The marks of the limits, from nothing to the highest."""
        quarters = [self.top_limit * quarter / 4 for quarter in range(5)]
        return [Tick(str(self._y(limit)), amount(limit, self.unit)) for limit in quarters]

    def times(self) -> Iterator[Tick]:
        for second, label in self.ticks:
            side = "start" if second == 0 else "end" if second >= self.length_s else "middle"
            yield Tick(self._x(second), label, side)

    def bands(self) -> list[Bar]:
        return [self._bar(Step(max(0, begin), min(end, self.length_s), None)) for begin, end in self.marks]

    def lines(self) -> list[Drawn]:
        """Layers below, the result above them."""
        return [Drawn(layer, self._bars(layer), self._rises(layer)) for layer in self._in_order()]

    def _in_order(self) -> list[Layer]:
        return sorted(self.layers, key=lambda layer: ("layer", "result", "reported").index(layer.look))

    def _bars(self, layer: Layer) -> list[Bar]:
        return [self._bar(step) for step in layer.steps if step.limit is not None]

    def _rises(self, layer: Layer) -> list[Rise]:
        found = []
        for before, after in pairwise(layer.steps):
            if before.end != after.begin or before.limit is None or after.limit is None or before.limit == after.limit:
                continue
            ends = sorted((self._y(before.limit), self._y(after.limit)))
            found.append(Rise(self._x(after.begin), str(ends[0]), str(ends[1])))
        return found

    def _bar(self, step: Step) -> Bar:
        y = TOP if step.limit is None else self._y(step.limit)
        width = self._percent(step.end - step.begin)
        return Bar(self._x(step.begin), self._x(step.end), width, str(y), str(self.floor - y))

    def _x(self, second: int) -> str:
        return self._percent(second)

    def _percent(self, seconds: int) -> str:
        return f"{min(max(seconds / self.length_s, 0), 1) * 100:.3f}%"

    def _y(self, limit: Decimal) -> float:
        return round(TOP + HEIGHT * (1 - float(limit / self.top_limit)), 1)

    @property
    def summary(self) -> str:
        """What the picture shows, in a sentence."""
        main = next((layer for layer in self.layers if layer.look == "result"), self.layers[0])
        told = [
            _("%(limit)s from %(begin)s to %(end)s")
            % {"limit": amount(step.limit, self.unit), "begin": self.place(step.begin), "end": self.place(step.end)}
            for step in main.steps[:TOLD]
        ]
        rest = len(main.steps) - TOLD
        more = [_("and %(count)d more") % {"count": rest}] if rest > 0 else []
        return f"{main.label}: {', '.join(told + more)}."

    def rows(self) -> Iterator[tuple[str, str, list[str], bool]]:
        """The table: from, until, what each layer says then, and whether it wants attention."""
        cuts = sorted({second for layer in self.layers for step in layer.steps for second in (step.begin, step.end)})
        for begin, end in pairwise(cuts):
            is_marked = any(first <= begin < last for first, last in self.marks)
            said = [amount(limit, self.unit) for limit in (_limit_at(layer, begin) for layer in self.layers)]
            yield self.place(begin), self.place(end), said, is_marked


def _limit_at(layer: Layer, second: int) -> Decimal | None:
    return next((step.limit for step in layer.steps if step.begin <= second < step.end), None)
