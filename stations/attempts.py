"""Why a charger was turned away, and what a person can do about it."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from .models import ConnectionAttempt

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
    _Reason.TLS_FAILED: _(
        "If the charger does not trust this server, install this server's root certificate in it and check its clock. "
        "It needs TLS 1.2 or newer; chargers without TLS use the address with ws://."
    ),
    _Reason.BAD_CERTIFICATE: _("Give the charger a new certificate, and check the clocks of charger and server."),
    _Reason.NO_CERTIFICATE: _(
        "Give the charger a certificate, or lower its minimum security profile here until it has one."
    ),
    _Reason.WRONG_CERTIFICATE: _(
        "Check the charger's id in its address, and its serial number here: the certificate has to name one of them."
    ),
    _Reason.REVOKED_CERTIFICATE: _(
        "If the charger is yours and safe, lower its minimum security profile here and give it a new certificate."
    ),
    _Reason.SUBPROTOCOL: _("Set the charger's protocol to OCPP 1.6 JSON."),
    _Reason.NO_SUBPROTOCOL: _("Set the charger's protocol to OCPP 1.6 JSON, or switch off “strict” for this charger."),
    _Reason.TOO_MANY_FAILURES: _("Correct the id or password in the charger, then wait a minute."),
}


def fix_of(attempt: ConnectionAttempt) -> Any:
    """What a person can do about a refused handshake; nothing for a reason that a newer version recorded."""
    return FIXES.get(_Reason(attempt.reason), "") if attempt.reason in _Reason else ""
