"""Search in long records: each word is looked up where that is short, instead of joining millions of rows."""

from __future__ import annotations

from functools import reduce
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

from ..models import ChargePoint, Connector
from .pages import RecordAdmin, words_of

M = TypeVar("M", bound=Model)

#: Chargers, or tags, that a word may mean; their keys go into the query one by one, so that indexes are used.
MAX_FOUND = 5000


def chargers_called(word: str) -> list[int]:
    """Keys of the chargers with the word in identity, name or site, up to MAX_FOUND."""
    called_so = Q(identity__icontains=word) | Q(name__icontains=word) | Q(site__name__icontains=word)
    found = ChargePoint.objects.filter(called_so)
    return list(found.values_list("pk", flat=True)[:MAX_FOUND])


class LongRecordAdmin(RecordAdmin[M]):
    """Rows that belong to a connector; what else a word may mean, or of what else rows are, is said by `meaning`."""

    def meaning(self, word: str) -> Q:
        found = Connector.objects.filter(charge_point__in=chargers_called(word))
        return Q(connector__in=list(found.values_list("pk", flat=True)))  # as numbers, for the index's sake

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        found: Any = reduce(lambda rows, word: rows.filter(self.meaning(word)), words_of(search_term), queryset)
        return found, False
