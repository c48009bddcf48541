"""People of each role, and a browser for each."""

from __future__ import annotations

from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client

PASSWORD = "correct horse battery staple"
ROLE_OF = {"viewer": "Viewers", "operator": "Operators", "administrator": "Administrators"}


def person(who: str) -> User:
    """A user with exactly the rights of the role; made once per test."""
    if not Group.objects.filter(name=ROLE_OF[who]).exists():
        call_command("migrate", verbosity=0)  # a transactional test before us emptied the tables, roles and all
    user, created = User.objects.get_or_create(username=who, defaults={"is_staff": True})
    if created:
        user.groups.add(Group.objects.get(name=ROLE_OF[who]))
    return user


def browser(who: str, **options: bool) -> Client:
    client = Client(**options)
    if who != "anonymous":
        client.force_login(person(who), backend="django.contrib.auth.backends.ModelBackend")
    return client
