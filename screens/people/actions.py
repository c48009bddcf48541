"""The buttons of a person's page."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from people import administration, second_factor
from people.administration import NotPossible
from people.cards import link_tag, unlink_tag

from .forms import TagNumberForm
from .guard import ForAdministrators, administrator, check_may_change, invite, people


class PersonAction(ForAdministrators):
    """A button on a person's page; it leads back there and says what came of it."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int, **kwargs: Any) -> HttpResponse:
        person = get_object_or_404(people(), pk=pk)
        check_may_change(request, person)
        try:
            return self.act(request, person, **kwargs) or redirect("screens:person", pk)
        except NotPossible as refusal:
            messages.error(request, str(refusal))
            return redirect("screens:person", pk)

    def act(self, request: HttpRequest, person: User, **kwargs: Any) -> HttpResponse | None:
        raise NotImplementedError


class Invite(PersonAction):
    def act(self, request: HttpRequest, person: User, **kwargs: Any) -> HttpResponse:
        return invite(request, person)


class Deactivate(PersonAction):
    def act(self, request: HttpRequest, person: User, **kwargs: Any) -> None:
        administration.deactivate(person, by=administrator(request))
        messages.success(request, _("%(person)s can no longer log in.") % {"person": person})


class Reactivate(PersonAction):
    def act(self, request: HttpRequest, person: User, **kwargs: Any) -> None:
        administration.reactivate(person, by=administrator(request))
        messages.success(request, _("%(person)s can log in again.") % {"person": person})


class RemoveSecondFactor(PersonAction):
    """For somebody else's lost phone; one's own takes a code."""

    def act(self, request: HttpRequest, person: User, **kwargs: Any) -> None:
        if person == request.user:
            raise NotPossible(_("Remove your own second factor on the page of your account."))
        if not second_factor.remove(person):
            raise NotPossible(_("%(person)s has no second factor.") % {"person": person})
        messages.success(request, _("%(person)s logs in with the password alone now.") % {"person": person})


class LinkTag(PersonAction):
    def act(self, request: HttpRequest, person: User, **kwargs: Any) -> None:
        form = TagNumberForm(request.POST)
        if not form.is_valid():
            raise NotPossible(" ".join(map(str, form.errors["number"])))
        tag = link_tag(person, form.cleaned_data["number"])
        messages.success(request, _("%(tag)s belongs to %(person)s now.") % {"tag": tag.id_tag, "person": person})


class UnlinkTag(PersonAction):
    def act(self, request: HttpRequest, person: User, **kwargs: Any) -> None:
        tag = get_object_or_404(person.id_tags, pk=kwargs["tag"])
        unlink_tag(tag)
        messages.success(request, _("%(tag)s belongs to nobody now.") % {"tag": tag.id_tag})
