"""Who may change whom, and what every page about people needs for that."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse

from api.models import ApiKey
from people import administration

from ..pages import Allowed


class ForAdministrators(Allowed):
    """People belong to no site, so an administrator of some sites is none of theirs."""

    permission = "auth.change_user"

    def is_allowed(self) -> bool:
        return self.access.everywhere(self.permission)


def people() -> QuerySet[User]:
    """Accounts of people: those made for an API key can log in nowhere and stand with their keys."""
    keys = ApiKey.objects.filter(user=OuterRef("pk"))
    return User.objects.exclude(administration.INVITED, Exists(keys), is_staff=False)


def person_of(pk: int | None) -> User | None:
    return None if pk is None else get_object_or_404(people(), pk=pk)


def administrator(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - `ForAdministrators` let them in
    return request.user


def may_change(request: HttpRequest, person: User) -> bool:
    return administrator(request).is_superuser or not person.is_superuser


def check_may_change(request: HttpRequest, person: User | None) -> None:
    if person is not None and not may_change(request, person):
        raise PermissionDenied


def invite(request: HttpRequest, person: User) -> HttpResponse:
    """The page that shows the link, this once."""
    uidb64, token = administration.invitation(person, by=administrator(request))
    path = reverse("screens:set_password", args=[uidb64, token])
    link = f"{settings.PUBLIC_URL}{path}" if settings.PUBLIC_URL else request.build_absolute_uri(path)
    days = settings.PASSWORD_RESET_TIMEOUT // (24 * 3600)
    return TemplateResponse(request, "screens/people/invitation.html", {"person": person, "link": link, "days": days})
