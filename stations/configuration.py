"""Configuration keys: what stations say they are set to, what they should be set to, and how they get there (§9)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import structlog
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from . import batches, templates, write_batch
from .commands import SYSTEM, CommandRefused, Origin, queue_command
from .masking import MASK, is_secret_key, masked
from .models import ChargePoint, Command, CommandBatch, CommandSource, ConfigurationKey
from .models.provisioning import MAX_VALUE_LENGTH, check_shared_key

MAX_KEY_LENGTH = 50
#: Of one station: beyond that its page in the admin could not be saved any more. Real ones have 200.
MAX_KEYS = 1000
#: Answers to ChangeConfiguration after which the station has the value, the second one after a reset.
TAKEN = ("Accepted", "RebootRequired")
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ReportedKey:
    """A key as a station reports it; None is a value that is not set or not to be read."""

    key: str
    readonly: bool
    value: str | None


# What stations answer


@transaction.atomic
def record_reading(
    charge_point: ChargePoint,
    *,
    asked: Collection[str],
    known: Iterable[ReportedKey],
    unknown: Iterable[str],
    at: datetime,
) -> None:
    """Store the answer to GetConfiguration; `asked` are the keys it was about, none means all of them.

    Keys are one and the same in any case. One that the station does not know is forgotten, and so is one that a full
    answer leaves out; the answer to a question about some keys says nothing about the others. A value of a secret key
    is never stored. A full answer without any key is not believed: stations exist that send one when they are busy.
    Keys beyond MAX_KEYS are skipped.
    """
    rows = {row.key.upper(): row for row in charge_point.configuration_keys.all()}
    everything = {entry.key.upper(): entry for entry in map(_storable, known) if entry.key}
    reported = dict(islice(everything.items(), MAX_KEYS))
    gone = {_text(key, MAX_KEY_LENGTH).upper() for key in unknown} - reported.keys()
    if not asked and reported:
        gone |= rows.keys() - reported.keys()
        ChargePoint.objects.filter(pk=charge_point.pk).update(configuration_read_at=at)
    room = MAX_KEYS - len(rows.keys() - gone)
    new = [name for name in reported if name not in rows]
    skipped = {*new[max(room, 0) :]}
    if count := len(everything) - len(reported) + len(skipped):
        log.warning("configuration keys skipped", charge_point=charge_point.identity, keys=count, limit=MAX_KEYS)
    _store(charge_point, rows, {name: entry for name, entry in reported.items() if name not in skipped}, at)
    ConfigurationKey.objects.filter(pk__in=[rows[name].pk for name in gone & rows.keys()]).delete()


def _store(
    charge_point: ChargePoint, rows: dict[str, ConfigurationKey], reported: dict[str, ReportedKey], at: datetime
) -> None:
    changed = []
    for name, entry in reported.items():
        row = rows.get(name)
        if row is not None and (row.key, row.readonly, row.value) != (entry.key, entry.readonly, entry.value):
            row.key, row.readonly, row.value = entry.key, entry.readonly, entry.value
            changed.append(row)
    ConfigurationKey.objects.bulk_update(changed, ["key", "readonly", "value"])
    seen = [rows[name].pk for name in reported if name in rows]
    ConfigurationKey.objects.filter(pk__in=seen).update(read_at=at)
    new = [
        ConfigurationKey(
            charge_point=charge_point, key=entry.key, readonly=entry.readonly, value=entry.value, read_at=at
        )
        for name, entry in reported.items()
        if name not in rows
    ]
    ConfigurationKey.objects.bulk_create(new, ignore_conflicts=True)  # databases know more letters than upper() does


def _storable(entry: ReportedKey) -> ReportedKey:
    value = entry.value
    if value is not None:
        # masked before it is cut: half an address does not show where its password ends
        hidden = MASK if value and is_secret_key(entry.key) else masked(value)
        value = _text(hidden, MAX_VALUE_LENGTH)
    return ReportedKey(_text(entry.key, MAX_KEY_LENGTH), entry.readonly, value)


def _text(text: str, length: int) -> str:
    """Text that every database stores: without NUL and lone surrogates, cut between characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:length]


def record_change(command: Command, *, status: str, at: datetime) -> None:
    """Store the answer to ChangeConfiguration: a value that the station took, at once or after its next reset.

    One it refused stays with the command. What a password or a security profile becomes is `stations.rotation`'s.
    """
    key, value = str(command.payload.get("key", "")), str(command.payload.get("value", ""))
    if status not in TAKEN or is_secret_key(key):
        return
    entry = _storable(ReportedKey(key, False, value))
    own = {"value": entry.value, "readonly": False, "reboot_required": status == "RebootRequired", "read_at": at}
    rows = ConfigurationKey.objects.filter(charge_point=command.charge_point_id)
    row = next((row for row in rows.only("key") if row.key.upper() == entry.key.upper()), None)
    if row is not None:
        rows.filter(pk=row.pk).update(**own)
    elif rows.count() >= MAX_KEYS:
        log.warning("configuration keys skipped", charge_point=command.charge_point.identity, keys=1, limit=MAX_KEYS)
    else:
        ConfigurationKey.objects.create(charge_point_id=command.charge_point_id, key=entry.key, **own)
    if command.source != CommandSource.SYSTEM and _is_by_hand(command.charge_point, key, value):
        ChargePoint.objects.filter(pk=command.charge_point_id).update(configured_by_hand_at=at)


def _is_by_hand(charge_point: ChargePoint, key: str, value: str) -> bool:
    """Whether a change is one that a recipe should not undo: any but those the template asks for."""
    _key, wanted = templates.wanted_of(charge_point).get(key.upper(), ("", None))
    return _is_shared(key) and (wanted is None or masked(wanted) != masked(value))  # a sent one's secrets are masked


def record_boot(charge_point_id: int) -> None:
    """A station has booted: what waited for that is in force."""
    with write_batch.joined_batch() as batch:
        concerned = batch.read_once("stations.reboot_required", "BootNotification", charge_point_id, _waiting_for_boot)
    if charge_point_id in concerned:
        waiting = ConfigurationKey.objects.filter(reboot_required=True, charge_point=charge_point_id)
        waiting.update(reboot_required=False)


def _waiting_for_boot(stations: set[int]) -> set[int]:
    waiting = ConfigurationKey.objects.filter(reboot_required=True, charge_point__in=stations)
    return set(waiting.order_by().values_list("charge_point_id", flat=True))


# What we ask and tell


def read_configuration(charge_point: ChargePoint, keys: Collection[str] = (), *, origin: Origin = SYSTEM) -> Command:
    """Ask for these keys, or for all of them."""
    payload: dict[str, Any] = {"key": list(keys)} if keys else {}
    return queue_command(charge_point, "GetConfiguration", payload, origin=origin)


def change_configuration(
    stations: Iterable[ChargePoint],
    key: str,
    value: str,
    origin: Origin,
    *,
    per_minute: int | None = None,
    valid_until: datetime | None = None,
) -> CommandBatch:
    """Set one key on many stations; raises CommandRefused for one that each needs for itself."""
    if not _is_shared(key):
        raise CommandRefused(_("This key is changed charger by charger, on the charger's page."))
    payload = {"key": key, "value": value}
    return batches.start_batch(stations, "ChangeConfiguration", payload, origin, per_minute, valid_until)


def _is_shared(key: str) -> bool:
    try:
        check_shared_key(key)
    except ValidationError:
        return False
    return True
