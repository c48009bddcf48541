"""The editor of a profile: a table of limits and beside it what it looks like."""

from __future__ import annotations

from copy import copy
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from charging_profiles.models import ChargingProfile
from charging_profiles.rules import contradictions

from ..pages import Page
from .alone import drawing_of
from .forms import MAX_ROWS, RHYTHMS, PeriodFormSet, ProfileForm, rows_of, zone_of_clock
from .keys import key_of
from .limit_text import text_of
from .shapes import rhythm_of, shape_of

ADD = "charging_profiles.add_chargingprofile"
CHANGE = "charging_profiles.change_chargingprofile"
#: A new table's only row.
_FIRST_ROW = {"day": 0, "begins": 0, "limit": 16}


class Editor(Page):
    """POST: `do` says what the button was for: save, preview, show (other fields), add a row, remove-3.

    Only `save` changes anything; the others show the form as it was filled in, without complaining.
    """

    template_name = "screens/profiles/edit.html"
    parts = {"editor": "screens/profiles/_editor.html", "preview": "screens/profiles/_preview.html"}

    def is_allowed(self) -> bool:
        return self.access.everywhere(self.permission)

    @property
    def profile(self) -> ChargingProfile:
        """The row that is edited, or a new one."""
        raise NotImplementedError

    def saved(self, profile: ChargingProfile) -> HttpResponse:
        profile.changed_at = timezone.now()
        profile.save()
        messages.success(self.request, _("%(profile)s was saved.") % {"profile": profile})
        return redirect("screens:profile", pk=profile.pk)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        profile = self.profile
        rhythm = rhythm_of(profile.kind, profile.recurrency)
        form = ProfileForm(instance=copy(profile), rhythm=rhythm)
        rows = rows_of(profile) if profile.periods else [_FIRST_ROW]
        return self.show(form, PeriodFormSet(initial=rows, rhythm=rhythm), **self._picture(profile))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        do = request.POST.get("do", "save")
        rhythm = _rhythm(request.POST)
        form = ProfileForm(request.POST, instance=copy(self.profile), rhythm=rhythm)
        table = PeriodFormSet(request.POST, rhythm=rhythm)
        is_complete = all([form.is_valid(), table.is_valid()])
        if do == "save":
            if is_complete:
                profile = form.fill(*table.periods())
                if not (wrong := contradictions(profile)):
                    return self.saved(profile)
                for sentence in wrong:
                    form.add_error(None, sentence)
            return self.show(form, table, 422, **self._tried(form, table))
        tried = self._tried(form, table)
        if do != "preview":
            form, table = self._unbound(request.POST, rhythm, do)
        return self.show(form, table, **tried)

    def _tried(self, form: ProfileForm, table: Any) -> dict[str, Any]:
        """The picture of what was filled in, as far as that is possible: its name may still be missing."""
        shapes = {"rhythm", "starts_at", "duration_s", "unit"}
        if not table.is_valid() or shapes & form.errors.keys():
            return {"problems": [*_errors(form, shapes), *_errors_of_table(table)]}
        return self._picture(form.fill(*table.periods()))

    def _picture(self, profile: ChargingProfile) -> dict[str, Any]:
        shape = shape_of(profile)
        return {"drawing": drawing_of(shape), "text": text_of(shape)} if shape.limits else {}

    def _unbound(self, entered: QueryDict, rhythm: str, do: str) -> tuple[ProfileForm, Any]:
        """The same entries in a form that has not been judged yet, with a row more or less."""
        rows = _rows(entered)
        verb, _sep, number = do.partition("-")
        if verb == "add" and len(rows) < MAX_ROWS:
            rows.append({})
        elif verb == "remove" and (row := key_of(number)) is not None and row < len(rows):
            rows.pop(row)
        initial: dict[str, Any] = {**entered.dict(), "follows_clock": "follows_clock" in entered}
        form = ProfileForm(initial=initial, instance=copy(self.profile), rhythm=rhythm)
        return form, PeriodFormSet(initial=rows or [{}], rhythm=rhythm)

    def show(self, form: ProfileForm, table: Any, status: int = 200, **picture: Any) -> HttpResponse:
        context = self.get_context_data(form=form, table=table, zone=zone_of_clock(), **picture)
        return self.render_to_response(context, status=status)


class AddProfile(Editor):
    """`?copy=` names the profile to begin with."""

    permission = ADD

    @cached_property
    def profile(self) -> ChargingProfile:
        if original := self.request.GET.get("copy", ""):
            copied = get_object_or_404(ChargingProfile, pk=key_of(original))
            copied.pk, copied.created_by, copied.archived_at = None, self.request.user, None
            copied.created_at, copied._state.adding = timezone.now(), True
            copied.name = (_("Copy of %(name)s") % {"name": copied.name})[:100]
            return copied
        limits = [{"start": 0, "limit": f"{_FIRST_ROW['limit']}.0"}]
        return ChargingProfile(created_by=self.request.user, recurrency="Daily", periods=limits)


class EditProfile(Editor):
    permission = CHANGE

    @cached_property
    def profile(self) -> ChargingProfile:
        return get_object_or_404(ChargingProfile, pk=self.kwargs["pk"], archived_at=None)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(profile=self.profile, **kwargs)


def _rhythm(entered: QueryDict) -> str:
    rhythm = entered.get("rhythm", "")
    return rhythm if rhythm in dict(RHYTHMS) else "daily"


def _rows(entered: QueryDict) -> list[dict[str, Any]]:
    """The table's entries as they were typed."""
    count = min(key_of(entered.get("periods-TOTAL_FORMS", "")) or 0, MAX_ROWS)
    names = ("day", "begins", "limit", "phases")
    return [{name: entered.get(f"periods-{row}-{name}", "") for name in names} for row in range(count)]


def _errors(form: Any, of: set[str]) -> list[str]:
    wrong = [(name, error) for name, errors in form.errors.items() for error in errors if name in of]
    return [f"{form.fields[name].label}: {error}" for name, error in wrong]


def _errors_of_table(table: Any) -> list[str]:
    wrong = [error for errors in table.errors for messages_ in errors.values() for error in messages_]
    return list(dict.fromkeys([*wrong, *table.non_form_errors()]))
