"""What is stored about one person: given to them in full, and forgotten.

A person is an account with its cards, or a card whose holder has no account. Erasing leaves what the operator has to
keep and nobody can be found by: each session's place, time and energy.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from auditlog.context import disable_auditlog
from auditlog.models import LogEntry
from axes.models import AccessAttempt, AccessLog
from django.contrib.admin.models import LogEntry as AdminLogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import CharField, Model, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat, Upper
from django.utils import timezone
from django.utils.translation import gettext as _

from certificates.models import SecurityUpgrade, SigningRequest, StationCertificate
from stations import changes
from stations.models import Command, CommandBatch, Message
from transactions import monthly_sums
from transactions.models import EndedBy, IdTag, MeterValue, OrphanedStop, Reservation, Transaction, UnknownIdTag
from transactions.samples import samples_of
from transfers.models import Campaign

from . import administration, audit, second_factor
from .administration import NotPossible
from .models import Membership, Preferences

#: What stands where a card's number stood; behind it the session's own number, so that no two belong together.
ERASED = "erased"


@dataclass(frozen=True)
class Subject:
    """Whose data: an account with its cards, or (`user` None) one card."""

    user: User | None
    tags: tuple[IdTag, ...]

    @classmethod
    def of_user(cls, user: User) -> Subject:
        return cls(user, tuple(user.id_tags.select_related("group", "site").order_by("id_tag")))

    @classmethod
    def of_tag(cls, tag: IdTag) -> Subject:
        """The card's owner, if it has one."""
        return cls.of_user(tag.user) if tag.user else cls(None, (tag,))

    @property
    def numbers(self) -> list[str]:
        """Their cards' numbers in capitals: OCPP knows no other difference."""
        return [tag.id_tag.upper() for tag in self.tags]

    def sessions(self) -> QuerySet[Transaction]:
        rows = Transaction.objects.alias(number=Upper("id_tag"))
        return rows.filter(Q(tag__in=self.tags) | Q(number__in=self.numbers)).order_by("started_at", "pk")

    def __str__(self) -> str:
        return self.user.get_username() if self.user else str(self.tags[0])


def export(subject: Subject) -> Iterator[tuple[str, Any]]:
    """Names and values (plain JSON, moments as ISO 8601) of everything that is stored about the person.

    Each session comes last and as a value of its own, ("session", …), with its readings: there may be many.
    """
    yield "exported_at", timezone.now().isoformat()
    yield "account", _account(subject.user) if subject.user else None
    yield "tags", [_tag(tag) for tag in subject.tags]
    yield (
        "reservations",
        [
            {"id": row.pk, "tag": row.id_tag, "made": _moment(row.created_at), "until": _moment(row.expires_at)}
            for row in _naming(Reservation, subject)
        ],
    )
    yield "stops_without_session", [_stop(row) for row in _naming(OrphanedStop, subject).select_related("charge_point")]
    yield (
        "attempts_before_entry",
        [_attempts(row) for row in _naming(UnknownIdTag, subject).select_related("charge_point")],
    )
    yield "history", [_change(entry) for entry in _history_of(subject).order_by("pk")]
    for session in subject.sessions().select_related("charge_point", "connector").iterator(200):
        yield "session", _session(session)


def as_json(subject: Subject) -> Generator[bytes, None, None]:
    """`export` as one JSON object, in pieces; its sessions are a list."""
    yield b"{"
    sessions = 0
    for name, value in export(subject):
        text = json.dumps(value, ensure_ascii=False)
        if name != "session":
            yield f"{json.dumps(name)}: {text},\n".encode()
            continue
        yield (b",\n" if sessions else b'"sessions": [\n') + text.encode()
        sessions += 1
    yield b"]}\n" if sessions else b'"sessions": []}\n'


def _account(user: User) -> dict[str, Any]:
    preferences = Preferences.objects.filter(user=user).first()
    summary = second_factor.summary(user)
    return {
        "name": user.username,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "email": user.email,
        "added": _moment(user.date_joined),
        "last_login": _moment(user.last_login),
        "is_active": user.is_active,
        "roles": [group.name for group in user.groups.all()],
        "roles_at_sites": [f"{row.role}: {row.site.name}" for row in user.memberships.select_related("site")],
        "language": preferences.language if preferences else "",
        "time_zone": preferences.time_zone if preferences else "",
        "second_factor_since": _moment(summary.since) if summary else None,
    }


def _tag(tag: IdTag) -> dict[str, Any]:
    return {
        "number": tag.id_tag,
        "holder": tag.holder,
        "note": tag.note,
        "group": tag.group.name or tag.group.parent_id_tag if tag.group else "",
        "site": tag.site.name if tag.site else "",
        "blocked": tag.blocked,
        "expires": _moment(tag.expires_at),
        "created": _moment(tag.created_at),
        "archived": _moment(tag.archived_at),
    }


def _session(session: Transaction) -> dict[str, Any]:
    readings = MeterValue.objects.filter(transaction=session).order_by("timestamp", "pk")
    return {
        "transaction": session.pk,
        "tag": session.id_tag,
        "charger": session.charge_point.identity,
        "connector": session.connector.connector_id,
        "started": _moment(session.started_at),
        "stopped": _moment(session.stopped_at),
        "energy_wh": session.energy_wh,
        "stop_reason": session.stop_reason,
        "readings": [_reading(row) for row in readings.iterator(500)],
    }


def _stop(stop: OrphanedStop) -> dict[str, Any]:
    return {
        "charger": stop.charge_point.identity,
        "tag": stop.id_tag,
        "stopped": _moment(stop.stopped_at),
        "meter_stop_wh": stop.meter_stop_wh,
        "stop_reason": stop.reason,
        "readings": stop.transaction_data,
    }


def _attempts(unknown: UnknownIdTag) -> dict[str, Any]:
    return {
        "charger": unknown.charge_point.identity,
        "tag": unknown.id_tag,
        "attempts": unknown.count,
        "first": _moment(unknown.first_at),
        "last": _moment(unknown.last_at),
    }


def _reading(row: MeterValue) -> dict[str, Any]:
    """With what its columns hold: that is nearly everything."""
    return {"at": _moment(row.timestamp), "samples": [sample.raw() for sample in samples_of(row)]}


def _naming(model: Any, subject: Subject) -> QuerySet[Any]:
    """Rows of a model that has no card of its own but names one."""
    rows: QuerySet[Any] = model.objects.alias(number=Upper("id_tag")).filter(number__in=subject.numbers)
    return rows.order_by("pk")


def _change(entry: LogEntry) -> dict[str, Any]:
    what = audit.event_of(entry) or entry.get_action_display()
    return {"at": _moment(entry.timestamp), "what": what, "about": entry.object_repr, "from": entry.remote_addr}


def _moment(at: Any) -> str | None:
    return at.isoformat() if at else None


def _history_of(subject: Subject) -> QuerySet[LogEntry]:
    """Rows about the person's account and cards, and what they did themselves."""
    about = Q(content_type=ContentType.objects.get_for_model(IdTag), object_id__in=[tag.pk for tag in subject.tags])
    if subject.user:
        of_account = Q(content_type=ContentType.objects.get_for_model(User), object_id=subject.user.pk)
        about |= of_account | Q(actor=subject.user)
    rows: QuerySet[LogEntry] = LogEntry.objects.filter(about)
    return rows


@transaction.atomic
def erase(subject: Subject, *, by: User | None) -> dict[str, int]:
    """Forget who the person is; returns how many rows of each kind that concerned. Raises NotPossible.

    Sessions keep charger, times, readings and energy, without number and card. Cards are gone, and so are the log's
    frames, the refused attempts and the history that name them. The account stays as an empty shell, since commands and
    corrections are signed by it. Nothing of it can be taken back. `by` None is the command line.
    """
    tags = IdTag.objects.select_for_update(of=("self",)).filter(pk__in=[tag.pk for tag in subject.tags])
    list(tags)  # whoever starts a session with one of them at this moment waits, or is seen below
    sessions = subject.sessions()
    if sessions.filter(ended_by=EndedBy.OPEN).exists():
        raise NotPossible(_("A session of this person is running. Stop it first: its bill is not finished."))
    with disable_auditlog():
        counts = _erase_cards(subject, sessions)
        _erase_from_history(subject)
        if subject.user:
            _erase_account(subject.user, by)
    about: Any = subject.user or IdTag
    audit.record(audit.Event.DATA_ERASED, about, actor=by, **counts)
    changes.note("tags", "transactions")
    return counts


def _erase_cards(subject: Subject, sessions: QuerySet[Transaction]) -> dict[str, int]:
    numbers = subject.numbers
    monthly_sums.stale(sessions.order_by().values_list("started_at", flat=True).iterator(2000))
    stopped = Transaction.objects.alias(number=Upper("stop_id_tag")).filter(number__in=numbers)
    stopped.update(stop_id_tag=ERASED)
    nobody = Concat(Value(f"{ERASED}-"), Cast("pk", CharField()))
    counts = {"sessions": sessions.order_by().update(id_tag=nobody, tag=None)}
    models: tuple[Any, ...] = (Reservation, OrphanedStop)
    for model in models:
        _naming(model, subject).update(id_tag=ERASED)
    _naming(UnknownIdTag, subject).delete()
    for number in numbers:
        _erase_from_records(number)
    counts["tags"] = (
        IdTag.objects.filter(pk__in=[tag.pk for tag in subject.tags]).delete()[1].get("transactions.IdTag", 0)
    )
    return counts


def _erase_from_records(number: str) -> None:
    """The OCPP log and the commands that name a card."""
    models: tuple[Any, ...] = (Command, CommandBatch)
    for spelt in _spelt_in_json(number):
        Message.objects.filter(text__icontains=spelt).delete()
        for model in models:
            for row in model.objects.filter(payload__icontains=spelt).iterator(200):
                model.objects.filter(pk=row.pk).update(payload=_without(row.payload, number))


def _spelt_in_json(number: str) -> set[str]:
    """As most stations write it, and with the escapes that others and SQLite's JSON have."""
    return {json.dumps(number, ensure_ascii=only_ascii) for only_ascii in (False, True)}


def _without(value: Any, number: str, instead: str = ERASED) -> Any:
    """A payload with `instead` wherever a text is the number."""
    match value:
        case dict():
            return {key: _without(inner, number, instead) for key, inner in value.items()}
        case list():
            return [_without(inner, number, instead) for inner in value]
        case str() if value.upper() == number:
            return instead
    return value


def _erase_from_history(subject: Subject) -> None:
    """What our history and the administration's say of the cards and of the account's roles and second factor.

    Rows about others stay, without the name: whose account a card was before, and what a file was filtered by.
    """
    _history_of(Subject(None, subject.tags)).delete()
    _delete_administrations(IdTag, [tag.pk for tag in subject.tags])
    names = {*subject.numbers, *(tag.holder.upper() for tag in subject.tags)}
    if user := subject.user:
        _delete_administrations(User, [user.pk])
        names |= {name.upper() for name in (user.username, user.get_full_name(), user.first_name, user.last_name)}
        devices = ContentType.objects.get_for_models(*second_factor.MODELS).values()
        LogEntry.objects.filter(content_type__in=devices, object_repr__endswith=f" ({user.username})").delete()
        for spelt in _spelt_in_json(user.username):
            naming = LogEntry.objects.filter(changes__user__icontains=spelt)
            naming.filter(content_type=ContentType.objects.get_for_model(Membership)).delete()
            for entry in naming.iterator(200):
                changed = _without(entry.changes, user.username.upper(), _shell_of(user))
                LogEntry.objects.filter(pk=entry.pk).update(changes=changed)
    _erase_from_addresses(names - {""})


def _delete_administrations(model: type[Model], keys: list[int]) -> None:
    kept = AdminLogEntry.objects.filter(content_type=ContentType.objects.get_for_model(model))
    kept.filter(object_id__in=map(str, keys)).delete()


def _erase_from_addresses(names: set[str]) -> None:
    """Addresses of files that were filtered by one of the names lose what they asked for."""
    files = LogEntry.objects.filter(additional_data__event=audit.Event.DOWNLOAD, additional_data__path__icontains="=")
    for entry in files.iterator(200):
        path, _mark, query = str((entry.additional_data or {}).get("path", "")).partition("?")
        if any(value.strip().upper() in names for _name, value in parse_qsl(query)):
            LogEntry.objects.filter(pk=entry.pk).update(additional_data={**entry.additional_data, "path": path})


def _erase_account(user: User, by: User | None) -> None:
    administration.deactivate(user, by=by)  # not oneself, not the last administrator
    LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(User), object_id=user.pk).delete()
    LogEntry.objects.filter(actor=user).update(remote_addr=None, actor_email=None)
    for model in (AccessAttempt, AccessLog):
        model.objects.filter(username__iexact=user.username).delete()  # as they typed it
    _erase_signatures(user)
    second_factor.remove(user)
    Membership.objects.filter(user=user).delete()
    Preferences.objects.filter(user=user).delete()
    user.groups.clear()
    user.username, user.first_name, user.last_name, user.email = _shell_of(user), "", "", ""
    user.is_active = user.is_staff = user.is_superuser = False
    user.set_unusable_password()
    user.save()


def _shell_of(user: User) -> str:
    """What the account is called from now on."""
    return f"{ERASED}-{user.pk}"


def _erase_signatures(user: User) -> None:
    """The account's name beside what it ordered and decided, and from where: the shell's name stands there now.

    That beside a correction of a session stays: it is evidence in accounts.
    """
    name, shell = user.username, _shell_of(user)
    ordered: tuple[Any, ...] = (Command, CommandBatch, Campaign, SecurityUpgrade)
    for model in ordered:
        model.objects.filter(created_by=user, actor=name).update(actor=shell)
    sent_from: tuple[Any, ...] = (Command, CommandBatch, Campaign)
    for model in sent_from:
        model.objects.filter(created_by=user).update(remote_address="")
    SigningRequest.objects.filter(decided_by=name).update(decided_by=shell)
    StationCertificate.objects.filter(revoked_by=name).update(revoked_by=shell)
