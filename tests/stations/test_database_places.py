"""So many at the database at a time, in the order in which they came, and without a connection afterwards."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from stations.database_places import Crowded, Places
from tests.transfers.conftest import eventually

needs_postgresql = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="asks PostgreSQL who is there")


class Visitor:
    """Somebody with a thread of its own: `does` something at a place, then stays until it `leaves`."""

    def __init__(self, places: Places, does: Callable[[], object] = lambda: None) -> None:
        self._places, self._does = places, does
        self._may_leave = threading.Event()
        self.is_in = threading.Event()
        self.found: object = None
        self._thread = threading.Thread(target=self._visit)
        self._thread.start()

    def _visit(self) -> None:
        try:
            with self._places.taken():
                try:
                    self.found = self._does()
                finally:
                    self.is_in.set()
                self._may_leave.wait(10)
        except Exception as error:
            self.found = error
        finally:
            connection.close()

    def leaves(self) -> None:
        self._may_leave.set()
        self._thread.join(10)
        assert not self._thread.is_alive()


def in_queue(places: Places, count: int) -> None:
    eventually(lambda: places.waiting == count)


def test_who_came_first_is_first():
    places = Places(2)
    inside = [Visitor(places) for _ in range(2)]
    assert all(visitor.is_in.wait(10) for visitor in inside)
    queue = []
    for number in range(1, 4):
        queue.append(Visitor(places))
        in_queue(places, number)
    for number, next_one in enumerate(queue):
        (inside + queue)[number].leaves()
        assert next_one.is_in.wait(10)
        assert [visitor.is_in.is_set() for visitor in queue] == [True] * (number + 1) + [False] * (2 - number)
    for visitor in queue[1:]:
        visitor.leaves()
    assert (places.free, places.waiting) == (2, 0)


def test_nobody_waits_for_ever():
    places = Places(1, patience_s=0.01)
    inside = Visitor(places)
    assert inside.is_in.wait(10)
    with pytest.raises(Crowded), places.taken():
        raise AssertionError("there was no place")
    assert places.waiting == 0
    inside.leaves()
    with places.taken():
        assert places.free == 0
    assert places.free == 1


def test_work_that_fails_gives_its_place_back():
    places = Places(1)
    with pytest.raises(ValueError, match="broken"), places.taken():
        raise ValueError("broken")
    assert places.free == 1


def test_one_place_is_enough_for_what_calls_each_other():
    places = Places(1, patience_s=0.01)
    with places.taken():
        with places.taken():
            assert places.free == 0
        assert places.free == 0
    assert places.free == 1


def test_who_steps_aside_lets_others_in_and_comes_back():
    places = Places(1)
    with places.taken():
        places.step_aside()
        other = Visitor(places)
        assert other.is_in.wait(10)

        def make_room() -> None:
            in_queue(places, 1)
            other.leaves()

        room = threading.Thread(target=make_room)
        room.start()
        places.come_back()
        room.join(10)
        assert (places.free, other.found) == (0, None)
        places.step_aside()
        assert places.free == 1
        with places.taken():  # whatever asks the database next
            assert places.free == 0
    assert places.free == 1


def test_who_needs_no_place_steps_aside_and_comes_back_without():
    places = Places(1)
    places.step_aside()
    places.come_back()
    assert places.free == 1


def backend() -> int:
    """The number of PostgreSQL's own process behind this thread's connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def is_open(number: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", [number])
        return bool(cursor.fetchone()[0])


@needs_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_place_is_given_back_without_its_connection():
    places = Places(1)
    visitor = Visitor(places, backend)
    assert visitor.is_in.wait(10)
    assert is_open(int(str(visitor.found)))
    visitor.leaves()
    eventually(lambda: not is_open(int(str(visitor.found))))


@needs_postgresql
@pytest.mark.django_db(transaction=True)
def test_who_steps_aside_keeps_no_connection():
    places = Places(1)

    def step_aside() -> int:
        number = backend()
        places.step_aside()
        return number

    visitor = Visitor(places, step_aside)
    assert visitor.is_in.wait(10)
    eventually(lambda: not is_open(int(str(visitor.found))))
    assert places.free == 1
    visitor.leaves()
