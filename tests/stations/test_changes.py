"""The bell that pages hear: after commit, collected, never in the way."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from stations import changes

PATIENCE_S = 5


class Ear:
    """Hears what is told, in the thread that tells it."""

    def __init__(self) -> None:
        self.heard: list[frozenset[str]] = []
        self.at: list[float] = []
        self._news = threading.Condition()

    def __call__(self, topics: frozenset[str]) -> None:
        with self._news:
            self.heard.append(topics)
            self.at.append(time.monotonic())
            self._news.notify_all()

    def wait_for(self, *topics: str) -> None:
        """Until all of these have been told."""
        with self._news:
            assert self._news.wait_for(lambda: frozenset(topics) <= self.all, PATIENCE_S), self.heard

    @property
    def all(self) -> frozenset[str]:
        return frozenset().union(*self.heard)


def until_all_is_told() -> None:
    for thread in threading.enumerate():
        if thread.name == "changes":
            thread.join(PATIENCE_S)


@pytest.fixture
def ear(settings: Any) -> Iterator[Ear]:
    until_all_is_told()  # what the test before changed is nothing that this one heard
    settings.REDIS_URL = ""
    ear = Ear()
    changes.attach(ear)
    yield ear
    changes.detach(ear)
    until_all_is_told()


@pytest.mark.django_db(transaction=True)
def test_told_after_the_commit(ear: Ear) -> None:
    with transaction.atomic():
        changes.note("station:1", "tags")
        changes.note_committed(["attempts"])
        ear.wait_for("attempts")
        assert ear.all == {"attempts"}
    ear.wait_for("station:1", "tags")


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_never_happened(ear: Ear) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        changes.note("station:1")
        raise ZeroDivisionError
    changes.note("attempts")
    ear.wait_for("attempts")
    assert ear.all == {"attempts"}


def test_a_thousand_changes_are_told_a_few_times(ear: Ear) -> None:
    began = time.monotonic()
    for number in range(1000):
        changes.note_committed([f"station:{number % 7}"])
        time.sleep(0.0005)
    changes.note_committed(["last"])
    ear.wait_for("last", *(f"station:{number}" for number in range(7)))
    took = time.monotonic() - began
    assert len(ear.heard) <= 2 + took / changes.INTERVAL_S
    gaps = [later - earlier for earlier, later in zip(ear.at, ear.at[1:], strict=False)]
    assert min(gaps) >= changes.INTERVAL_S * 0.9


def test_many_threads_lose_nothing(ear: Ear) -> None:
    def work(number: int) -> None:
        for step in range(200):
            changes.note_committed([f"station:{number}-{step}"])

    threads = [threading.Thread(target=work, args=[number]) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ear.wait_for(*(f"station:{number}-{step}" for number in range(5) for step in range(200)))


def test_nothing_is_kept_for_nobody(settings: Any) -> None:
    settings.REDIS_URL = ""
    changes.note_committed(f"station:{1 / 0}" for _ in range(1))  # it is not even looked at
    changes.note("station:1")
    ear = Ear()
    changes.attach(ear)
    try:
        changes.note_committed(["attempts"])
        ear.wait_for("attempts")
    finally:
        changes.detach(ear)
    assert ear.all == {"attempts"}


def test_a_listener_whose_loop_is_closed_is_dropped(settings: Any, ear: Ear) -> None:
    called = threading.Event()

    def closed(_topics: frozenset[str]) -> None:
        called.set()
        raise RuntimeError("Event loop is closed")

    changes.attach(closed)
    changes.note_committed(["attempts"])
    assert called.wait(PATIENCE_S)
    changes.attach(ear)
    changes.note_committed(["tags"])
    ear.wait_for("tags")


def test_a_layer_that_hangs_does_not_keep_our_own_pages_waiting(ear: Ear, settings: Any, monkeypatch: Any) -> None:
    settings.REDIS_URL = "redis://192.0.2.1:6379/0"
    may_end, hung = threading.Event(), []

    class Hanging:
        async def group_send(self, *_: Any) -> None:
            hung.append(1)
            while not may_end.is_set():
                await asyncio.sleep(0.01)

    monkeypatch.setattr(changes, "get_channel_layer", Hanging)
    monkeypatch.setattr(changes, "LAYER_TIMEOUT_S", 60.0)
    try:
        for number in range(3):
            changes.note_committed([f"station:{number}"])
            ear.wait_for(f"station:{number}")
        assert hung  # all the while
    finally:
        may_end.set()
        until_all_is_told()
