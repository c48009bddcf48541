"""Lengths of time as people type them: `8`, `8:30`, `26:00`."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from .amounts import span

_HOURS = re.compile(r"^(\d{1,4})(?::([0-5]\d)(?::([0-5]\d))?)?$")


class HoursField(forms.Field):
    """Hours and minutes, as seconds; empty is None."""

    default_error_messages = {"hours": _("Write hours and minutes, such as 8:30.")}

    def __init__(self, **options: Any) -> None:
        look = {"placeholder": _("h:mm"), "autocomplete": "off", "size": 6, "maxlength": 10}
        super().__init__(**{"widget": forms.TextInput(look), **options})

    def to_python(self, value: Any) -> Any:
        text = str(value or "").strip()
        if not text:
            return None
        if (found := _HOURS.match(text)) is None:
            raise forms.ValidationError(self.error_messages["hours"], code="hours")
        hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return hours * 3600 + minutes * 60 + seconds

    def prepare_value(self, value: Any) -> Any:
        return span(value) if isinstance(value, int) else value
