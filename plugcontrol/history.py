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
from axes.handlers.proxy import AxesProxyHandler
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed
from django.db.models.signals import pre_save
from django.http import HttpRequest, HttpResponseBase
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from import_export.signals import post_import

from certificates.models import RootCertificate
from charging_profiles.models import ChargingProfile
from people import audit
from people.models import Membership
from stations.models import ChargePoint, Site
from transactions.models import IdTag, IdTagGroup
from transfers.models import Campaign, FirmwareFile

#: What of an address is kept.
MAX_PATH = 500
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
    auditlog.register(FirmwareFile, exclude_fields=["signature", "signing_certificate"])
    auditlog.register(Campaign, include_fields=_OF_CAMPAIGN)
    auditlog.register(RootCertificate, include_fields=["name", "use", "sha256", "archived_at"])
    auditlog.register(Membership)
    auditlog.register(TOTPDevice, include_fields=["name"])  # that there is one; neither its key nor when it is used
    auditlog.register(StaticDevice, include_fields=["name"])
    auditlog.register(ChargingProfile, exclude_fields=["created_at", "changed_at"])
    auditlog.register(
        User, include_fields=_OF_USER, mask_fields=["password"], m2m_fields={"groups", "user_permissions"}, **secret
    )
    post_import.connect(_note_import, dispatch_uid="plugcontrol.history.import")
    user_login_failed.connect(_note_failure, dispatch_uid="plugcontrol.history.login")
    pre_save.connect(_sign, sender=LogEntry, dispatch_uid="plugcontrol.history")


_OF_CHARGE_POINT = [
    *("identity", "name", "site", "notes", "registration_status", "archived_at"),
    *("credential_kind", "credential_hash", "minimum_security_profile", "strict", "no_close_frame", "recipe_mode"),
]
_OF_CAMPAIGN = [
    *("name", "firmware", "state", "signed", "begins_at", "ends_at", "at_once", "per_minute", "while_charging"),
    "retries",
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
            response = self.get_response(request)
            disposition = response.headers.get("Content-Disposition", "")
            if response.status_code == 200 and disposition.startswith("attachment") and request.user.is_authenticated:
                _note_file(request, disposition)
            return response
        finally:
            _request.reset(token)


def _note_file(request: HttpRequest, disposition: str) -> None:
    """Whatever leaves as a file is on record, from whichever page."""
    name = disposition.partition("filename")[2].lstrip("*=").strip('"')
    asked = request.get_full_path()[:MAX_PATH]
    audit.record(audit.Event.DOWNLOAD, request.user, path=asked, file=name[:MAX_PATH])  # type: ignore[arg-type]


def _note_import(model: Any, **_kwargs: Any) -> None:
    audit.record(audit.Event.IMPORT, model)


def _note_failure(credentials: Any, request: HttpRequest | None = None, **_kwargs: Any) -> None:
    """Of names that there are, for what else was typed may be a password; not while the name is locked."""
    person = User.objects.filter(username=credentials.get("username") or "").first()
    if person is not None and (request is None or AxesProxyHandler.is_allowed(request, credentials)):
        audit.record(audit.Event.LOGIN_FAILED, person)


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
