"""What each role means, for those who give it, and which ones somebody has."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from people.administration import global_role
from people.roles import HOLDERS, Role

HOLDER = _("Tag holder")
SITES_ONLY = _("Only at single sites")

#: Role for all sites → (name, what it means). "" stands for roles at single sites only.
ROLES_IN_WORDS = {
    Role.ADMINISTRATOR.value: (
        Role.ADMINISTRATOR.label,
        _("Everything an operator may, and people, API keys, settings and deletion."),
    ),
    Role.OPERATOR.value: (
        Role.OPERATOR.label,
        _("Approves chargers, sends commands, enters tags, reserves, closes sessions, imports and exports."),
    ),
    Role.VIEWER.value: (
        Role.VIEWER.label,
        _("Sees chargers, sessions, tags and messages and exports them. Changes nothing."),
    ),
    HOLDERS: (
        HOLDER,
        _("Sees only their own cards and sessions. Starts and stops charging where the site allows it."),
    ),
    "": (
        SITES_ONLY,
        _("Has the roles below, each at its site. Sees nothing of the other sites nor of chargers without a site."),
    ),
}


def roles_of(person: Any, *, is_holder: bool) -> list[str]:
    """A person's roles in words: the one for all sites, those at sites; `is_holder` says whether they have cards."""
    role = global_role(person)
    words = [str(ROLES_IN_WORDS[role][0])] if role else []
    words += [
        gettext("%(role)s at %(site)s") % {"role": membership.get_role_display(), "site": membership.site}
        for membership in person.memberships.all()
    ]
    return words or ([str(HOLDER)] if is_holder else [])
