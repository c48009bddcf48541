"""`manage.py personal_data`: give out or erase what is stored about one person."""

from __future__ import annotations

import sys
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from people import audit
from people.administration import NotPossible
from people.personal_data import Subject, as_json, erase
from transactions.models import IdTag


class Command(BaseCommand):
    help = "Print everything stored about one person as JSON, or erase it; sessions keep their energy, not their owner."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["export", "erase"])
        who = parser.add_mutually_exclusive_group(required=True)
        who.add_argument("--user", metavar="NAME", help="the name the person logs in with; their tags belong to it")
        who.add_argument("--tag", metavar="NUMBER", help="a tag; if it belongs to an account, all of that person")
        parser.add_argument("--yes", action="store_true", help="erase without being asked")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        subject = _subject(options["user"], options["tag"])
        if action == "export":
            audit.record(audit.Event.DATA_EXPORTED, subject.user or subject.tags[0])
            for piece in as_json(subject):
                self.stdout.write(piece.decode(), ending="")
            return
        if not options["yes"]:
            self._ask(subject)
        try:
            counts = erase(subject, by=None)
        except NotPossible as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"Erased: {counts['tags']} tags; {counts['sessions']} sessions belong to nobody now.")

    def _ask(self, subject: Subject) -> None:
        if not sys.stdin.isatty():
            raise CommandError("Nothing was erased; add --yes where nobody can be asked.")
        if input(f"Erase {subject} for good? Type yes: ").strip() != "yes":
            raise CommandError("Nothing was erased.")


def _subject(username: str | None, number: str | None) -> Subject:
    if username is not None:
        person = User.objects.filter(username=username).first()
        if person is None:
            raise CommandError(f"There is nobody called {username}.")
        return Subject.of_user(person)
    tag = IdTag.objects.with_number(number or "").select_related("user").first()
    if tag is None:
        raise CommandError(f"There is no tag {number}.")
    return Subject.of_tag(tag)
