"""What people do to many tags at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from django.db import transaction

from people import audit
from stations import changes

from .models import IdTag

_AT_ONCE = 1000


@transaction.atomic
def change_tags(tags: Iterable[IdTag], values: dict[str, Any]) -> list[IdTag]:
    """Set columns of tags, with a line in the history of each; returns those that were not so already."""
    changed = [tag for tag in tags if _is_changed_by(tag, values)]
    for batch in batches(changed, _AT_ONCE):
        for tag in batch:
            for name, value in values.items():
                setattr(tag, name, value)
        audit.record_updates(batch, values)
        IdTag.objects.filter(pk__in=[tag.pk for tag in batch]).update(**values)
    changes.note("tags")
    return changed


def batches(tags: Iterable[IdTag], size: int) -> Iterator[list[IdTag]]:
    left = iter(tags)
    while batch := list(islice(left, size)):
        yield batch


def _is_changed_by(tag: IdTag, values: dict[str, Any]) -> bool:
    if values.get("archived_at") and tag.archived_at:  # in the archive already, if at another moment
        return False
    return any(getattr(tag, name) != value for name, value in values.items())
