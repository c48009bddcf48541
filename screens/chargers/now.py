"""What a charger does now: a card for each connector, with what can be done there and why not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from people.access import Access
from stations.models import ChargePoint, ChargePointStatus, Connector
from transactions.models import Transaction
from transactions.now import Now, now_of

from ..statuses import shown_status

#: Real chargers have a few connectors, hostile ones report thousands.
MAX_CARDS = 40
SEND = "stations.send_command"


@dataclass(frozen=True, slots=True)
class Act:
    """A button that leads to a command's form. `reason` says why it is not possible now, empty if it is."""

    label: str
    icon: str
    url: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A connector. `session` and `now` are None where none runs, or where the reader may not see sessions."""

    connector: Connector
    status: str
    session: Transaction | None
    now: Now | None
    acts: list[Act] = field(default_factory=list)

    @property
    def reasons(self) -> list[str]:
        """Why buttons are off: once for all of them, or each for itself."""
        reasons = [act.reason for act in self.acts]
        if len(set(reasons)) == 1:
            return [reason for reason in reasons[:1] if reason]
        return [f"{act.label.rstrip('…')}: {act.reason}" for act in self.acts if act.reason]

    @property
    def has_phases(self) -> bool:
        return self.now is not None and any(amperes is not None for amperes in self.now.phases_a)

    @property
    def has_error(self) -> bool:
        return bool(self.connector.error_code) and self.connector.error_code != "NoError"


def cards_of(station: ChargePoint, access: Access) -> list[Card]:
    """A card for each connector but number 0; three queries."""
    connectors = list(station.connectors.exclude(connector_id=0).order_by("connector_id")[:MAX_CARDS])
    sessions: dict[int, Transaction] = {}
    current: dict[int, Now] = {}
    if access.on("transactions.view_transaction", station):
        running = Transaction.objects.running().filter(connector__in=connectors)
        sessions = {row.connector_id: row for row in running.select_related("tag").order_by("pk")}
        current = now_of([connector.pk for connector in connectors]) if station.is_online else {}
    may_send = access.on(SEND, station)
    return [
        Card(
            connector=connector,
            status=shown_status(connector, is_online=station.is_online),
            session=sessions.get(connector.pk),
            now=current.get(connector.pk),
            acts=list(_acts(station, connector, sessions.get(connector.pk))) if may_send else [],
        )
        for connector in connectors
    ]


def acts_of(station: ChargePoint) -> list[Act]:
    """What can be done with the charger as a whole."""
    away = why_no_command(station)
    return [
        Act(
            _("Trigger status"),
            "refresh",
            send_url(station, "TriggerMessage", requested_message="StatusNotification"),
            away,
        ),
        Act(_("Reset…"), "stop", send_url(station, "Reset"), away),
    ]


def why_no_command(station: ChargePoint) -> str:
    if station.archived_at is not None:
        return _("The charger is archived.")
    return "" if station.is_online else _("The charger is not connected.")


def send_url(station: ChargePoint, action: str, tab: str = "now", **entries: Any) -> str:
    """The form of a command, which leads back to the charger's tab."""
    entries["next"] = f"{reverse('screens:charger', args=[station.pk])}?tab={tab}"
    return f"{reverse('screens:send', args=[station.pk, action])}?{urlencode(entries)}"


def _acts(station: ChargePoint, connector: Connector, session: Transaction | None) -> Iterator[Act]:
    away, number = why_no_command(station), connector.connector_id
    start = send_url(station, "RemoteStartTransaction", connector_id=number)
    yield Act(_("Start…"), "play", start, away or _why_no_start(connector, session))
    stop = send_url(station, "RemoteStopTransaction", transaction_id=session.pk if session else "")
    yield Act(_("Stop…"), "stop", stop, away or ("" if session else _("no session runs here.")))
    yield Act(_("Unlock…"), "unlock", send_url(station, "UnlockConnector", connector_id=number), away)
    yield Act(_("Limit…"), "gauge", send_url(station, "limit", connector_id=number), away)
    is_out = connector.status == ChargePointStatus.UNAVAILABLE
    label = _("Put into service…") if is_out else _("Out of service…")
    kind = "Operative" if is_out else "Inoperative"
    url = send_url(station, "ChangeAvailability", connector_id=number, type=kind)
    yield Act(label, "plug" if is_out else "blocked", url, away)


def _why_no_start(connector: Connector, session: Transaction | None) -> str:
    if session is not None:
        return _("a session runs here.")
    if connector.status == ChargePointStatus.FAULTED:
        return _("the connector is faulted.")
    if connector.status == ChargePointStatus.UNAVAILABLE:
        return _("the connector is out of service.")
    return ""
