"""How values look on screen, in the reader's language and zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django import template
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.templatetags.static import static
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from stations.moments import local_text

from ..statuses import STATUSES, UNKNOWN, shown_status

register = template.Library()

NOTHING = "–"
#: What templates hand over for a value that is not there, also one of something that is not there itself.
_ABSENT = (None, "")


@register.simple_tag
def icon(name: str) -> SafeString:
    """A picture beside a word; for screen readers it is not there."""
    sprite = static("img/icons.svg")
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', sprite, name)


def _number(value: Any, places: int) -> str:
    # number_format cuts off what live.js rounds
    rounded = Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return number_format(rounded, decimal_pos=places, use_l10n=True, force_grouping=True)


@register.filter
def number(value: Any, places: int = 0) -> str:
    return NOTHING if value in _ABSENT else _number(value, places)


@register.filter
def kwh(wh: Any) -> str:
    """Watt hours as kWh with two places, without the unit."""
    return NOTHING if wh in _ABSENT else _number(Decimal(wh) / 1000, 2)


@register.filter
def kw(w: Any) -> str:
    """Watts as kW with one place, without the unit."""
    return NOTHING if w in _ABSENT else _number(Decimal(w) / 1000, 1)


@register.filter
def duration(delta: timedelta | None) -> str:
    """Hours and minutes, `2:41`; days stay hours, so that columns can be compared."""
    if delta is None:
        return NOTHING
    minutes = max(0, int(delta.total_seconds())) // 60
    return f"{minutes // 60}:{minutes % 60:02}"


def _time(at: datetime, text: str) -> SafeString:
    utc = at.astimezone(UTC)
    title = f"{utc:%Y-%m-%d %H:%M:%S} UTC"
    return format_html('<time datetime="{}" title="{}">{}</time>', f"{utc:%Y-%m-%dT%H:%M:%SZ}", title, text)


@register.simple_tag
def moment(at: datetime | None, seconds: bool = False) -> SafeString | str:
    """A moment in the reader's zone and way, with UTC at hand."""
    return NOTHING if at is None else _time(at, local_text(at, seconds=seconds))


@register.simple_tag
def ago(at: datetime | None) -> SafeString | str:
    """How long something is ago: `3 minutes ago`, the moment itself at hand."""
    if at is None:
        return NOTHING
    is_now = timezone.now() - at < timedelta(minutes=1)
    text = _("just now") if is_now else str(naturaltime(at))
    return format_html('<span title="{}">{}</span>', local_text(at, seconds=True), _time(at, text))


@register.simple_tag
def status(code: str, live: str = "") -> SafeString:
    """A state as icon, word and colour; `live` names what live.js keeps up to date, `connector:17`."""
    word, picture = STATUSES.get(code) or (code, STATUSES[UNKNOWN][1])
    mark = format_html(' data-state="{}"', live) if live else ""
    text = '<span class="state" data-status="{}"{}>{}<span class="word">{}</span></span>'
    return format_html(text, code, mark, icon(picture), word)


@register.simple_tag
def connector_status(connector: Any, is_online: bool) -> SafeString:
    return status(shown_status(connector, is_online=is_online), f"connector:{connector.pk}")


@register.simple_tag
def value(shown: Any, live: str, form: str) -> SafeString:
    """A number that live.js keeps up to date: `{% value w|kw "connector:17:power_w" "kw" %}`."""
    return format_html('<span class="num" data-value="{}" data-format="{}">{}</span>', live, form, shown)


@register.simple_tag
def badge(kind: str, label: Any) -> SafeString:
    """A small mark: kinds are good, warn, bad, busy, quiet."""
    return format_html('<span class="badge {}">{}</span>', kind, label)


@register.filter
def status_word(code: str) -> Any:
    return STATUSES[code][0] if code in STATUSES else code


@register.simple_tag(takes_context=True)
def query(context: Any, **changes: Any) -> str:
    """The page's own query with some values changed; an empty value goes away, and so does the page number."""
    values = context["request"].GET.copy()
    values.pop("page", None)
    for name, changed in changes.items():
        values.pop(name, None)
        if changed not in (None, ""):
            values[name] = changed
    return f"?{values.urlencode()}"


@register.simple_tag(takes_context=True)
def sort_link(context: Any, name: str, label: Any) -> SafeString:
    """A column's heading that sorts by it, and the other way on the second press."""
    current = context.get("sort", "")
    is_sorted = current.removeprefix("-") == name
    target = f"-{name}" if current == name else name
    arrow = ("↓" if current.startswith("-") else "↑") if is_sorted else ""
    url = query(context, sort=target)
    attributes = format_html('href="{0}" hx-get="{0}" hx-target="#list" hx-push-url="true"', url)
    return format_html('<a class="sort" {}>{} <span aria-hidden="true">{}</span></a>', attributes, label, arrow)


@register.simple_tag(takes_context=True)
def may(context: Any, permission: str, charge_point: Any = None) -> bool:
    """Whether the reader may do something: at a charger, or somewhere if none is named."""
    access = context["request"].access
    return bool(access.somewhere(permission) if charge_point is None else access.on(permission, charge_point))


@register.filter
def cut(text: Any, length: int) -> SafeString | str:
    """What a station or a person wrote, no longer than `length`; the rest of it at hand, its direction its own."""
    words = str(text or "")
    if len(words) <= length:
        return format_html("<bdi>{}</bdi>", words)
    return format_html('<bdi title="{}">{}…</bdi>', words[:1000], words[:length])


def masked_number(number: str) -> str:
    """A tag's number for those who only look: enough to tell two apart, too little to copy the card."""
    return number if len(number) < 7 else f"{number[:4]}…{number[-2:]}"


@register.simple_tag(takes_context=True)
def idtag(context: Any, number: str) -> SafeString:
    """A tag's number: in full for those who keep tags, masked for those who look, and its holder's own in full."""
    access = context["request"].access
    shown = number if access.somewhere("transactions.change_idtag") else masked_number(number)
    return format_html('<bdi class="mono">{}</bdi>', shown)


@register.filter
def since(at: datetime | None) -> timedelta | None:
    """How long ago a moment is."""
    return None if at is None else timezone.now() - at
