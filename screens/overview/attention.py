"""What needs a person: every concern with one suggested action. Read from rows that exist anyway, kept nowhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

from django.conf import settings
from django.db.models import Exists, F, Max, OuterRef, Q, Subquery
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from people.access import Access
from stations.models import (
    UNANSWERED_STATUSES,
    ChargePoint,
    ChargePointStatus,
    Command,
    CommandSource,
    CommandStatus,
    Connector,
    EffectStatus,
    ProgressReport,
    RegistrationStatus,
    StatusRecord,
)
from transactions.models import MeterValue, Transaction, UnknownIdTag
from transactions.unknown import still_unknown
from transfers.models import FirmwareUpdate

from ..templatetags.screens import masked_number
from . import security
from .concern import MOST, Concern
from .concern import View as _View

SETTLING = timedelta(minutes=5)
NO_POWER_AFTER = timedelta(minutes=30)
RECENT = timedelta(days=1)
FIRMWARE_RECENT = timedelta(days=7)


def concerns(access: Access, *, site: int | None = None) -> list[Concern]:
    """What needs a person at the sites that `access` shows, or at one of them; the most urgent kinds first."""
    now = timezone.now()
    found = (concern for look in _LOOKS for concern in islice(look(_View(access, site, now)), MOST))
    return list(islice(found, MOST))


def _charger(charge_point: ChargePoint, tab: str = "") -> str:
    return reverse("screens:charger", args=[charge_point.pk]) + (f"?tab={tab}" if tab else "")


def _send(charge_point: ChargePoint, action: str) -> str:
    return reverse("screens:send", args=[charge_point.pk, action])


def _faulted(view: _View) -> Iterator[Concern]:
    connectors = view.narrow(Connector.objects.all(), "stations.view_chargepoint", "charge_point__")
    faulted = connectors.filter(view.online("charge_point__"), status=ChargePointStatus.FAULTED)
    for connector in faulted.select_related("charge_point").order_by("status_at")[:MOST]:
        station = connector.charge_point
        may_send = view.access.on("stations.send_command", station)
        yield Concern(
            "warning",
            _at(station, connector.connector_id),
            _("Faulted: %(code)s") % {"code": connector.error_code or "–"},
            connector.status_at,
            _charger(station),
            _("Restart…") if may_send else _("Open"),
            _send(station, "Reset") if may_send else _charger(station),
            in_sheet=may_send,
        )


def _offline(view: _View) -> Iterator[Concern]:
    stations = view.narrow(ChargePoint.objects.all(), "stations.view_chargepoint", "")
    silent = view.now - 2 * timedelta(seconds=settings.HEARTBEAT_INTERVAL)
    gone = stations.filter(
        ~view.online(""), registration_status=RegistrationStatus.ACCEPTED, last_seen_at__lt=silent
    ).order_by("-last_seen_at")
    for station in gone[:MOST]:
        help_url = _charger(station, "details")
        yield Concern(
            "offline", str(station), _("Not connected"), station.last_seen_at, _charger(station), _HELP, help_url
        )


def _open_without_car(view: _View) -> Iterator[Concern]:
    """Sessions that run while the connector is free again, or while nobody knows because the charger is away."""
    running = _running(view).filter(started_at__lt=view.now - SETTLING)
    free = view.online("charge_point__") & Q(
        connector__status=ChargePointStatus.AVAILABLE, connector__status_at__lt=view.now - SETTLING
    )
    away = ~view.online("charge_point__") & Q(charge_point__last_seen_at__lt=view.now - SETTLING)
    for row in running.filter(free | away).annotate(is_free=Exists(running.filter(free, pk=OuterRef("pk"))))[:MOST]:
        text = (
            _("Session runs, but the connector is free") if row.is_free else _("Session runs, but the charger is away")
        )
        yield _of_session(row, "bolt", text, _("Look and close"))


def _no_power(view: _View) -> Iterator[Concern]:
    """Charging by its own word, yet nothing flowed for half an hour."""
    # the connector too: with it the unique index serves, whichever transaction is meant
    window = MeterValue.objects.filter(
        connector=OuterRef("connector"), transaction=OuterRef("pk"), timestamp__gt=view.now - NO_POWER_AFTER
    )
    first = window.filter(energy_wh__isnull=False).order_by("timestamp").values("energy_wh")[:1]
    still = _running(view).filter(
        view.online("charge_point__"),
        started_at__lt=view.now - NO_POWER_AFTER,
        connector__status=ChargePointStatus.CHARGING,
        connector__status_at__lt=view.now - NO_POWER_AFTER,
    )
    still = still.annotate(register_then=Subquery(first), flowed=Exists(window.filter(power_w__gt=0)))
    for row in still.filter(register_then=F("register_wh"), flowed=False)[:MOST]:
        yield _of_session(row, "gauge", _("Charging without power for half an hour"), _("Look at the session"))


def _running(view: _View) -> Any:
    rows = view.narrow(Transaction.objects.running(), "transactions.view_transaction", "charge_point__")
    return rows.select_related("charge_point", "connector").order_by("started_at")


def _of_session(row: Transaction, kind: str, text: str, action: str) -> Concern:
    url = reverse("screens:transaction", args=[row.pk])
    return Concern(kind, _at(row.charge_point, row.connector.connector_id), text, row.started_at, url, action, url)


def _clock_off(view: _View) -> Iterator[Concern]:
    records = StatusRecord.objects.filter(clock_suspect=True, received_at__gt=view.now - RECENT)
    records = view.narrow(records, "stations.view_chargepoint", "connector__charge_point__")
    latest = records.order_by().values("connector__charge_point").annotate(at=Max("received_at"))
    at = {row["connector__charge_point"]: row["at"] for row in latest[:MOST]}
    for station in ChargePoint.objects.filter(pk__in=at):
        may_send = view.access.on("stations.send_command", station)
        yield Concern(
            "clock",
            str(station),
            _("Its clock is wrong"),
            at[station.pk],
            _charger(station, "history"),
            _("Restart…") if may_send else _("Open"),
            _send(station, "Reset") if may_send else _charger(station),
            in_sheet=may_send,
        )


def _unknown_tags(view: _View) -> Iterator[Concern]:
    midnight = timezone.localtime(view.now).replace(hour=0, minute=0, second=0, microsecond=0)
    tags = view.narrow(
        UnknownIdTag.objects.filter(last_at__gte=midnight), "transactions.view_unknownidtag", "charge_point__"
    )
    last = list(still_unknown(tags).order_by("-last_at").values_list("id_tag", "last_at")[:MOST])
    if not last:
        return
    count = len({number.upper() for number, _at_ in last})
    text = ngettext("%(count)d unknown tag today", "%(count)d unknown tags today", count) % {"count": count}
    url = reverse("screens:unknown_tags")
    is_masked = not view.access.somewhere("transactions.change_idtag")
    newest = dict.fromkeys(masked_number(number) if is_masked else number[:40] for number, _at_ in last[:3])
    action = _ADD if view.access.somewhere("transactions.add_idtag") else _("Open")
    yield Concern("card", text, ", ".join(newest), last[0][1], url, action, url)


def _failed_commands(view: _View) -> Iterator[Concern]:
    """What people asked for in the last day and did not get, and have not asked again."""
    unanswered = Q(status__in=UNANSWERED_STATUSES)
    # many restart at once and answer nothing: what follows tells whether it was done
    unanswered &= ~Q(effect_status__in=[EffectStatus.AWAITED, EffectStatus.SEEN])
    failed = Q(status=CommandStatus.REJECTED) | unanswered | Q(effect_status=EffectStatus.MISSED)
    rows = Command.objects.filter(failed, created_at__gt=view.now - RECENT).exclude(source=CommandSource.SYSTEM)
    again = Command.objects.filter(
        charge_point=OuterRef("charge_point"), action=OuterRef("action"), created_at__gt=OuterRef("created_at")
    )
    rows = view.narrow(rows.filter(~Exists(again)), "stations.view_command", "charge_point__")
    for command in rows.select_related("charge_point").order_by("-created_at")[:MOST]:
        text = _("%(command)s: %(end)s") % {"command": command.action, "end": _end_of(command)}
        url = reverse("screens:command", args=[command.pk])
        yield Concern("send", str(command.charge_point), text, command.created_at, url, _("See why"), url)


def _end_of(command: Command) -> str:
    missed = command.status == CommandStatus.ACCEPTED and command.effect_status == EffectStatus.MISSED
    return str(_("accepted, but nothing followed") if missed else command.get_status_display())


def _updates_failed(view: _View) -> Iterator[Concern]:
    """The last update of a charger that ended badly, alone or in a campaign."""
    rows = FirmwareUpdate.objects.filter(created_at__gt=view.now - FIRMWARE_RECENT)
    later = rows.filter(charge_point=OuterRef("charge_point"), created_at__gt=OuterRef("created_at"))
    bad = [FirmwareUpdate.State.FAILED, FirmwareUpdate.State.UNVERIFIED]
    rows = view.narrow(rows.filter(~Exists(later), state__in=bad), "transfers.view_firmwareupdate", "charge_point__")
    for update in rows.select_related("charge_point", "firmware").order_by("-ended_at")[:MOST]:
        words = update.get_failure_display() if update.failure else update.get_state_display()
        text = _("Firmware %(version)s: %(reason)s") % {"version": update.firmware.version, "reason": words}
        url = reverse("screens:firmware_update", args=[update.pk])
        yield Concern("download", str(update.charge_point), text, update.ended_at, url, _("See why"), url)


def _firmware_failed(view: _View) -> Iterator[Concern]:
    """What chargers report of updates that were not begun as such here: by an expert's command, or elsewhere."""
    ours = FirmwareUpdate.objects.filter(
        charge_point=OuterRef("charge_point"), reported_at__gt=view.now - FIRMWARE_RECENT
    )
    kinds = [ProgressReport.Kind.FIRMWARE, ProgressReport.Kind.SIGNED_FIRMWARE]
    rows = ProgressReport.objects.filter(kind__in=kinds, received_at__gt=view.now - FIRMWARE_RECENT)
    later = rows.filter(charge_point=OuterRef("charge_point"), pk__gt=OuterRef("pk"))
    failed = Q(status__endswith="Failed") | Q(status__in=["InvalidSignature", "CertificateVerificationFailed"])
    rows = rows.filter(failed, ~Exists(later), ~Exists(ours))
    rows = view.narrow(rows, "stations.view_progressreport", "charge_point__")
    for report in rows.select_related("charge_point").order_by("-pk")[:MOST]:
        station = report.charge_point
        text = _("Firmware: %(step)s") % {"step": report.status}
        url = _charger(station, "history")
        yield Concern("download", str(station), text, report.received_at, url, _("Open"), url)


def _at(station: ChargePoint, connector_id: int) -> str:
    return f"{station} / {connector_id}" if connector_id else str(station)


_HELP = gettext_lazy("Connection help")
_ADD = gettext_lazy("Add…")
_LOOKS: tuple[Callable[[_View], Iterator[Concern]], ...] = (
    security.alarms,
    _faulted,
    _open_without_car,
    _no_power,
    _offline,
    _failed_commands,
    _updates_failed,
    _firmware_failed,
    security.upgrades_that_wait,
    security.requests_that_wait,
    security.certificates_that_end,
    _clock_off,
    _unknown_tags,
)
