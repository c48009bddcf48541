"""Fields in which a person names a row by typing: lists of thousands are no menu."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet, Value
from django.db.models.functions import Upper
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from stations.forms.fields import ClockField, MomentInput

MAX_SUGGESTIONS = 50


class _NameInput(forms.TextInput):
    """A text box that offers the first few names; the browser's own list, so no script is needed."""

    field: NamedField

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        list_id = f"{(attrs or {}).get('id', name)}-known"
        own = super().render(name, value, {**(attrs or {}), "list": list_id, "autocomplete": "off"}, renderer)
        options = format_html_join("", '<option value="{}">{}</option>', self.field.suggestions())
        return format_html('{}<datalist id="{}">{}</datalist>', own, list_id, options)


class NamedField(forms.CharField):
    """Text that names one of `rows`: by its column `key`, without regard to case, or by a `name` only one of them has.

    The cleaned value is the row, or None. `rows` is set by the form: what the person may choose.
    """

    rows: QuerySet[Any]

    def __init__(self, *, key: str, name: str, missing: Any, **options: Any) -> None:
        super().__init__(max_length=300, widget=_NameInput(), **options)
        self.widget.field = self
        self.key, self.name, self.missing = key, name, missing

    def __deepcopy__(self, memo: Any) -> NamedField:
        copied: NamedField = super().__deepcopy__(memo)
        copied.widget.field = copied
        return copied

    def suggestions(self) -> list[tuple[str, str]]:
        first = self.rows.order_by(self.name, self.key).values_list(self.key, self.name)[:MAX_SUGGESTIONS]
        return list(first)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        return self._find(text) if text else None

    def _find(self, text: str) -> Model:
        exact: Model | None = self.rows.filter(**{f"{self.key}__upper": Upper(Value(text))}).first()
        if exact is not None:
            return exact
        named = list(self.rows.filter(Q(**{f"{self.name}__iexact": text}))[:2])
        if len(named) == 1:
            found: Model = named[0]
            return found
        raise ValidationError(_("Several have this name. Choose one from the list.") if named else self.missing)


class MomentField(ClockField):
    """A moment in the zone of the page, to the second; years as in imported tables."""

    widget = MomentInput

    def clean(self, value: Any) -> datetime | None:
        moment: datetime | None = super().clean(value)
        if moment is not None and not 1990 <= moment.year <= 9000:
            raise ValidationError(_("Choose a year from 1990 to 9000."))
        return moment

    def prepare_value(self, value: Any) -> Any:
        try:
            return super().prepare_value(value)
        except OverflowError:  # the zone has no such moment: somebody has entered the end of all years
            return ""
