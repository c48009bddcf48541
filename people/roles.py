"""Roles: Django groups with the permissions each needs, synchronised after every migrate.

A role held through its group counts everywhere; held through a `Membership`, at one site.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Role(TextChoices):
    """Roles of those who operate chargers; the values are the groups' names."""

    ADMINISTRATOR = "Administrators", _("Administrator")
    OPERATOR = "Operators", _("Operator")
    VIEWER = "Viewers", _("Viewer")


#: The group of people who only charge: no permission, their own cards and sessions.
HOLDERS = "Tag holders"


def _may(verb: str, *models: str) -> set[str]:
    return {f"{verb}_{model}" for model in models}


_RECORDS = (
    "statusrecord",
    "configurationkey",
    "progressreport",
    "repair",
    "command",
    "commandbatch",
    "message",
    "connectionattempt",
    "securityevent",
    "unknownidtag",
    "orphanedstop",
    "metervalue",
    "dailyenergy",
    "reciperun",
    "securitychange",
    "transfer",
    "stationfile",
    "firmwareupdate",
    "stationcertificate",
    "signingrequest",
    "installedcertificate",
    "certificatereading",
    "securityupgrade",
    "assignment",
    "compositereading",
)
_MODEL_KEYS = ("templatekey", "recipekey")
_OBJECTS = ("site", "chargepoint", "connector", "idtaggroup", "idtag", "transaction", "reservation", "locallist")
_LIBRARY = ("firmwarefile", "campaign", "rootcertificate", "chargingprofile")

_VIEWER = _may("view", *_RECORDS, *_OBJECTS, *_LIBRARY, "stationmodel", *_MODEL_KEYS) | _may(
    "export", "chargepoint", "idtag", "transaction", "metervalue"
)
_OPERATOR = (
    _VIEWER
    | _may("add", "site", "chargepoint", "idtag", "idtaggroup", "reservation")
    | _may("change", "site", "chargepoint", "idtag", "idtaggroup", "reservation", "transaction", "orphanedstop")
    | _may("import", "chargepoint", "idtag")
    | _may("approve", "chargepoint")
    | _may("send", "command")
    | _may("add", "stationmodel", *_MODEL_KEYS)
    | _may("change", "stationmodel", *_MODEL_KEYS)
    | _may("delete", *_MODEL_KEYS)
    | {"add_locallist", "change_locallist"}
    | {f"{verb}_{model}" for verb in ("add", "change") for model in ("firmwarefile", "campaign", "chargingprofile")}
    | {"download_stationfile", "sign_signingrequest", "revoke_stationcertificate"}
    | {"add_securityupgrade", "change_securityupgrade"}
)
_PEOPLE = ("user", "group", "apikey", "membership")
_ADMINISTRATOR = (
    _OPERATOR
    | _may("delete", "site", "idtaggroup", "connectionattempt", "stationmodel")
    | {f"{verb}_{model}" for verb in ("add", "change", "delete", "view") for model in _PEOPLE}
    | _may("add", "rootcertificate")
    | _may("change", "rootcertificate")
    | _may("delete", "stationfile")
    | {"view_job", "view_logentry"}
)

#: Role (group name) → codenames of its permissions.
ROLES: dict[str, set[str]] = {
    Role.ADMINISTRATOR.value: _ADMINISTRATOR,
    Role.OPERATOR.value: _OPERATOR,
    Role.VIEWER.value: _VIEWER,
    HOLDERS: set(),
}


def synchronise(app_config: Any, **kwargs: Any) -> None:
    """Give each role's group exactly the permissions it lists; runs after the last app is migrated."""
    from django.apps import apps

    if app_config.name != "django.contrib.auth":
        return
    using = kwargs.get("using", "default")
    for config in apps.get_app_configs():
        create_permissions(config, verbosity=0, using=using)
    for role, codenames in ROLES.items():
        group, _created = Group.objects.using(using).get_or_create(name=role)
        permissions = Permission.objects.using(using).filter(codename__in=codenames)
        missing = codenames - set(permissions.values_list("codename", flat=True))
        if missing:
            raise LookupError(f"role {role} names unknown permissions: {', '.join(sorted(missing))}")
        group.permissions.set(permissions)
