"""Tells the person's open pages when their rights change: what they watch is checked again at once.

Rights given to a whole group, and what is written past the models, are noticed when an open page next asks by itself.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_out
from django.db.models.signals import m2m_changed, post_delete, post_save

from stations import changes

from .models import Membership


def topic(user_id: int) -> str:
    return f"person:{user_id}"


def connect() -> None:
    """Listen; called once, when all apps are loaded."""
    for signal in (post_save, post_delete):
        signal.connect(_membership_changed, Membership, dispatch_uid=f"people.membership.{id(signal)}")
        signal.connect(_user_changed, User, dispatch_uid=f"people.user.{id(signal)}")
    for through in (User.groups.through, User.user_permissions.through):
        m2m_changed.connect(_rights_changed, through, dispatch_uid=f"people.{through.__name__}")
    user_logged_out.connect(_logged_out, dispatch_uid="people.logged_out")


def _membership_changed(instance: Membership, **_kwargs: Any) -> None:
    changes.note(topic(instance.user_id))


def _user_changed(instance: User, **kwargs: Any) -> None:
    if kwargs.get("update_fields") != {"last_login"}:  # logging in takes no right away
        changes.note(topic(instance.pk))


def _rights_changed(instance: Any, reverse: bool, pk_set: set[int] | None, **_kwargs: Any) -> None:
    """Groups or permissions of a person, or (`reverse`) persons of a group; clearing names nobody in `pk_set`."""
    changes.note(*map(topic, (pk_set or ()) if reverse else [instance.pk]))


def _logged_out(user: User | None, **_kwargs: Any) -> None:
    if user is not None:
        changes.note(topic(user.pk))
