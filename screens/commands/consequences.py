"""What a command would meet: sessions that run now, and the question that is asked before it goes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from stations.forms import StationForm
from stations.forms.suggestions import session_label
from stations.models import ChargePoint
from transactions.models import Transaction

#: Sessions named in a warning; beyond that their number says enough.
NAMED_SESSIONS = 5
#: Commands that are asked about before they go out.
ASKED = ("Reset", "RemoteStopTransaction", "UnlockConnector", "ClearCache", "UpdateFirmware", "SignedUpdateFirmware")
#: Those that end what runs, whatever else they do.
ENDING = ("Reset",)


@dataclass(frozen=True, slots=True)
class Consequence:
    """`sentence` says how many sessions run, `remark` what becomes of them; `sessions` are named for one charger."""

    sentence: str
    remark: str
    sessions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """Title and text of the dialog before sending."""

    title: str
    text: str


def consequence(form: StationForm, stations: Sequence[ChargePoint]) -> Consequence | None:
    """None if the command touches no session, or none runs."""
    if not form.on_running:
        return None
    running = Transaction.objects.running().filter(charge_point__in=stations)
    if not (count := running.count()):
        return None
    named = running.select_related("connector", "tag").order_by("pk")[:NAMED_SESSIONS] if len(stations) == 1 else ()
    return Consequence(_sentence(form, count), str(form.on_running), tuple(map(session_label, named)))


def _sentence(form: StationForm, count: int) -> str:
    if form.name in ENDING:
        sentence = ngettext(
            "%(count)d session is running and will stop.", "%(count)d sessions are running and will stop.", count
        )
    else:
        sentence = ngettext("%(count)d session is running.", "%(count)d sessions are running.", count)
    return sentence % {"count": count}


def question(form: StationForm, stations: Sequence[ChargePoint], meets: Consequence | None) -> Question | None:
    """What to ask before sending; None if nothing needs to be asked."""
    if form.name not in ASKED:
        return None
    count = len(stations)
    whom = str(stations[0]) if count == 1 else ngettext("%(count)d charger", "%(count)d chargers", count)
    title = _("%(command)s: %(charger)s?") % {"command": form.title, "charger": whom % {"count": count}}
    text = f"{meets.sentence} {meets.remark}" if meets else _session_named(form) or str(form.explanation)
    return Question(title, text)


def _session_named(form: StationForm) -> str:
    """The session that would be stopped, if the form names one that runs."""
    number = str(form["transaction_id"].value() or "") if "transaction_id" in form.fields else ""
    if not (number.isascii() and number.isdecimal() and len(number) < 19) or form.station is None:
        return ""
    running = Transaction.objects.running().filter(pk=int(number), charge_point=form.station)
    session = running.select_related("connector", "tag").first()
    return _("This session ends: %(session)s.") % {"session": session_label(session)} if session else ""
