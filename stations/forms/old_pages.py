"""Pages that were opened before somebody else saved what they show."""

from __future__ import annotations

from typing import Any

from django import forms


class OldPageForm(forms.ModelForm):  # type: ignore[type-arg]
    """Whoever saves an old page changes what they have changed on it, and takes back nothing of anybody else's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.show_hidden_initial = self.instance.pk is not None and self._is_said(name, field)

    def _is_said(self, name: str, field: forms.Field) -> bool:
        """Whether the page says what it showed; an entry that comes without that is meant."""
        shown = field.hidden_widget()
        return not self.is_bound or not shown.value_omitted_from_data(
            self.data, self.files, self.add_initial_prefix(name)
        )

    def clean(self) -> dict[str, Any]:
        entered: dict[str, Any] = super().clean() or {}
        untouched = {name for name, field in self.fields.items() if field.show_hidden_initial} - {*self.changed_data}
        return {name: value for name, value in entered.items() if name not in untouched}
