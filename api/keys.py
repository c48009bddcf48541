"""Making API keys and recognising them."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from django.contrib.auth.models import Group, User
from django.db.models import Value
from django.db.models.functions import Upper
from django.utils import timezone

from .models import ApiKey, Scope

#: Makes a key that leaked into a text recognisable.
PREFIX = "pc_"
#: "Last used" is good to this: a write per request would cost more than it tells.
USE_NOTED_EVERY = timedelta(minutes=5)
#: The role of an account that is made for a key.
ROLE_OF_SCOPE = {Scope.READ: "Viewers", Scope.COMMAND: "Operators", Scope.ADMIN: "Administrators"}


class NameTaken(ValueError):
    """A key or a person of that name exists."""


def new_secret() -> tuple[str, str, str]:
    """A new key, its digest and its hint."""
    secret = PREFIX + secrets.token_urlsafe(32)
    return secret, digest_of(secret), secret[:8]


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def create_key(name: str, *, user: User, scope: Scope, expires_at: datetime | None = None) -> tuple[ApiKey, str]:
    """The row and the key itself, which nobody can read again. Raises NameTaken."""
    if ApiKey.objects.filter(name__upper=Upper(Value(name))).exists():
        raise NameTaken(f"There is already an API key {name}.")
    secret, digest, hint = new_secret()
    key = ApiKey.objects.create(name=name, user=user, scope=scope, digest=digest, hint=hint, expires_at=expires_at)
    return key, secret


def service_account(name: str, scope: Scope) -> User:
    """The account of a program: it has the role of the key's scope and can log in nowhere. Raises NameTaken.

    One that another key still uses is not taken: its role, and with it what that key may do, would change.
    """
    username = f"api-{name}"
    user = User.objects.filter(username=username).first() or User.objects.create_user(username)
    if user.is_staff or user.is_superuser or user.has_usable_password() or not user.is_active:
        raise NameTaken(f"The user {username} exists and is not an account for this key; name a user.")
    other = ApiKey.objects.filter(user=user).first()
    if other is not None:
        raise NameTaken(f"The user {username} belongs to the API key {other.name}; revoke that one or name a user.")
    user.groups.set([Group.objects.get(name=ROLE_OF_SCOPE[scope])])
    return user


def find_key(secret: str) -> ApiKey | None:
    """The key a request shows, if it still counts."""
    key = ApiKey.objects.select_related("user").filter(digest=digest_of(secret)).first()
    return None if key is None or key.is_expired else key


def note_use(key: ApiKey) -> None:
    """Remember that a key was used just now, at most every few minutes."""
    now = timezone.now()
    if key.last_used_at is None or key.last_used_at < now - USE_NOTED_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
