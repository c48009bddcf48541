"""What a form offers to choose from: (value, label) pairs. Anything else may be typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from stations.models import ChargePoint, CommandStatus
from transactions.models import IdTag, Reservation, Transaction

Suggestions = list[tuple[str, str]]
#: More would make the page heavy; a number that is not offered can be typed.
MAX_SUGGESTIONS = 300


def connectors(station: ChargePoint | None) -> Suggestions:
    """The station's outlets with their state."""
    known = station.connectors.exclude(connector_id=0).order_by("connector_id") if station else ()
    return [(str(row.connector_id), str(row.get_status_display() or _("connector"))) for row in known]


def connectors_and_station(station: ChargePoint | None) -> Suggestions:
    return [("0", _("the whole charger")), *connectors(station)]


def id_tags(station: ChargePoint | None) -> Suggestions:
    """Tags that may charge, by holder."""
    now = timezone.now()
    usable = IdTag.objects.filter(Q(expires_at=None) | Q(expires_at__gt=now), archived_at=None, blocked=False)
    rows = usable.order_by("holder", "id_tag").values_list("id_tag", "holder")[:MAX_SUGGESTIONS]
    return [(id_tag, holder or id_tag) for id_tag, holder in rows]


def running_sessions(station: ChargePoint | None) -> Suggestions:
    if station is None:
        return []
    running = Transaction.objects.running().filter(charge_point=station).select_related("connector", "tag")
    return [(str(session.pk), session_label(session)) for session in running.order_by("-pk")[:MAX_SUGGESTIONS]]


def session_label(session: Transaction) -> str:
    since = date_format(timezone.localtime(session.started_at), "SHORT_DATETIME_FORMAT")
    words = {"connector": session.connector.connector_id, "holder": session.tag or session.id_tag, "since": since}
    return _("connector %(connector)s, %(holder)s, since %(since)s") % words


def reservations(station: ChargePoint | None) -> Suggestions:
    if station is None:
        return []
    kept = Reservation.objects.open().filter(connector__charge_point=station).select_related("connector")
    label = _("connector %(connector)s, %(tag)s")
    return [
        (str(row.reservation_id), label % {"connector": row.connector.connector_id, "tag": row.id_tag})
        for row in kept.order_by("-pk")[:MAX_SUGGESTIONS]
    ]


def certificate_values(member: str) -> Callable[[ChargePoint | None], Suggestions]:
    """A member of the hashes that the station gave when it was last asked for its certificates."""

    def known(station: ChargePoint | None) -> Suggestions:
        serial = _("serial number %(serial)s")
        return [(str(entry[member]), serial % {"serial": entry["serialNumber"]}) for entry in _certificates(station)]

    return known


def _certificates(station: ChargePoint | None) -> list[dict[str, Any]]:
    if station is None:
        return []
    listed = station.commands.filter(action="GetInstalledCertificateIds", status=CommandStatus.ACCEPTED)
    answers = listed.order_by("-created_at").values_list("answer", flat=True)[:2]  # there are two uses to ask for
    return [entry for answer in answers for entry in (answer or {}).get("certificateHashData", ())]


def writable_keys(station: ChargePoint | None) -> Suggestions:
    """The keys the station told us with their values; the specification's own for one that has not been read."""
    return _keys(station, writable=True) or [(key, "") for key in STANDARD_KEYS]


def all_keys(station: ChargePoint | None) -> Suggestions:
    return _keys(station, writable=False) or [(key, "") for key in STANDARD_KEYS]


def _keys(station: ChargePoint | None, *, writable: bool) -> Suggestions:
    if station is None:
        return []
    rows = station.configuration_keys.filter(readonly=False) if writable else station.configuration_keys.all()
    return [(key, value or "") for key, value in rows.order_by("key").values_list("key", "value")[:MAX_SUGGESTIONS]]


#: Settings a central system may change (§9); what a station has beyond them it tells itself.
STANDARD_KEYS = (
    "AllowOfflineTxForUnknownId",
    "AuthorizationCacheEnabled",
    "AuthorizeRemoteTxRequests",
    "BlinkRepeat",
    "ClockAlignedDataInterval",
    "ConnectionTimeOut",
    "ConnectorPhaseRotation",
    "CpoName",
    "HeartbeatInterval",
    "LightIntensity",
    "LocalAuthListEnabled",
    "LocalAuthorizeOffline",
    "LocalPreAuthorize",
    "MaxEnergyOnInvalidId",
    "MessageTimeout",
    "MeterValueSampleInterval",
    "MeterValuesAlignedData",
    "MeterValuesSampledData",
    "MinimumStatusDuration",
    "ResetRetries",
    "StopTransactionOnEVSideDisconnect",
    "StopTransactionOnInvalidId",
    "StopTxnAlignedData",
    "StopTxnSampledData",
    "TransactionMessageAttempts",
    "TransactionMessageRetryInterval",
    "UnlockConnectorOnEVSideDisconnect",
    "WebSocketPingInterval",
)
