"""The second factor: a code from an app beside the password, and recovery codes for the day the phone is lost.

A person has one authenticator at most (RFC 6238, by django-otp: six digits, 30 s, one step of tolerance, none twice). A
browser's session is good for the authenticator it has passed and for no other, so that whoever sets one up or loses it
is logged out everywhere else. Recovery codes are stored as keyed hashes.
"""

from __future__ import annotations

import secrets
from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction
from django.utils.crypto import salted_hmac
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice, default_key

from stations import changes

from .access import Access
from .signals import topic

RECOVERY_CODES = 10
#: Characters of a recovery code, almost five bits each; none of them is taken for another.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_LENGTH = 10
_SALT = "people.second_factor"
#: The library's tables: what of a person is in them.
MODELS = (TOTPDevice, StaticDevice)
#: What the rows are called in the history.
_AUTHENTICATOR, _PAPER = "Authenticator", "Recovery codes"


class TooSoon(Exception):
    """Wrong codes came before: the next one is looked at after `until`."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"not before {until}")
        self.until = until


class Standing(Enum):
    """What a session is worth."""

    GOOD = "the person may do what their roles allow"
    #: The authenticator is not the one this session has passed, or it has passed none: the person has to log in again.
    STALE = "stale"
    #: None is set up though `REQUIRE_SECOND_FACTOR` asks for one: nothing but setting it up.
    MISSING = "missing"


@dataclass(frozen=True)
class Summary:
    """What a person, and an administrator, is told about it."""

    since: datetime | None
    last_used: datetime | None
    codes_left: int


def new_key() -> str:
    """A secret (hex, 20 bytes) that nobody has yet; it counts once a code made from it has been shown."""
    return str(default_key())


def authenticator_of(user: User | AnonymousUser) -> TOTPDevice | None:
    device: TOTPDevice | None = TOTPDevice.objects.filter(user=user.pk, confirmed=True).order_by("pk").first()
    return device


def unsaved(user: User, key: str) -> TOTPDevice:
    """An authenticator as it would be with this key: for its address and what an app is told."""
    return TOTPDevice(user=user, key=key, name=_AUTHENTICATOR)


def summary(user: User) -> Summary | None:
    """None for a person without a second factor."""
    device = authenticator_of(user)
    if device is None:
        return None
    left = StaticToken.objects.filter(device__user=user).count()
    return Summary(device.created_at, device.last_used_at, left)


def is_required(access: Access) -> bool:
    """Whether this person may do nothing without one: those who operate chargers, where the setting says so."""
    if settings.REQUIRE_SECOND_FACTOR != "staff":
        return False
    return bool(getattr(access.user, "is_staff", False)) or access.is_operator_side


def standing(session: MutableMapping[str, Any], access: Access) -> Standing:
    """What the session of a logged-in person is worth now. One query."""
    device = authenticator_of(access.user)
    if session.get(DEVICE_ID_SESSION_KEY) != (device.persistent_id if device else None):
        return Standing.STALE
    if device is None and is_required(access):
        return Standing.MISSING
    return Standing.GOOD


def passed(session: MutableMapping[str, Any], device: TOTPDevice) -> None:
    """Remember in a session that its person has shown a code of this authenticator, or a recovery code for it."""
    session[DEVICE_ID_SESSION_KEY] = device.persistent_id


def forget(session: MutableMapping[str, Any]) -> None:
    """The opposite of `passed`, for the browser in which a person has removed theirs: it stays logged in."""
    session.pop(DEVICE_ID_SESSION_KEY, None)


@transaction.atomic
def set_up(user: User, key: str, code: str) -> tuple[TOTPDevice, list[str]] | None:
    """Make the authenticator with this key the person's, and its recovery codes, which are told only here.

    None for a wrong code, and for somebody who has one already.
    """
    User.objects.select_for_update().get(pk=user.pk)  # two tabs that confirm at once wait for each other here
    if authenticator_of(user) is not None:
        return None
    device = unsaved(user, key)
    device.save()
    if not device.verify_token(_plain(code)):
        transaction.set_rollback(True)
        return None
    changes.note(topic(user.pk))
    return device, renew_codes(user)


@transaction.atomic
def renew_codes(user: User) -> list[str]:
    """New recovery codes; those of before are void."""
    StaticDevice.objects.filter(user=user).delete()
    paper = StaticDevice.objects.create(user=user, name=_PAPER)
    codes = [_new_code() for _number in range(RECOVERY_CODES)]
    StaticToken.objects.bulk_create(StaticToken(device=paper, token=_digest(code)) for code in codes)
    return [f"{code[: _LENGTH // 2]}-{code[_LENGTH // 2 :]}" for code in codes]


def _new_code() -> str:
    return "".join(secrets.choice(_ALPHABET) for _character in range(_LENGTH))


def _digest(code: str) -> str:
    """As long as the library's column; a copy of the database alone does not tell the code."""
    return salted_hmac(_SALT, code, algorithm="sha256").hexdigest()[:16]


@transaction.atomic
def verify(user: User, code: str) -> TOTPDevice | None:
    """The person's authenticator if the code is its own of now, or a recovery code, which is used up by it.

    None for a wrong code; raises TooSoon while wrong ones before make it wait. A code counts once.
    """
    authenticator = authenticator_of(user)
    if authenticator is None:
        return None
    plain = _plain(code)
    model = StaticDevice if is_recovery_code(code) else TOTPDevice
    # the lock: one of two requests with the same code comes second
    device = model.objects.select_for_update().filter(user=user, confirmed=True).order_by("pk").first()
    if device is None:
        return None
    is_allowed, refusal = device.verify_is_allowed()
    if not is_allowed:
        raise TooSoon(refusal["locked_until"])
    return authenticator if device.verify_token(_digest(plain) if is_recovery_code(code) else plain) else None


def is_recovery_code(code: str) -> bool:
    """Whether it has the form of one; an app's code is six digits."""
    return len(_plain(code)) == _LENGTH


def _plain(code: str) -> str:
    """As people write it: with hyphens, spaces and capitals, or without."""
    return "".join(character for character in code.lower() if character.isalnum())


@transaction.atomic
def remove(user: User) -> bool:
    """Take the second factor away, recovery codes too; the person's sessions end. False if there was none."""
    StaticDevice.objects.filter(user=user).delete()
    deleted, _by_model = TOTPDevice.objects.filter(user=user).delete()
    changes.note(topic(user.pk))
    return bool(deleted)
