"""Tags that were held to a reader and that nobody has entered."""

from __future__ import annotations

from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import Upper
from django.utils import timezone

from stations import changes

from .models import IdTag, UnknownIdTag

MAX_NUMBER_CHARACTERS = 20


def usable_numbers(reported: str) -> list[str]:
    """Tag numbers that can be made of what a reader sent: itself, and its part before `_` (KEBA adds a serial)."""
    candidates = dict.fromkeys((reported, reported.partition("_")[0]))
    return [number for number in candidates if 0 < len(number) <= MAX_NUMBER_CHARACTERS]


def not_entered(unknown: QuerySet[UnknownIdTag]) -> QuerySet[UnknownIdTag]:
    """Without those that somebody has entered since."""
    number = Upper(OuterRef("id_tag"))
    return unknown.filter(~Exists(IdTag.objects.annotate(number=Upper(F("id_tag"))).filter(number=number)))


def still_unknown(unknown: QuerySet[UnknownIdTag]) -> QuerySet[UnknownIdTag]:
    """Those that somebody should look at: neither entered nor ignored."""
    return not_entered(unknown).filter(ignored_at=None)


def ignore(unknown: QuerySet[UnknownIdTag]) -> int:
    """Show them no more, however often they come; they are refused as before. Returns how many."""
    count = unknown.filter(ignored_at=None).update(ignored_at=timezone.now())
    changes.note("tags")
    return count


def heed(unknown: QuerySet[UnknownIdTag]) -> int:
    """Show ignored ones again. Returns how many."""
    count = unknown.exclude(ignored_at=None).update(ignored_at=None)
    changes.note("tags")
    return count
