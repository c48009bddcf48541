"""Learn mode: hold a card to a charger, and its number fills the form. Nothing is accepted by learning alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from stations.models import ChargePoint, RegistrationStatus
from transactions.learning import Tap, first_tap
from transactions.models import IdTag
from transactions.unknown import usable_numbers

from ..pages import Page
from .fields import NamedField
from .forms import TagForm

PATIENCE = timedelta(minutes=2)
#: How often a page without a live line looks for itself.
LOOK_EVERY_S = 5
_SALT = "screens.tags.learn"


class ChargerForm(forms.Form):
    charger = NamedField(
        key="identity",
        name="name",
        missing=_("There is no such charger."),
        label=_("Charger"),
        help_text=_("Its name or ID. Stand beside it with the card."),
    )

    def __init__(self, *args: Any, chargers: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["charger"]
        field.rows = chargers


@dataclass(frozen=True)
class Watch:
    """Which charger is watched since when; travels in the address, signed, so that nobody looks further back."""

    station: int
    since: datetime

    @property
    def until(self) -> datetime:
        return self.since + PATIENCE

    def signed(self) -> str:
        return signing.dumps([self.station, self.since.timestamp()], salt=_SALT)

    @classmethod
    def read(cls, text: str) -> Watch | None:
        try:
            station, since = signing.loads(text, salt=_SALT)
        except signing.BadSignature:
            return None
        return cls(station, datetime.fromtimestamp(since, UTC))


class Learn(Page):
    """`?charger=` begins to watch a charger; `?watch=` goes on. The part `learn` looks again."""

    template_name = "screens/tags/learn.html"
    parts = {"learn": "screens/tags/_learn.html"}
    permission = "transactions.add_idtag"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "charger" in request.GET and self.form.is_valid():
            return self._watch(self.form.cleaned_data["charger"])
        if "watch" in request.GET and self.watch is None:
            return redirect("screens:tag_learn")
        return super().get(request, *args, **kwargs)

    @staticmethod
    def _watch(station: ChargePoint) -> HttpResponse:
        query = urlencode({"watch": Watch(station.pk, timezone.now()).signed()})
        return redirect(f"{reverse('screens:tag_learn')}?{query}")

    @cached_property
    def chargers(self) -> Any:
        """Chargers for whose site the person may enter tags."""
        accepted = {"registration_status": RegistrationStatus.ACCEPTED, "archived_at": None}
        return self.access.charge_points(self.permission).filter(**accepted)

    @cached_property
    def form(self) -> ChargerForm:
        return ChargerForm(self.request.GET if "charger" in self.request.GET else None, chargers=self.chargers)

    @cached_property
    def watch(self) -> Watch | None:
        return Watch.read(self.request.GET.get("watch", ""))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        if self.watch is None:
            return {**context, "form": self.form}
        station = self.chargers.select_related("gateway").filter(pk=self.watch.station).first()
        if station is None:
            raise Http404
        tap = first_tap(station, self.watch.since, self.watch.until)
        left_s = (self.watch.until - timezone.now()).total_seconds()
        shown = {"station": station, "tap": tap, "left_s": int(left_s), "look_every_s": LOOK_EVERY_S}
        shown["state"] = "found" if tap else "waiting" if left_s > 0 else "too_late"
        return {**context, **shown, **(self._about(tap, station) if tap else {})}

    def _about(self, tap: Tap, station: ChargePoint) -> dict[str, Any]:
        """Whose card it is, or the form to make it somebody's."""
        if tap.tag is not None:
            return {"known": self._visible(tap.tag)}
        numbers = usable_numbers(tap.number)
        if not numbers:
            return {"numbers": []}
        initial = {"id_tag": numbers[0], "site": station.site_id}
        query = urlencode({name: value for name, value in initial.items() if value is not None})
        return {"numbers": numbers, "tag_form": TagForm(initial=initial, access=self.access), "add_query": query}

    def _visible(self, tag: IdTag) -> IdTag | None:
        """The tag, if the reader may know it."""
        return self.access.id_tags().select_related("group").filter(pk=tag.pk).first()
