"""`manage.py remove_second_factor`: for a person whose phone and recovery codes are lost."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from people import second_factor


class Command(BaseCommand):
    help = "Remove a person's second factor: the password alone lets them in until they set up another one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", metavar="NAME", help="the name the person logs in with")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        person = User.objects.filter(username=username).first()
        if person is None:
            raise CommandError(f"There is nobody called {username}.")
        if not second_factor.remove(person):
            raise CommandError(f"{person.username} has no second factor.")
        self.stdout.write(f"Removed the second factor of {person.username}; every browser of theirs is logged out.")
