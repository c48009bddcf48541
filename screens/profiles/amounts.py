"""Limits and lengths of time in words, as everything about charging profiles shows them."""

from __future__ import annotations

from decimal import Decimal

from django.utils.translation import gettext as _

from ..templatetags.screens import number

#: No grid has it: a station's nonsense is shown as it is, but not in three hundred digits.
BEYOND_REASON = Decimal(10) ** 12
#: From here on watts are told as kilowatts.
A_KILOWATT = 1000


def amount(limit: Decimal | None, unit: str) -> str:
    """A limit with its unit: `16 A`, `11.04 kW`; no limit at all is said so."""
    if limit is None:
        return _("no limit")
    if unit == "W" and limit >= A_KILOWATT:
        return f"{_short(limit / A_KILOWATT)} kW"
    return f"{_short(limit)} {unit}"


def at_most(limit: Decimal | None, unit: str) -> str:
    """A limit as what it means: `max 16 A`, `no charging`."""
    if limit is None:
        return _("no limit")
    if limit == 0:
        return _("no charging")
    return _("max %(limit)s") % {"limit": amount(limit, unit)}


def span(seconds: int) -> str:
    """A length of time as it is entered too: `26:30`, with seconds where there are some."""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes // 60}:{minutes % 60:02}" + (f":{rest:02}" if rest else "")


def _short(value: Decimal) -> str:
    if value >= BEYOND_REASON:
        return f"{value:.1e}"
    rounded = value.quantize(Decimal("0.01")).normalize()
    exponent = rounded.as_tuple().exponent
    return number(rounded, -exponent if isinstance(exponent, int) and exponent < 0 else 0)
