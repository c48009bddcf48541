"""Users and roles: who may come in, as what, with which cards. For administrators of all sites."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from people import administration, second_factor
from people.access import access_of
from people.administration import NotPossible, global_role

from ..lists import ListPage
from .filters import PeopleFilter
from .forms import MembershipFormSet, PersonForm, TagNumberForm, names_a_site
from .guard import ForAdministrators, administrator, check_may_change, invite, may_change, people, person_of
from .words import roles_of

#: Labels stand above their fields.
_PLAIN = {"label_suffix": ""}


class PeopleList(ForAdministrators, ListPage):
    """Everybody with an account, each with roles, cards and last login."""

    template_name = "screens/people/list.html"
    part = "screens/people/_list.html"
    filterset_class = PeopleFilter
    sorts = {"name": ("username",), "last_login": ("-last_login", "username")}

    def get_rows(self) -> QuerySet[User]:
        tags = Count("id_tags", filter=Q(id_tags__archived_at=None), distinct=True)
        return people().annotate(tag_count=tags).prefetch_related("groups", "memberships__site")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        context["entries"] = [
            {"person": person, "roles": roles_of(person, is_holder=person.tag_count > 0)} for person in context["rows"]
        ]
        return context


class PersonPage(ForAdministrators):
    """A person's name, roles, cards and account; without a number in the address a new person."""

    def get(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        person = person_of(pk)
        return self.page(person, PersonForm(instance=person), MembershipFormSet(instance=person, form_kwargs=_PLAIN))

    def post(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        person = person_of(pk)
        check_may_change(request, person)
        form = PersonForm(request.POST, instance=person_of(pk))
        memberships = MembershipFormSet(request.POST, instance=form.instance, form_kwargs=_PLAIN)
        if form.is_valid() & memberships.is_valid() and self.save(form, memberships):
            if pk is None:
                return invite(request, form.instance)
            messages.success(request, _("Saved."))
            return redirect("screens:person", pk)
        return self.page(person, form, memberships, status=422)

    def save(self, form: PersonForm, memberships: Any) -> bool:
        """Whether all of it could be stored; if not, the form says why."""
        role = form.cleaned_data["role"] if "role" in form.cleaned_data else global_role(form.instance)
        if not role and not names_a_site(memberships):
            form.add_error("role", _("Choose a role, or one at a site below."))
            return False
        try:
            with transaction.atomic():
                person = form.save(commit=False)
                if person.pk is None:
                    person.set_unusable_password()  # until they choose one by the invitation's link
                person.save()
                memberships.save()
                administration.set_global_role(person, role, by=administrator(self.request))
        except NotPossible as refusal:
            form.add_error("role", str(refusal))
        return form.is_valid()

    def page(self, person: User | None, form: PersonForm, memberships: Any, status: int = 200) -> HttpResponse:
        context = {
            "person": person,
            "form": form,
            "memberships": memberships,
            "may_change": person is None or may_change(self.request, person),
            "is_self": person is not None and person.pk == self.request.user.pk,
            "is_invited": person is not None and not person.has_usable_password() and person.last_login is None,
            "second_factor": second_factor.summary(person) if person else None,
            "needs_second_factor": person is not None and second_factor.is_required(access_of(person)),
            "tags": person.id_tags.order_by("id_tag") if person else (),
            "tag_form": TagNumberForm(label_suffix=""),
        }
        return TemplateResponse(self.request, "screens/people/person.html", context, status=status)
