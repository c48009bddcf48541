"""`manage.py create_api_key`: a key for a program, printed once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from api.keys import ROLE_OF_SCOPE, NameTaken, create_key, service_account
from api.models import Scope
from stations.spreadsheets import parse_moment


class Command(BaseCommand):
    help = (
        "Make an API key and print it as the last line. Without --user it belongs to an account of its own, api-NAME, "
        "which has the role of its scope ("
        + ", ".join(f"{scope.value}: {role}" for scope, role in ROLE_OF_SCOPE.items())
        + ") and can log in nowhere."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="what uses the key, such as billing")
        parser.add_argument("--scope", choices=Scope.values, default=Scope.READ.value, help="how far it reaches")
        parser.add_argument("--user", metavar="USER", help="whose permissions it has at most")
        parser.add_argument("--expires", metavar="TIME", help="valid until, ISO 8601 in TIME_ZONE; no end without it")

    @transaction.atomic
    def handle(self, *args: Any, name: str, **options: Any) -> None:
        if not 1 <= len(name) <= 100 or not name.isprintable():
            raise CommandError("An API key's name has 1 to 100 printable characters.")
        scope, expires_at = Scope(options["scope"]), _moment(options["expires"])
        try:
            user = _person(options["user"]) if options["user"] else service_account(name, scope)
            key, secret = create_key(name, user=user, scope=scope, expires_at=expires_at)
        except NameTaken as error:
            raise CommandError(str(error)) from None
        # on the other stream, so that $(manage.py create_api_key …) is the key
        self.stderr.write(f"Created API key {key} of {user.get_username()}. It is not shown again:", lambda text: text)
        self.stdout.write(secret)


def _person(username: str) -> User:
    user = User.objects.filter(username=username).first()
    if user is None:
        raise CommandError(f"There is no user {username}.")
    return user


def _moment(text: str | None) -> datetime | None:
    try:
        moment = parse_moment(text, timezone.get_default_timezone()) if text else None
    except ValueError as error:
        raise CommandError(f"--expires: {error}") from None
    if moment is not None and moment <= timezone.now():
        raise CommandError("--expires: this time is past.")
    return moment
