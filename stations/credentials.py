"""What a station proves its identity with: HTTP Basic, the password as raw bytes, hex text or plain text.

OCPP-J 1.6 §6.2.2 knows 16–20 raw bytes, sent as they are; stations exist that send their hex text, and people choose
plain words. The stored secret is canonical bytes; what a station presents is tried as it is and, where it reads as
hex, unhexed. Keys with 128 bits or more get one salted SHA-256 (0.5 µs), words get Django's slow hash (0.3 s) behind a
cache of what last matched: 500 stations reconnecting at once must not need 75 s.
"""

from __future__ import annotations

import binascii
import contextlib
import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from .masking import masked
from .models import ChargePoint, Command, CommandStatus, CredentialKind, SecurityChange, SecurityProfile

KEY_BYTES = 20
MIN_RECOMMENDED_BYTES = 16
_HEX_KEY = re.compile(r"[0-9A-Fa-f]{32,40}")
_CACHE_SIZE = 10_000


def generate_key(charge_point: ChargePoint) -> str:
    """Give the station a random key and return it as 40 hex digits; it is stored hashed and never shown again."""
    key = new_key()
    _store(charge_point, *hashed(key))
    return key


def new_key() -> str:
    """A random key as 40 hex digits, the most that AuthorizationKey holds."""
    return secrets.token_bytes(KEY_BYTES).hex().upper()


def set_password(charge_point: ChargePoint, password: str) -> bool:
    """Require `password` from now on; returns whether it has the recommended 16 bytes. Empty raises ValueError."""
    if not password:
        raise ValueError("an empty password protects nothing")
    kind, stored = hashed(password)
    _store(charge_point, kind, stored)
    return kind == CredentialKind.KEY or len(password.encode()) >= MIN_RECOMMENDED_BYTES


def hashed(password: str) -> tuple[CredentialKind, str]:
    """How a password is stored: one that reads as a key fast, one that a person chose slow (0.3 s)."""
    if _HEX_KEY.fullmatch(password) and len(password) % 2 == 0:
        return CredentialKind.KEY, _fast_hash(bytes.fromhex(password))
    return CredentialKind.PASSWORD, make_password(_as_text(password.encode()))


def remove(charge_point: ChargePoint) -> None:
    """Let the station connect without a password again (security profile 0)."""
    charge_point.minimum_security_profile = SecurityProfile.NONE
    charge_point.save(update_fields=["minimum_security_profile"])
    _store(charge_point, CredentialKind.NONE, "")


def _store(charge_point: ChargePoint, kind: CredentialKind, stored: str) -> None:
    """Whoever sets a password by hand means this one alone: what is on its way to the station is taken back."""
    _take_back_keys(charge_point)
    charge_point.credential_kind = kind
    charge_point.credential_hash = stored
    charge_point.security_profile = 0 if kind == CredentialKind.NONE else max(1, charge_point.security_profile)
    charge_point.save(update_fields=["credential_kind", "credential_hash", "security_profile"])


# What is on its way to a station

_LOGIN_KEYS = ("AUTHORIZATIONKEY", "SECURITYPROFILE")


def login_key(action: str, payload: dict[str, Any]) -> str:
    """The key, in capitals, with which a command changes how the station logs in; nothing for any other command.

    Blanks around it do not make it another one: a station may strip them.
    """
    key = str(payload.get("key", "")).strip().upper() if action == "ChangeConfiguration" else ""
    return key if key in _LOGIN_KEYS else ""


def refusal(charge_point: ChargePoint, action: str, payload: dict[str, Any]) -> str:
    """Why a command may not be sent at all, else nothing: one that lowers the security profile (A05), or raises it to
    one whose stations we could not let in again.
    """
    if login_key(action, payload) != "SECURITYPROFILE":
        return ""
    present = max(charge_point.minimum_security_profile, charge_point.security_profile)
    try:
        wanted = int(str(payload.get("value")))
    except ValueError:
        return ""  # the station is the judge of nonsense
    if wanted > max(SecurityProfile.values):
        return _("There is no security profile %d.") % wanted
    if wanted == SecurityProfile.CERTIFICATE > present:
        return _certificate_lack(charge_point)
    if wanted >= present:
        return ""
    return _("The security profile of %(charger)s is %(present)d: it is never lowered over OCPP.") % {
        "charger": charge_point,
        "present": present,
    }


def _certificate_lack(charge_point: ChargePoint) -> str:
    """What a station lacks to come back with a certificate (profile 3), in plain words; nothing if it may."""
    if settings.TLS_CERTIFICATE is None and not settings.CLIENT_CERTIFICATE_HEADER:
        return _("This server does not see certificates of chargers: set TLS_CERTIFICATE or CLIENT_CERTIFICATE_HEADER.")
    # by its reverse name: the app of certificates stands above this one
    if not charge_point.certificates.held(timezone.now()).exists():
        return _("The charger has no valid certificate of its own yet: give it one first.")
    return ""


def follow(command: Command) -> None:
    """Remember what a queued ChangeConfiguration is about to change, whoever raised it.

    From the moment it is sent the new password is valid beside the old one: the station may take it over and lose its
    line before it answers. `stations.rotation` says how it ends.
    """
    if command.is_final:
        return
    key, value = login_key(command.action, command.payload), str(command.payload.get("value", ""))
    if key == "AUTHORIZATIONKEY" and value:
        kind, stored = hashed(value)
        SecurityChange.objects.create(
            charge_point=command.charge_point,
            command=command,
            kind=SecurityChange.Kind.KEY,
            credential_kind=kind,
            credential_hash=stored,
        )
    elif key == "SECURITYPROFILE" and value.isascii() and value.isdigit() and len(value) == 1:
        SecurityChange.objects.create(
            charge_point=command.charge_point,
            command=command,
            kind=SecurityChange.Kind.PROFILE,
            security_profile=int(value),
        )


def _take_back_keys(charge_point: ChargePoint) -> None:
    """End every rotation but one in flight, which the station may have taken over already."""
    rotations = SecurityChange.objects.filter(
        charge_point=charge_point, kind=SecurityChange.Kind.KEY, ended_at=None
    ).select_related("command")
    now = timezone.now()
    for rotation in rotations:
        queued = Command.objects.filter(pk=rotation.command_id, status=CommandStatus.QUEUED)
        queued.update(status=CommandStatus.CANCELLED, closed_at=now, payload=masked(rotation.command.payload))
    rotations.exclude(command__status=CommandStatus.SENT).update(
        state=SecurityChange.State.SUPERSEDED, credential_hash="", ended_at=now
    )


def _fast_hash(secret: bytes, salt: str | None = None) -> str:
    salt = salt or secrets.token_hex(16)
    return f"sha256${salt}${hashlib.sha256(bytes.fromhex(salt) + secret).hexdigest()}"


def _candidates(presented: bytes) -> list[bytes]:
    """The bytes themselves and, where they are hex text, what that text means."""
    candidates = [presented]
    if presented and len(presented) % 2 == 0:
        with contextlib.suppress(binascii.Error):
            candidates.append(binascii.unhexlify(presented))
    return candidates


def matches_key(stored: str, presented: bytes) -> bool:
    """Check against a generated key: cheap, so always done at once."""
    _algorithm, salt, _digest = stored.split("$")
    results = [constant_time_compare(stored, _fast_hash(candidate, salt)) for candidate in _candidates(presented)]
    return any(results)


def matches_password(stored: str, presented: bytes) -> bool:
    """Check against a password people chose: 0.3 s of CPU per candidate; call it in a thread."""
    return any(check_password(_as_text(candidate), stored) for candidate in _candidates(presented))


def _as_text(secret: bytes) -> str:
    """One character per byte: Django's hashers take text, and a password may be any bytes."""
    return secret.decode("latin-1")


class LastGoodPasswords:
    """Remembers, per process and in memory only, which presented password matched which stored hash.

    The key is an HMAC under a secret of this process over the stored hash and the password, so a changed credential
    never matches an old entry and a memory dump shows no password.
    """

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def _key(self, stored: str, presented: bytes) -> bytes:
        return hmac.digest(self._secret, stored.encode() + b"\0" + presented, "sha256")

    def knows(self, stored: str, presented: bytes) -> bool:
        key = self._key(stored, presented)
        if key not in self._known:
            return False
        self._known.move_to_end(key)
        return True

    def remember(self, stored: str, presented: bytes) -> None:
        self._known[self._key(stored, presented)] = None
        if len(self._known) > _CACHE_SIZE:
            self._known.popitem(last=False)
