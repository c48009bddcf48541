"""Rows that the clock works on, one by one."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, OperationalError

from stations import one_by_one
from stations.models import Site
from stations.one_by_one import each

pytestmark = pytest.mark.django_db


def test_a_row_that_fails_leaves_nothing_and_the_next_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[tuple[str, type[Exception]]] = []

    def work(number: int) -> int:
        Site.objects.create(name=f"site {number}")
        if number == 2:
            Site.objects.bulk_create([Site(pk=Site.objects.get(name="site 1").pk, name="the same")])
        return number

    monkeypatch.setattr(
        one_by_one.log, "error", lambda _event, *, row, exc_info: logged.append((row, type(exc_info))), raising=False
    )
    assert each([1, 2, 3], work) == 4
    assert set(Site.objects.values_list("name", flat=True)) == {"site 1", "site 3"}
    assert logged == [("2", IntegrityError)]


def test_a_database_that_goes_away_is_no_rows_fault() -> None:
    done: list[int] = []

    def work(number: int) -> int:
        done.append(number)
        raise OperationalError("server closed the connection unexpectedly")

    with pytest.raises(OperationalError):
        each([1, 2], work)
    assert done == [1]
