"""Kinds of work for tests, and a runner that works in the test's own thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User

from jobs import kinds
from jobs.models import Job
from jobs.runner import Runner


@pytest.fixture
def kind() -> Iterator[Callable[[str, kinds.Run], None]]:
    """`kind("count", run)`: registered until the test ends."""
    names: list[str] = []

    def register(name: str, run: kinds.Run) -> None:
        kinds.job_kind(name)(run)
        names.append(name)

    yield register
    for name in names:
        kinds._kinds.pop(name)


@pytest.fixture
def anna(transactional_db: None) -> User:
    return User.objects.create_user("anna")


@pytest.fixture
def runner() -> Runner:
    return Runner()


@pytest.fixture
def make_job(anna: User) -> Callable[..., Job]:
    def make(kind: str = "count", **values: Any) -> Job:
        return Job.objects.create(**{"kind": kind, "title": kind, "owner": anna, "language": "en", **values})

    return make
