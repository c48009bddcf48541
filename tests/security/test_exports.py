"""S21, H37: no column of any table leaves without the guard against formulas."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import get_resolver

from stations.sheet_resource import SheetResource
from stations.spreadsheets import NumberWidget, defuse
from transactions.resources import ConcurrencyWidget

FORMULAS = ("=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1")


def resources() -> Iterator[type[Any]]:
    assert get_resolver().url_patterns  # whatever exports is imported now
    waiting: list[Any] = [SheetResource]
    while waiting:
        found = waiting.pop().__subclasses__()
        waiting += found
        yield from (resource for resource in found if resource.fields)


@pytest.mark.parametrize("formula", FORMULAS)
def test_every_column_of_every_table_is_guarded(formula: str) -> None:
    """But those of numbers, which come from numeric columns: what is below zero has to stay a number."""
    columns = [
        (resource, name, field)
        for resource in resources()
        for name, field in resource.fields.items()
        if type(field.widget) not in (NumberWidget, ConcurrencyWidget)
    ]
    assert len(columns) > 30
    named = SimpleNamespace(id_tag=formula, name=formula)  # what a relation is shown by
    loose = []
    for resource, name, field in columns:
        for value in (formula, named):
            try:
                shown = field.widget.render(value)
            except (AttributeError, TypeError, ValueError, ArithmeticError):
                continue
            if isinstance(shown, str) and shown == formula:
                loose.append(f"{resource.__name__}.{name}")
    assert loose == []
    assert defuse(formula) == f"'{formula}"
