"""What people set for themselves."""

from __future__ import annotations

import zoneinfo
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from people.models import Preferences


def zones() -> list[str]:
    """Names of places; the historical ones that only mean an offset would send people astray."""
    known = zoneinfo.available_timezones()
    places = sorted(name for name in known if "/" in name and not name.startswith(("Etc/", "SystemV/")))
    return ["UTC", *places]


class PreferencesForm(forms.ModelForm):  # type: ignore[type-arg]
    """Language and time zone of one's own pages."""

    class Meta:
        model = Preferences
        fields = ("language", "time_zone")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        self.fields["language"].widget = forms.Select(
            choices=[("", _("As the browser asks")), *settings.LANGUAGES],
        )
        as_server = _("As the server: %(zone)s") % {"zone": settings.TIME_ZONE}
        own = [self.instance.time_zone] if self.instance.time_zone else []
        names = sorted({*zones(), *own})
        self.fields["time_zone"].widget = forms.Select(choices=[("", as_server), *((name, name) for name in names)])
