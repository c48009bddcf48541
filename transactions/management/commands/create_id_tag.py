"""`manage.py create_id_tag`: enter a tag, or change one."""

from __future__ import annotations

from argparse import BooleanOptionalAction
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from stations.spreadsheets import parse_moment
from transactions.models import IdTag, IdTagGroup

MAX_LENGTH = 20  # OCPP 1.6 §7.28


class Command(BaseCommand):
    help = "Enter a tag (card) that may charge."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id_tag", metavar="TAG", help=f"the card's number, 1 to {MAX_LENGTH} characters")
        parser.add_argument("--holder", help="whose card it is")
        parser.add_argument("--parent", metavar="NUMBER", help="group (parentIdTag), made if missing; '' removes it")
        parser.add_argument("--expires", metavar="TIME", help="valid until, ISO 8601 in TIME_ZONE; '' for no end")
        parser.add_argument("--blocked", action=BooleanOptionalAction, help="may not charge")
        parser.add_argument("--update", action="store_true", help="change the tag if it exists already")

    def handle(self, *args: Any, id_tag: str, **options: Any) -> None:
        _check(id_tag, options)
        changes = _changes(options)
        with transaction.atomic():
            tag, created = _get_or_create(id_tag, update=options["update"])
            if options["parent"] is not None:
                changes["group"] = _group(options["parent"])
            for name, value in changes.items():
                setattr(tag, name, value)
            tag.save()
        self.stdout.write(f"{'Created' if created else 'Updated'} tag {tag.id_tag}{', blocked' * tag.blocked}.")


def _check(id_tag: str, options: dict[str, Any]) -> None:
    if not 1 <= len(id_tag) <= MAX_LENGTH or not id_tag.isprintable():
        raise CommandError(f"A tag's number has 1 to {MAX_LENGTH} printable characters.")
    parent = options["parent"] or ""
    if len(parent) > MAX_LENGTH or not parent.isprintable():
        raise CommandError(f"A group's number (--parent) has 1 to {MAX_LENGTH} printable characters.")
    if len(options["holder"] or "") > 100:
        raise CommandError("--holder has at most 100 characters.")


def _changes(options: dict[str, Any]) -> dict[str, Any]:
    """What the options ask for; one that was not given changes nothing."""
    changes: dict[str, Any] = {"archived_at": None}
    changes |= {name: options[name] for name in ("holder", "blocked") if options[name] is not None}
    if options["expires"] is not None:
        changes["expires_at"] = _moment(options["expires"])
    return changes


def _moment(text: str) -> datetime | None:
    try:
        return parse_moment(text, timezone.get_default_timezone())
    except ValueError as error:
        raise CommandError(f"--expires: {error}") from None


def _get_or_create(id_tag: str, *, update: bool) -> tuple[IdTag, bool]:
    known = IdTag.objects.with_number(id_tag).first()
    if known is None:
        return IdTag(id_tag=id_tag), True
    if not update:
        raise CommandError(f"There is already a tag {known.id_tag}; add --update to change it.")
    return known, False


def _group(number: str) -> IdTagGroup | None:
    if not number:
        return None
    known = IdTagGroup.objects.filter(parent_id_tag__iexact=number).first()
    return known or IdTagGroup.objects.create(parent_id_tag=number)
