"""From a request to the station's last word on it, by the clock: sign, send CertificateSigned, send again (A02).

The answer to SignCertificate has left when the certificate follows. The command's row says how it went; a command waits
for a station that is away.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from stations import changes
from stations.commands import CommandRefused, queue_command
from stations.models import OPEN_STATUSES, Command, CommandStatus, ConfigurationKey, CredentialKind
from stations.one_by_one import each

from . import authority, requests
from . import x509 as certificates
from .models import SigningRequest, StationCertificate
from .requests import MAX_CHAIN, TOPIC, CannotSign

State = SigningRequest.State

#: The answer to SignCertificate leaves first.
AFTER_ANSWER = timedelta(seconds=1)
#: A command waits this long for a station that is away.
WAITS_FOR_STATION = timedelta(days=7)
#: Between deliveries that got lost on the line.
PAUSES = (timedelta(minutes=1), timedelta(minutes=10))
MOST_DELIVERIES = len(PAUSES) + 1
#: A station without a password may be anybody: it is signed for only if we have just asked it.
ASKED_WITHIN = timedelta(hours=1)
#: The key's name, and what the text of the same white paper calls it.
MAX_CHAIN_KEYS = ("CERTIFICATESIGNEDMAXCHAINSIZE", "CERTIFICATESIGNEDMAXSIZE")
_UNKNOWN_ACTION = ("NotImplemented", "NotSupported")
_GIVEN_UP = (CommandStatus.CANCELLED, CommandStatus.EXPIRED)


def advance_all(now: datetime) -> int:
    """Take every request a step further that can go on; how many did. For the clock."""
    return each(_due(now).order_by("pk").values_list("pk", flat=True), lambda pk: _advance(pk, now))


def _due(now: datetime) -> QuerySet[SigningRequest]:
    """Requests that need no person and no answer: to be signed here, to be sent, or with a command that is over."""
    ca = authority.current()
    to_sign = _to_sign(now) if ca is not None and ca.can_sign else SigningRequest.objects.none()
    to_send = Q(state=State.SIGNED) & (Q(next_delivery_at=None) | Q(next_delivery_at__lte=now))
    answered = Q(state=State.SENT) & (Q(command=None) | ~Q(command__status__in=OPEN_STATUSES))
    due = SigningRequest.objects.filter(ended_at=None, received_at__lte=now - AFTER_ANSWER)
    return due.filter(to_send | answered | Q(pk__in=to_sign.values("pk")))


def _to_sign(now: datetime) -> QuerySet[SigningRequest]:
    """Waiting requests of stations that have proved who they are, or that we have just asked for one."""
    asked = Command.objects.filter(
        charge_point=OuterRef("charge_point"),
        action="ExtendedTriggerMessage",
        payload__requestedMessage="SignChargePointCertificate",
        sent_at__gt=now - ASKED_WITHIN,
    )
    proved = ~Q(charge_point__credential_kind=CredentialKind.NONE) | Q(charge_point__security_profile__gt=0)
    waiting = SigningRequest.objects.filter(state=State.WAITING, ended_at=None)
    return waiting.filter(proved | Exists(asked))


def _advance(pk: int, now: datetime) -> bool:
    rows = SigningRequest.objects.select_for_update(of=("self",), no_key=True)
    row = rows.select_related("charge_point", "certificate", "command").filter(pk=pk, ended_at=None).first()
    if row is None:
        return False
    match row.state:
        case State.WAITING:
            return _sign(row, now)
        case State.SIGNED:
            return _send(row, now)
        case State.SENT:
            return _look(row, now)
    return False


def _sign(row: SigningRequest, now: datetime) -> bool:
    try:
        requests.sign(row)
    except CannotSign:
        return False
    return _advance(row.pk, now)


def _send(row: SigningRequest, now: datetime) -> bool:
    certificate = row.certificate
    if certificate is None or certificate.is_revoked or certificate.not_after <= now:
        return _end(row, State.FAILED, now)
    if row.command is not None and (word := _word(row.command)):
        return _take_word(row, word, now)
    # without an idempotency key, which would lock the station after the request: a writer's batch locks it before
    try:
        command = queue_command(
            row.charge_point,
            "CertificateSigned",
            {"certificateChain": _chain_for(certificate)},
            valid_until=now + WAITS_FOR_STATION,
        )
    except CommandRefused:  # it is archived
        return _end(row, State.FAILED, now)
    row.state, row.command, row.deliveries = State.SENT, command, row.deliveries + 1
    row.save(update_fields=["state", "command", "deliveries"])
    changes.note(changes.station(row.charge_point_id), TOPIC)
    return True


def _chain_for(certificate: StationCertificate) -> str:
    """As much of the chain as the station takes; without the CAs in between it still logs in, for we know those."""
    limit = MAX_CHAIN
    for key in ConfigurationKey.objects.filter(charge_point=certificate.charge_point_id):
        if key.key.upper() in MAX_CHAIN_KEYS and (key.value or "").isdecimal():
            limit = min(limit, int(key.value or 0))
    chain = certificates.read_chain(certificate.chain)
    while len(chain) > 1 and len(certificates.pem_of(chain)) > limit:
        chain.pop()
    return certificates.pem_of(chain)


def _look(row: SigningRequest, now: datetime) -> bool:
    """What became of the command; where it got lost it is sent again after a pause."""
    command = row.command
    if command is not None and not command.is_final:
        return False
    if command is not None and (word := _word(command)):
        return _take_word(row, word, now)
    is_over = command is None or command.status in _GIVEN_UP or command.error_code in _UNKNOWN_ACTION
    if is_over or row.deliveries >= MOST_DELIVERIES:
        return _end(row, State.FAILED, now)
    row.state, row.next_delivery_at = State.SIGNED, now + PAUSES[row.deliveries - 1]
    row.save(update_fields=["state", "next_delivery_at"])
    return True


def _word(command: Command) -> str:
    """What the station said: its status, also where it came too late; nothing where it said none."""
    for answer in (command.answer, command.late_answer):
        if isinstance(answer, dict) and isinstance(answer.get("status"), str):
            return str(answer["status"])
    return ""


@transaction.atomic
def answered(command: Command, status: str) -> None:
    """The station's answer to CertificateSigned."""
    rows = SigningRequest.objects.select_for_update(of=("self",), no_key=True).select_related("certificate")
    for row in rows.filter(command=command):
        _take_word(row, status, timezone.now())


def _take_word(row: SigningRequest, status: str, now: datetime) -> bool:
    is_accepted = status == "Accepted"
    if is_accepted:
        StationCertificate.objects.filter(requests=row, delivered_at=None).update(delivered_at=now)
    return _end(row, State.ACCEPTED if is_accepted else State.REJECTED, now)


def _end(row: SigningRequest, state: SigningRequest.State, now: datetime) -> bool:
    """One that a later request has replaced stays so."""
    ended = SigningRequest.objects.filter(pk=row.pk, ended_at=None).update(state=state, ended_at=now)
    changes.note(changes.station(row.charge_point_id), TOPIC)
    return ended == 1
