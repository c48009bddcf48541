"""`manage.py create_charge_point`: enter a charger before it calls, or change one."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from stations.commands import Origin
from stations.credentials import MIN_RECOMMENDED_BYTES, set_password
from stations.models import ChargePoint, CommandSource, Site
from stations.services import approve_charge_point


class Command(BaseCommand):
    help = "Enter a charger. Without --accept it waits for approval like one that called by itself."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("identity", metavar="ID", help="last part of the address the charger connects to")
        parser.add_argument("--name", help="what people call it")
        parser.add_argument("--site", metavar="NAME", help="where it stands; a site of that name is made if missing")
        parser.add_argument("--password", help="require this password (HTTP Basic, OCPP's AuthorizationKey)")
        parser.add_argument("--accept", action="store_true", help="approve it")
        parser.add_argument("--update", action="store_true", help="change the charger if it exists already")

    def handle(self, *args: Any, identity: str, **options: Any) -> None:
        _check(identity, options)
        with transaction.atomic():
            charge_point, created = _get_or_create(identity, update=options["update"])
            self._apply(charge_point, options)
        state = charge_point.get_registration_status_display().lower()
        self.stdout.write(f"{'Created' if created else 'Updated'} charger {charge_point.identity}: {state}.")

    def _apply(self, charge_point: ChargePoint, options: dict[str, Any]) -> None:
        if options["name"] is not None:
            charge_point.name = options["name"]
        if options["site"] is not None:
            charge_point.site = Site.objects.get_or_create(name=options["site"])[0] if options["site"] else None
        charge_point.archived_at = None
        # only these: the server writes the station's other columns at the same time
        charge_point.save(update_fields=["name", "site", "archived_at"])
        if options["password"] and not set_password(charge_point, options["password"]):
            self.stderr.write(f"Warning: the password has fewer than {MIN_RECOMMENDED_BYTES} bytes.")
        if options["accept"]:
            approve_charge_point(charge_point, origin=Origin(CommandSource.COMMAND_LINE))


def _check(identity: str, options: dict[str, Any]) -> None:
    if not 1 <= len(identity) <= 255 or not identity.isprintable():
        raise CommandError("A charger's identity has 1 to 255 printable characters.")
    for name in ("name", "site"):
        if len(options[name] or "") > 100:
            raise CommandError(f"--{name} has at most 100 characters.")
    if options["password"] == "":
        raise CommandError("--password must not be empty.")


def _get_or_create(identity: str, *, update: bool) -> tuple[ChargePoint, bool]:
    known = ChargePoint.objects.with_identity(identity).first()
    if known is None:
        return ChargePoint.objects.create(identity=identity), True
    if not update:
        raise CommandError(f"There is already a charger {known.identity}; add --update to change it.")
    return known, False
