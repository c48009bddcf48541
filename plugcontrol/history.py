"""Who changed what: which fields of which records the audit log follows, and whom it names.

What stations report is no change by a person: of a charger only what people decide is followed. Secrets are named, but
neither their values nor their hashes are kept.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from auditlog.models import LogEntry
from auditlog.registry import auditlog
from django.contrib.auth.models import User
from django.db.models.signals import pre_save
from django.http import HttpRequest, HttpResponseBase

from people.models import Membership
from stations.models import ChargePoint, Site
from transactions.models import IdTag, IdTagGroup

#: What stands in the place of a secret, before and after.
HIDDEN = "•••"

_request: ContextVar[HttpRequest | None] = ContextVar("request_of_history", default=None)


def hidden(_value: str) -> str:
    return HIDDEN


def register() -> None:
    """Begin to follow; called once, when all apps are there."""
    secret = {"mask_callable": "plugcontrol.history.hidden"}
    auditlog.register(ChargePoint, include_fields=_OF_CHARGE_POINT, mask_fields=["credential_hash"], **secret)
    auditlog.register(Site)
    auditlog.register(IdTag, exclude_fields=["created_at"])
    auditlog.register(IdTagGroup)
    auditlog.register(Membership)
    auditlog.register(
        User, include_fields=_OF_USER, mask_fields=["password"], m2m_fields={"groups", "user_permissions"}, **secret
    )
    pre_save.connect(_sign, sender=LogEntry, dispatch_uid="plugcontrol.history")


_OF_CHARGE_POINT = [
    *("identity", "name", "site", "notes", "registration_status", "archived_at"),
    *("credential_kind", "credential_hash", "minimum_security_profile", "strict", "recipe_mode"),
]
_OF_USER = [
    *("username", "first_name", "last_name", "email", "password"),
    *("is_active", "is_staff", "is_superuser", "groups", "user_permissions"),
]


class HistoryMiddleware:
    """Remembers the request, so that what changes during it bears a name.

    Who it is, is asked when something changes: an API key is recognised long after this middleware. The library's own
    middleware believes X-Forwarded-For from anybody; ours takes the address the server has judged.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        token = _request.set(request)
        try:
            return self.get_response(request)
        finally:
            _request.reset(token)


def _sign(sender: Any, instance: LogEntry, **_kwargs: Any) -> None:
    request = _request.get()
    if request is None:
        return
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated and instance.actor is None:
        instance.actor = user
    instance.remote_addr = _address(request.META.get("REMOTE_ADDR", ""))


def _address(text: str) -> str | None:
    """The address if it is one: behind a socket file there is none."""
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return None
