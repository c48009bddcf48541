"""A profile to one charger, to many, or to a running session: choose, look what speaks against it, send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from charging_profiles import assignments, capabilities
from charging_profiles.models import ChargingProfile, Purpose
from stations.commands import CommandRefused
from stations.forms import SendingForm
from stations.models import ChargePoint, RegistrationStatus
from transactions.models import Transaction

from ..chargers.filters import matching
from ..pages import Page
from .alone import drawing_of
from .assign_forms import SEND, AssignForm
from .keys import key_of
from .limit_text import text_of
from .shapes import shape_of

#: Chargers offered at once; a filter finds the others.
MAX_OFFERED = 100
#: Chargers that one press may reach, and refusals told one by one.
MAX_CHOSEN, MAX_TOLD = 500, 10


@dataclass(frozen=True, slots=True)
class Aim:
    """Where a profile is to go, what forbids it and what is only told."""

    station: ChargePoint
    connector_id: int
    transaction: Transaction | None
    problems: Sequence[str]
    hints: Sequence[str]


class AssignProfile(Page):
    """GET fills in `profile` and `station`. POST: `do` is show (again), check, or send."""

    permission = SEND
    template_name = "screens/profiles/assign.html"
    parts = {"assign": "screens/profiles/_assign.html"}

    def is_allowed(self) -> bool:
        return super().is_allowed() and self.access.somewhere("charging_profiles.view_chargingprofile")

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        profile = self._profile(request.GET.get("profile", ""))
        initial = {"profile": profile, "connector": request.GET.get("connector", 0)}
        form = AssignForm(initial=initial, access=self.access, profile=profile)
        return self.show(form, profile, self._chosen(request.GET.getlist("station")))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        profile = self._profile(request.POST.get("profile", ""))
        chosen = self._chosen(request.POST.getlist("stations"))
        form = AssignForm(request.POST, access=self.access, profile=profile)
        do = request.POST.get("do", "")
        if do not in ("check", "send"):
            initial = {**request.POST.dict(), "profile": profile}
            return self.show(AssignForm(initial=initial, access=self.access, profile=profile), profile, chosen)
        if not form.is_valid() or profile is None:
            return self.show(form, profile, chosen, status=422)
        aims = self._aims(form, profile, chosen)
        if not aims:
            form.add_error(None, _("Choose one charger at least."))
            return self.show(form, profile, chosen, status=422)
        sending = SendingForm(request.POST if do == "send" else None, initial=self._patience(aims))
        if do == "send" and sending.is_valid():
            return self._send(profile, aims, sending)
        # what comes next is no part of the form: what was chosen stands in hidden fields
        self.template_name = "screens/profiles/check.html"
        self.parts = {"assign": "screens/profiles/_check.html"}
        shape = shape_of(profile)
        context = self.get_context_data(
            profile=profile,
            form=form,
            sending=sending,
            aims=aims,
            possible=sum(not aim.problems for aim in aims),
            text=text_of(shape),
            drawing=drawing_of(shape),
        )
        return self.render_to_response(context, status=422 if do == "send" else 200)

    def show(
        self, form: AssignForm, profile: ChargingProfile | None, chosen: list[ChargePoint], status: int = 200
    ) -> HttpResponse:
        of_session = profile is not None and profile.purpose == Purpose.TX
        context = self.get_context_data(
            form=form,
            profile=profile,
            text=text_of(shape_of(profile)) if profile else "",
            of_session=of_session,
            rows=[] if of_session else self._offered(form, chosen),
            most=MAX_OFFERED,
        )
        return self.render_to_response(context, status=status)

    def _profile(self, number: str) -> ChargingProfile | None:
        """Raises Http404 for one that is named and does not exist."""
        if not number:
            return None
        return get_object_or_404(ChargingProfile, pk=key_of(number), archived_at=None)

    def _usable(self) -> QuerySet[ChargePoint]:
        in_use = self.access.charge_points(SEND).filter(
            archived_at=None, registration_status=RegistrationStatus.ACCEPTED
        )
        return in_use.select_related("gateway", "site")

    def _chosen(self, keys: list[str]) -> list[ChargePoint]:
        """The chargers that are ticked; what the reader may not send to is left out."""
        chosen = [key for text in keys if (key := key_of(text)) is not None]
        return list(self._usable().filter(pk__in=chosen[:MAX_CHOSEN]).order_by("identity"))

    def _offered(self, form: AssignForm, chosen: list[ChargePoint]) -> list[tuple[ChargePoint, bool]]:
        """Those that are ticked, then what the filter finds."""
        rows = self._usable().exclude(pk__in=[station.pk for station in chosen]).order_by("identity")
        if text := str(form["q"].value() or "").replace("\0", ""):
            rows = matching(rows, text)
        if (site := key_of(str(form["site"].value() or ""))) is not None:
            rows = rows.filter(site=site)
        return [(station, True) for station in chosen] + [(station, False) for station in rows[:MAX_OFFERED]]

    def _aims(self, form: AssignForm, profile: ChargingProfile, chosen: list[ChargePoint]) -> list[Aim]:
        session: Transaction | None = form.cleaned_data.get("session")
        if session is not None:
            return [self._aim(profile, session.charge_point, session.connector.connector_id, session)]
        connector: int = form.cleaned_data.get("connector", 0)
        return [self._aim(profile, station, connector, None) for station in chosen]

    def _aim(self, profile: ChargingProfile, station: ChargePoint, number: int, session: Transaction | None) -> Aim:
        problems = capabilities.problems(profile, station, number, transaction=session)
        return Aim(station, number, session, problems, capabilities.hints(profile, station))

    def _patience(self, aims: list[Aim]) -> dict[str, str]:
        """What could only be dropped is of no use: for chargers that are away, waiting is offered first."""
        return {} if any(aim.station.is_online for aim in aims) else {"if_offline": "wait"}

    def _send(self, profile: ChargingProfile, aims: list[Aim], sending: SendingForm) -> HttpResponse:
        count, refused = 0, []
        for aim in aims:
            try:
                assignments.assign(
                    profile,
                    aim.station,
                    aim.connector_id,
                    origin=self.origin,
                    transaction=aim.transaction,
                    valid_until=sending.valid_until,
                    idempotency_key=sending.idempotency,
                )
                count += 1
            except CommandRefused as refusal:
                refused.append(f"{aim.station}: {refusal}")
        self._tell(count, refused)
        if len(aims) == 1:
            return redirect(f"{reverse('screens:charger', args=[aims[0].station.pk])}?tab=profiles")
        return redirect("screens:profile", pk=profile.pk)

    def _tell(self, count: int, refused: list[str]) -> None:
        for sentence in refused[:MAX_TOLD]:
            messages.warning(self.request, sentence)
        if len(refused) > MAX_TOLD:
            more = len(refused) - MAX_TOLD
            text = ngettext("%(count)d more charger was left out.", "%(count)d more chargers were left out.", more)
            messages.warning(self.request, text % {"count": more})
        if count:
            text = ngettext("The profile goes to %(count)d place.", "The profile goes to %(count)d places.", count)
            messages.success(self.request, text % {"count": count})
