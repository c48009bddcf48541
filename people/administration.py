"""What administrators do to people: give roles, let in, shut out. Who may do what to whom is decided here, once."""

from __future__ import annotations

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import Group, User
from django.contrib.auth.tokens import default_token_generator
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _

from .roles import HOLDERS, Role

#: A person's role for all sites: one of `Role`, HOLDERS for those who only charge, "" for roles at single sites only.
GLOBAL_ROLES = (*Role.values, HOLDERS)

#: Accounts that cannot log in: made for API keys, or of people who have not chosen a password yet.
_CLOSED = Q(password__startswith=UNUSABLE_PASSWORD_PREFIX)
#: People who have never come in.
INVITED = Q(_CLOSED, last_login=None)


class NotPossible(ValueError):
    """A change that nobody, or not this administrator, may make; its text is for the person who tried."""


def administrators() -> QuerySet[User]:
    """Those who can log in and may change people; accounts of programs and people who never came do not count."""
    may = Q(is_superuser=True) | Q(groups__name=Role.ADMINISTRATOR)
    able = User.objects.filter(is_active=True).exclude(_CLOSED)
    return able.filter(may).distinct()


def needs_setup() -> bool:
    """Whether there is no user yet; accounts of API keys, which can log in nowhere, do not count."""
    return not User.objects.exclude(_CLOSED, is_staff=False).exists()


def global_role(person: User) -> str:
    """One of GLOBAL_ROLES, the highest a person has, or ""; reads `groups` from a prefetch."""
    if person.is_superuser:
        return Role.ADMINISTRATOR.value
    names = {group.name for group in person.groups.all()}
    return next((role for role in GLOBAL_ROLES if role in names), "")


def check_may_change(actor: User, person: User) -> None:
    """Raises NotPossible where `actor` is no administrator of `person`."""
    if person.is_superuser and not actor.is_superuser:
        raise NotPossible(_("Only a superuser may change a superuser."))


@transaction.atomic
def set_global_role(person: User, role: str, *, by: User) -> None:
    """Make `role` (see GLOBAL_ROLES) the person's only one for all sites. Raises NotPossible.

    Only who has a role for all sites is let into the administration: it knows no sites.
    """
    check_may_change(by, person)
    if role != Role.ADMINISTRATOR:
        _keep_an_administrator(person, by, _("You cannot take the administrator's role from yourself."))
        person.is_superuser = False
    person.is_staff = role in Role.values
    person.save(update_fields=["is_superuser", "is_staff"])
    person.groups.remove(*Group.objects.filter(name__in=GLOBAL_ROLES).exclude(name=role))
    person.groups.add(*Group.objects.filter(name=role))


@transaction.atomic
def deactivate(person: User, *, by: User | None) -> None:
    """Shut a person out: their pages close, their API keys stop. What they did stays. Raises NotPossible.

    `by` None is the command line, which may do so to everybody but the last administrator.
    """
    if by is not None:
        check_may_change(by, person)
    _keep_an_administrator(person, by, _("You cannot deactivate yourself."))
    person.is_active = False
    person.save(update_fields=["is_active"])


def reactivate(person: User, *, by: User) -> None:
    """Let a person in again, with the roles they had. Raises NotPossible."""
    check_may_change(by, person)
    person.is_active = True
    person.save(update_fields=["is_active"])


def _keep_an_administrator(person: User, by: User | None, own: str) -> None:
    """Raises NotPossible, with `own` for oneself, if `person` is an administrator who must stay one."""
    # two who shut each other out at the same moment wait for each other here
    Group.objects.select_for_update().get(name=Role.ADMINISTRATOR)
    if not _is_administrator(person):
        return
    if by is not None and person.pk == by.pk:
        raise NotPossible(own)
    if not administrators().exclude(pk=person.pk).exists():
        raise NotPossible(_("This is the last administrator."))


def _is_administrator(person: User) -> bool:
    return person.is_superuser or person.groups.filter(name=Role.ADMINISTRATOR).exists()


def invitation(person: User, *, by: User) -> tuple[str, str]:
    """What an invitation's address holds, (uidb64, token): whoever opens it chooses the person's password.

    Good until PASSWORD_RESET_TIMEOUT is over, or the password is changed, or the person logs in. Raises NotPossible.
    """
    check_may_change(by, person)
    if not person.is_active:
        raise NotPossible(_("This account is deactivated."))
    return urlsafe_base64_encode(force_bytes(person.pk)), default_token_generator.make_token(person)
