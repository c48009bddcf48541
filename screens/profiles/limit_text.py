"""A charging profile in one line: "max 16 A, Mon–Fri 07:00–17:00, else max 32 A"."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from charging_profiles.models import ChargingProfile
from stations.moments import local_text

from .amounts import amount, at_most, span
from .shapes import DAY_S, Limit, Shape, shape_of, shape_of_payload

#: Times that a line names; what needs more is told by its range.
MAX_TIMES = 2
_EVERY_DAY = frozenset(range(7))


class Piece(NamedTuple):
    """From `begin` to `end`, seconds within the cycle; one that reaches over its end goes on beyond it."""

    begin: int
    end: int


def limit_text(profile: ChargingProfile) -> str:
    return text_of(shape_of(profile))


def payload_text(payload: Mapping[str, Any]) -> str:
    """Of csChargingProfiles as it was sent."""
    return text_of(shape_of_payload(payload))


def text_of(shape: Shape) -> str:
    if not shape.limits:
        return _("no limit")
    if shape.cycle_s is not None:
        return _repeated(shape, shape.cycle_s)
    said = _first_and_then(shape) if shape.rhythm == "session" else _range(shape)
    words = [said]
    if shape.begins is not None and shape.rhythm == "once":
        words.append(_("from %(moment)s") % {"moment": local_text(shape.begins)})
    if shape.duration_s is not None:
        words.append(_("for %(hours)s h") % {"hours": span(shape.duration_s)})
    return " ".join(words)


def _range(shape: Shape) -> str:
    """The lowest and the highest limit, and in how many steps."""
    lowest, highest = min(row.limit for row in shape.limits), max(row.limit for row in shape.limits)
    if lowest == highest:
        return at_most(lowest, shape.unit)
    steps = ngettext("%(count)d step", "%(count)d steps", len(shape.limits)) % {"count": len(shape.limits)}
    return f"{amount(lowest, shape.unit)} – {amount(highest, shape.unit)} ({steps})"


def _first_and_then(shape: Shape) -> str:
    if len(shape.limits) != 2:
        return _range(shape)
    first, then = shape.limits
    said = {"first": at_most(first.limit, shape.unit), "hours": span(then.start)}
    return _("%(first)s for %(hours)s h, then %(then)s") % {**said, "then": at_most(then.limit, shape.unit)}


def _repeated(shape: Shape, cycle_s: int) -> str:
    """The lowest limit with its times, and what holds else, as long as two limits and two times say it all."""
    lasts_s = min(shape.duration_s or cycle_s, cycle_s)
    by_limit = _pieces(shape.limits, shape.offset_s, lasts_s, cycle_s)
    lowest, *others = sorted(by_limit)
    is_whole = lasts_s == cycle_s
    if not others and is_whole:
        return at_most(lowest, shape.unit)
    times = _times(by_limit[lowest], cycle_s)
    if len(others) > 1 or len(times) > MAX_TIMES or (others and not is_whole):
        often = _("every day") if cycle_s == DAY_S else _("every week")
        return f"{_range(shape)}, {often}"
    text = f"{at_most(lowest, shape.unit)}, {', '.join(times)}"
    if not others:
        return text
    return _("%(text)s, else %(limit)s") % {"text": text, "limit": at_most(others[0], shape.unit)}


def _pieces(limits: tuple[Limit, ...], offset_s: int, lasts_s: int, cycle_s: int) -> dict[Any, list[Piece]]:
    """Limit → when it holds; neighbours of one limit are one piece, also over the end of the cycle."""
    ends = [*(row.start for row in limits[1:]), lasts_s]
    rows = [(row.limit, row.start, min(end, lasts_s)) for row, end in zip(limits, ends, strict=True)]
    joined: list[tuple[Any, int, int]] = []
    for limit, begin, end in (row for row in rows if row[1] < row[2]):
        if joined and joined[-1][0] == limit:
            joined[-1] = (limit, joined[-1][1], end)
        else:
            joined.append((limit, begin, end))
    if len(joined) > 1 and joined[0][0] == joined[-1][0] and lasts_s == cycle_s:
        limit, begin, _end = joined.pop()
        joined[0] = (limit, begin - cycle_s, joined[0][2])
    found: dict[Any, list[Piece]] = defaultdict(list)
    for limit, begin, end in joined:
        start = (begin + offset_s) % cycle_s
        found[limit].append(Piece(start, start + end - begin))
    return found


def _times(pieces: Iterable[Piece], cycle_s: int) -> list[str]:
    """`07:00–17:00` for each piece of a day; in a week with the days that have it, or from one day to another."""
    if cycle_s == DAY_S:
        return [f"{_clock(piece.begin)}–{_clock(piece.end)}" for piece in sorted(pieces)]
    long = [
        piece for piece in pieces if piece.end - piece.begin >= DAY_S and (piece.begin % DAY_S or piece.end % DAY_S)
    ]
    days: dict[tuple[int, int], set[int]] = defaultdict(set)
    for begin, end in (part for piece in pieces if piece not in long for part in _by_day(piece)):
        day = begin // DAY_S
        days[begin - day * DAY_S, end - day * DAY_S].add(day % 7)
    short = [_on_days(frozenset(on), hours) for hours, on in sorted(days.items(), key=lambda item: min(item[1]))]
    return [f"{_day_and_clock(piece.begin)} – {_day_and_clock(piece.end)}" for piece in long] + short


def _by_day(piece: Piece) -> Iterable[Piece]:
    """A piece of at most a day stays one, also over midnight; several whole days are cut at each midnight."""
    begin, end = piece
    while end - begin > DAY_S:
        yield Piece(begin, begin + DAY_S)
        begin += DAY_S
    yield Piece(begin, end)


def _on_days(days: frozenset[int], hours: tuple[int, int]) -> str:
    begin, end = hours
    time = "" if end - begin == DAY_S else f"{_clock(begin)}–{_clock(end)}"
    return " ".join(filter(None, ("" if days == _EVERY_DAY else _days_text(days), time))) or _("every day")


def _days_text(days: frozenset[int]) -> str:
    """`Mon–Fri`, `Mon, Wed`: three days or more in a row are joined."""
    runs: list[list[int]] = []
    for day in sorted(days):
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    words = (
        [f"{WEEKDAYS_ABBR[run[0]]}–{WEEKDAYS_ABBR[run[-1]]}"] if len(run) > 2 else [str(WEEKDAYS_ABBR[d]) for d in run]
        for run in runs
    )
    return ", ".join(word for group in words for word in group)


def _day_and_clock(seconds: int) -> str:
    return f"{WEEKDAYS_ABBR[seconds // DAY_S % 7]} {seconds // 3600 % 24:02}:{seconds // 60 % 60:02}"


def _clock(seconds: int) -> str:
    within = seconds % DAY_S
    if within == 0 and seconds:
        return "24:00"
    return f"{within // 3600:02}:{within // 60 % 60:02}"
