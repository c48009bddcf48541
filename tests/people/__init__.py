"""People of each role, and a browser for each."""

from __future__ import annotations

from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client

from people.models import Membership
from people.roles import HOLDERS
from stations.models import Site
from transactions.models import IdTag

PASSWORD = "correct horse battery staple"
ROLE_OF = {"viewer": "Viewers", "operator": "Operators", "administrator": "Administrators", "holder": HOLDERS}


def person(who: str) -> User:
    """A user with exactly the rights of the role; made once per test."""
    _make_roles()
    user, created = User.objects.get_or_create(username=who, defaults={"is_staff": who != "holder"})
    if created:
        user.groups.add(Group.objects.get(name=ROLE_OF[who]))
    return user


def person_at(who: str, *sites: Site) -> User:
    """A user who has the role at these sites only."""
    user, _created = User.objects.get_or_create(username=f"{who} of {' and '.join(site.name for site in sites)}"[:150])
    for site in sites:
        Membership.objects.get_or_create(user=user, site=site, defaults={"role": ROLE_OF[who]})
    return user


def holder(*tags: IdTag, username: str = "holder") -> User:
    """A user whose own these tags are, and who has no other right."""
    _make_roles()
    user, _created = User.objects.get_or_create(username=username)
    user.groups.add(Group.objects.get(name=HOLDERS))
    for tag in tags:
        tag.user = user
        tag.save(update_fields=["user"])
    return user


def _make_roles() -> None:
    if not Group.objects.filter(name=HOLDERS).exists():
        call_command("migrate", verbosity=0)  # a transactional test before us emptied the tables, roles and all


def browser(who: str, **options: bool) -> Client:
    return Client(**options) if who == "anonymous" else browser_of(person(who), **options)


def browser_of(user: User, **options: bool) -> Client:
    """A browser in which the user is logged in."""
    client = Client(**options)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client
