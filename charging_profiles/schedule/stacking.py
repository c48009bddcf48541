"""What the profiles of a station come to together (OCPP 1.6 §3.13.2, §3.13.3, §5.7).

In each stretch of time one profile of each purpose counts: the valid one of the highest level that says something. Of
the purposes the lowest limit counts. Rates are compared as fractions, never as floats; what comes out is cut to a
tenth, so that it is never above what was allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from .model import DEFAULT_PHASES, Limit, Period, Profile, Unit
from .timeline import changes, limit_at, seconds


@dataclass(frozen=True, slots=True)
class _Line:
    """The unit in which limits are compared, and the wires by which they are converted."""

    unit: Unit
    voltage: Fraction
    phases: int

    def rate(self, limit: Limit) -> Fraction:
        """A limit in this unit. One for more phases than there are holds unchanged for each of those (§3.13)."""
        rate = Fraction(limit.rate)
        amperes = rate if limit.unit == "A" else rate / (self.voltage * limit.phases)
        return amperes if self.unit == "A" else amperes * self.voltage * min(limit.phases, self.phases)

    def lowest(self, limits: Iterable[Limit | None]) -> Limit | None:
        """The one that allows least; of equal ones that with the fewest phases. None is no limit."""
        return min(
            (limit for limit in limits if limit is not None),
            key=lambda limit: (self.rate(limit), limit.phases, limit.unit),
            default=None,
        )

    def period(self, start: int, limit: Limit | None) -> Period:
        if limit is None:
            return Period(start, None, DEFAULT_PHASES)
        rate = self.rate(limit)
        return Period(start, Decimal(rate.numerator * 10 // rate.denominator).scaleb(-1), limit.phases)


def composite(
    profiles: Iterable[Profile],
    *,
    connector_id: int,
    begin: datetime,
    duration_s: int,
    unit: Unit,
    transaction: tuple[int, datetime] | None = None,
    voltage: float = 230.0,
    phases: int = 3,
    hardware_limit: Limit | None = None,
) -> list[Period]:
    """The limit of a connector from `begin` on, for `duration_s` seconds: what GetCompositeSchedule should say.

    The first period starts at 0 and the last one lasts until the end; equal neighbours are one. None as a limit:
    nothing limits. `transaction` is the running session's number and start; without one, relative schedules are taken
    to begin now. Connector 0 has the whole charger's cap alone: how the charger shares it is not known, see `total`.
    A TxProfile takes the place of the default as long as it says something, the connector's default that of all
    connectors. Of two at the same place and level, which no station should hold, the lower counts.
    """
    line = _Line(unit, Fraction(str(voltage)), phases)
    start = seconds(begin)
    session_start = start if transaction is None else seconds(transaction[1])
    stacks = _stacks(profiles, connector_id, None if transaction is None else transaction[0])

    def limit(at: int) -> Limit | None:
        cap, *of_session = (_prevailing(line, stack, at, session_start) for stack in stacks)
        return line.lowest([cap, next((one for one in of_session if one is not None), None), hardware_limit])

    used = [profile for stack in stacks for profile in stack]
    return _walk(line, used, start, duration_s, session_start, limit)


def steps(
    profile: Profile,
    *,
    begin: datetime,
    duration_s: int,
    unit: Unit,
    session_start: datetime | None = None,
    voltage: float = 230.0,
    phases: int = 3,
) -> list[Period]:
    """What one profile says by itself, as one layer of a drawing; None where it says nothing."""
    line, start = _Line(unit, Fraction(str(voltage)), phases), seconds(begin)
    since = start if session_start is None else seconds(session_start)
    return _walk(line, [profile], start, duration_s, since, lambda at: limit_at(profile, at, since))


def total(parts: Sequence[Sequence[Period]], cap: Sequence[Period]) -> list[Period]:
    """The sum of several connectors' limits, and never more than the cap: the most that a whole charger may draw.

    All in one unit and over one window. Where a connector has no limit there is none but the cap.
    """
    starts = sorted({period.start for periods in (*parts, cap) for period in periods})
    return merged([_sum_at(parts, cap, start) for start in starts])


def at_second(periods: Sequence[Period], second: int) -> Period:
    """The period that counts `second` seconds after the beginning; `periods` begin at 0."""
    return next(period for period in reversed(periods) if period.start <= second)


def merged(periods: Iterable[Period]) -> list[Period]:
    """Periods without those that say the same as the one before them."""
    kept: list[Period] = []
    for period in periods:
        if not kept or (kept[-1].limit, kept[-1].phases) != (period.limit, period.phases):
            kept.append(period)
    return kept


def _stacks(profiles: Iterable[Profile], connector_id: int, transaction_id: int | None) -> list[list[Profile]]:
    """The cap's stack, then those that a session follows, the one that overrules the others first."""
    known = list(profiles)

    def of(purpose: str, place: int) -> list[Profile]:
        return [one for one in known if one.purpose == purpose and one.connector_id == place]

    cap = of("ChargePointMaxProfile", 0)
    if connector_id == 0:
        return [cap]
    own = [one for one in of("TxProfile", connector_id) if one.transaction_id in (None, transaction_id)]
    return [
        cap,
        own if transaction_id is not None else [],
        of("TxDefaultProfile", connector_id),
        of("TxDefaultProfile", 0),
    ]


def _prevailing(line: _Line, stack: list[Profile], at: int, session_start: int) -> Limit | None:
    said = [
        (profile.stack_level, limit) for profile in stack if (limit := limit_at(profile, at, session_start)) is not None
    ]
    top = max((level for level, _limit in said), default=0)
    return line.lowest(limit for level, limit in said if level == top)


def _walk(
    line: _Line,
    profiles: Iterable[Profile],
    start: int,
    duration_s: int,
    session_start: int,
    limit: Callable[[int], Limit | None],
) -> list[Period]:
    cuts = {start}.union(*(changes(profile, start, start + duration_s, session_start) for profile in profiles))
    return merged(line.period(at - start, limit(at)) for at in sorted(cuts))


def _sum_at(parts: Sequence[Sequence[Period]], cap: Sequence[Period], start: int) -> Period:
    top, drawn = at_second(cap, start), [at_second(part, start) for part in parts]
    limits = [period.limit for period in drawn if period.limit is not None]
    if len(limits) < len(drawn) or not drawn:
        return Period(start, top.limit, top.phases)
    together = sum(limits, Decimal(0))
    if top.limit is not None and top.limit <= together:
        return Period(start, top.limit, top.phases)
    return Period(start, together, max(period.phases for period in drawn))
