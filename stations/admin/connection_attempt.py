from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ..models import ConnectionAttempt
from .pages import RecordAdmin, moment

_Reason = ConnectionAttempt.Reason

#: What a person can do about a refused handshake.
FIXES = {
    _Reason.NO_IDENTITY: _("Add the charger's id to the end of the address, for example …/ocpp/garage-1."),
    _Reason.BAD_IDENTITY: _("Give the charger an id of 1 to 255 printable characters."),
    _Reason.UNKNOWN: _("Add a charger with this identity, or set UNKNOWN_CHARGE_POINTS=ask."),
    _Reason.ARCHIVED: _("Restore the charger in the list of archived chargers."),
    _Reason.TOO_MANY_WAITING: _("Approve or reject the chargers that wait."),
    _Reason.WRONG_PASSWORD: _("Type the same password into the charger and here, or remove it here."),
    _Reason.NO_PASSWORD: _("Type the charger's password into the charger, or remove it here."),
    _Reason.WRONG_USER: _("Use the charger's id as its user name."),
    _Reason.BAD_AUTHORIZATION: _("Check that the charger uses HTTP Basic authentication (security profile 1 or 2)."),
    _Reason.INSECURE: _(
        "Set the charger's address to wss://… again, or lower its minimum security profile here. If nobody changed the "
        "charger, somebody may listen in: change its password."
    ),
    _Reason.SUBPROTOCOL: _("Set the charger's protocol to OCPP 1.6 JSON."),
    _Reason.NO_SUBPROTOCOL: _("Set the charger's protocol to OCPP 1.6 JSON, or switch off “strict” for this charger."),
    _Reason.TOO_MANY_FAILURES: _("Correct the id or password in the charger, then wait a minute."),
}


@admin.register(ConnectionAttempt)
class ConnectionAttemptAdmin(RecordAdmin[ConnectionAttempt]):
    list_display = ("last", "remote_address", "path", "reason", "fix", "offered", "count")
    list_filter = ("reason",)
    search_fields = ("identity", "path", "remote_address", "user_agent")
    search_help_text = _("Search by identity, path, address or user agent.")
    fields = (
        ("identity", "path"),
        ("remote_address", "user_agent"),
        ("reason", "status_code"),
        "fix",
        "offered",
        "count",
        ("first", "last"),
    )
    readonly_fields = ("fix", "first", "last")

    def has_delete_permission(self, request: HttpRequest, obj: ConnectionAttempt | None = None) -> bool:
        return request.user.has_perm("stations.delete_connectionattempt")

    @admin.display(description=_("what to do"))
    def fix(self, attempt: ConnectionAttempt) -> str:
        return str(FIXES.get(_Reason(attempt.reason), "–")) if attempt.reason in _Reason else "–"

    @admin.display(description=_("first"), ordering="first_at")
    def first(self, attempt: ConnectionAttempt) -> str:
        return moment(attempt.first_at)

    @admin.display(description=_("last"), ordering="last_at")
    def last(self, attempt: ConnectionAttempt) -> str:
        return moment(attempt.last_at)
