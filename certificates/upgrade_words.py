"""What the wizard's codes mean to people: what happened at a step, and what stands in the way."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from .models import SecurityUpgrade

State = SecurityUpgrade.State

#: Word of a step that is over, or that begins again.
WORDS: dict[str, Any] = {
    "done": _("done"),
    "already": _("it was so already"),
    "passed": _("not needed"),
    "refused": _("the charger refused it; this does no harm"),
    "unanswered": _("the charger could not say; this does no harm"),
    "by_hand": _("done by hand, somebody said"),
    "no_answer": _("sent, but no answer came: the charger's return will show"),
    "restart": _("accepted, but the charger needs a restart"),
    "restarting": _("the charger is told to restart"),
    "again": _("tried again"),
    "waiting": _("waiting for somebody"),
    "cancelled": _("cancelled"),
    "ended": _("ended here"),
}

#: Why an upgrade waits or has ended, and what to do about it.
PROBLEMS: dict[str, Any] = {
    "archived": _("The charger has been archived."),
    "away": _("The charger has not come back yet. It is let in as before, and as soon as it comes this goes on."),
    "away_too_long": _("The charger was offline for a whole day. Begin again when it is back."),
    "silent": _("The charger gave no answer, three times. Restart it and begin again."),
    "command_cancelled": _("Somebody cancelled the command of this step."),
    "refused": _("The command could not be sent."),
    "unsupported": _(
        "The charger does not know the setting SecurityProfile. Set the profile on the charger itself: plugcontrol "
        "lets it in with the new one at once."
    ),
    "password_refused": _("The charger refused a new password. Type one in at the charger and here, then begin again."),
    "root_refused": _(
        "The charger did not take the root certificate: its store may be full, or it cannot do this. Install the "
        "certificate on the charger itself and carry on, or cancel."
    ),
    "cannot_ask": _(
        "The charger does not let itself be asked for a certificate request. Start one on the charger itself; this "
        "goes on when it arrives."
    ),
    "no_request": _("The charger said that it would send a certificate request, but none came. Carry on to ask again."),
    "sign": _("The charger's certificate request waits to be signed by somebody."),
    "request_refused": _(
        "The charger's certificate request could not be signed as it is. Look at it: you may sign it all the same, or "
        "carry on to ask for another one."
    ),
    "certificate_rejected": _("The charger rejected the certificate made for it. Carry on to ask for a new request."),
    "certificate_undelivered": _("The certificate could not be delivered. Carry on to ask for a new request."),
    "switch_refused": _(
        "The charger refused the new profile: for it something is still missing, or its address has no TLS. It stays "
        "as it is."
    ),
    "restart_later": _(
        "The charger needs a restart, but somebody is charging. It is restarted when the session is over."
    ),
    "came_back": _(
        "The charger came back as it was before, so it could not reach plugcontrol in the new way. Check that it can "
        "reach the TLS port and trusts the server's certificate. Nothing is lost: it is let in as before."
    ),
    "kept_old": _(
        "The charger said yes, but kept its line as it was. Restart it: plugcontrol lets it in with the new profile at "
        "once, and as before until then."
    ),
    "never_back": _(
        "The charger has not come back for a day. plugcontrol still lets it in, with the old and with the new profile: "
        "look at the charger itself."
    ),
}


def word(code: str) -> str:
    return str(WORDS.get(code, code))


def explanation(upgrade: SecurityUpgrade) -> str:
    """Why it stands where it stands and what to do, with the details there are; empty while it simply goes on."""
    problem = str(PROBLEMS.get(upgrade.problem, upgrade.problem))
    # The clock wrote them down in English; our own sentences among them have a translation.
    details = gettext(upgrade.details) if upgrade.details else ""
    return f"{problem} {details}".strip()
