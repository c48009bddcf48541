"""Moments of the OCPP log, whose milliseconds matter."""

from __future__ import annotations

from datetime import UTC, datetime

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from stations.moments import local_text

register = template.Library()


@register.simple_tag
def milliseconds(at: datetime) -> SafeString:
    """A moment to the millisecond, in the reader's zone and way, with UTC at hand."""
    utc, fraction = at.astimezone(UTC), f"{at.microsecond // 1000:03}"
    title = f"{utc:%Y-%m-%d %H:%M:%S}.{fraction} UTC"
    text = f"{local_text(at, seconds=True)}.{fraction}"
    return format_html('<time datetime="{}" title="{}">{}</time>', f"{utc:%Y-%m-%dT%H:%M:%S}.{fraction}Z", title, text)
