"""Who may do what: the permissions of the screens, under the ceiling of the key's scope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from .authentication import key_of
from .models import Scope


@dataclass(frozen=True, slots=True)
class Need:
    """What an action asks for: a Django permission, and a scope where the request comes with a key."""

    permission: str
    scope: Scope = Scope.READ


class Allowed(BasePermission):
    """Looks the action up in the view's `needs`; a method that a view does not offer goes on to its 405."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user or not request.user.is_authenticated:
            return False
        need: Need | None = view.needs.get(view.action)
        return need is None or is_met(request, need)


def is_met(request: Request, need: Need) -> bool:
    """Whether the user has the permission; raises PermissionDenied where the key's scope is too narrow."""
    key = key_of(request)
    if key is not None and not Scope(key.scope).covers(need.scope):
        sentence = _("This needs an API key of the scope “%(needed)s”; this one's is “%(scope)s”.")
        raise PermissionDenied(sentence % {"needed": need.scope.value, "scope": key.scope}, code="scope")
    return bool(request.user.has_perm(need.permission))
