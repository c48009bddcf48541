"""What of the list of people is asked for."""

from __future__ import annotations

import django_filters
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from people.administration import INVITED
from people.models import Membership
from people.roles import HOLDERS, Role
from stations.models import Site

from .words import HOLDER


class PeopleFilter(django_filters.FilterSet):  # type: ignore[misc]
    """The list of people: by name or tag, role, site, and whether they may come in."""

    q = django_filters.CharFilter(label=_("Search"), method="search", max_length=100)
    role = django_filters.ChoiceFilter(
        label=_("Role"),
        method="with_role",
        choices=[*Role.choices, (HOLDERS, HOLDER)],
        empty_label=_("Any"),
    )
    site = django_filters.ModelChoiceFilter(
        label=_("Role at site"), queryset=Site.objects.all(), method="at_site", empty_label=_("Any")
    )
    state = django_filters.ChoiceFilter(
        label=_("State"),
        method="in_state",
        choices=[("active", _("Active")), ("invited", _("Invited")), ("closed", _("Deactivated"))],
        empty_label=_("Any"),
    )

    def search(self, rows: QuerySet[User], _name: str, words: str) -> QuerySet[User]:
        for word in words.split()[:5]:
            names = Q(username__icontains=word) | Q(first_name__icontains=word) | Q(last_name__icontains=word)
            rows = rows.filter(names | Q(pk__in=User.objects.filter(id_tags__id_tag__icontains=word)))
        return rows

    def with_role(self, rows: QuerySet[User], _name: str, role: str) -> QuerySet[User]:
        members = Q(pk__in=User.objects.filter(groups__name=role))
        if role == HOLDERS:
            return rows.filter(members | Q(pk__in=User.objects.filter(id_tags__isnull=False)))
        everything = Q(is_superuser=True) if role == Role.ADMINISTRATOR else Q()
        return rows.filter(members | everything | Q(pk__in=Membership.objects.filter(role=role).values("user")))

    def at_site(self, rows: QuerySet[User], _name: str, site: Site) -> QuerySet[User]:
        return rows.filter(pk__in=site.memberships.values("user"))

    def in_state(self, rows: QuerySet[User], _name: str, state: str) -> QuerySet[User]:
        match state:
            case "closed":
                return rows.filter(is_active=False)
            case "invited":
                return rows.filter(INVITED, is_active=True)
        return rows.filter(is_active=True).exclude(INVITED)
