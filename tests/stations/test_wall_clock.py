"""A clock that is set while we run (F29)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from stations.wall_clock import PATIENCE_S, WallClock


class Clocks:
    """Both clocks of a machine, which only move when told to."""

    def __init__(self) -> None:
        self.wall, self.monotonic = 1_800_000_000.0, 50.0
        self.clock = WallClock(lambda: self.wall, lambda: self.monotonic)

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds

    def ahead(self) -> timedelta:
        """How much the wall clock is ahead of what is judged by."""
        return timedelta(seconds=self.wall) - timedelta(seconds=self.clock.patient_now().timestamp())


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


def test_time_that_passes_is_no_step(clocks: Clocks) -> None:
    for seconds in (0, 1, 3600, 86_400):
        clocks.pass_(seconds)
        assert not clocks.ahead()


def test_a_step_forward_counts_later(clocks: Clocks) -> None:
    clocks.pass_(10)
    clocks.wall += 3600
    assert clocks.ahead() == timedelta(hours=1)
    clocks.pass_(PATIENCE_S - 1)
    assert clocks.ahead() == timedelta(hours=1)
    clocks.pass_(1)
    assert not clocks.ahead()


def test_a_step_back_counts_at_once(clocks: Clocks) -> None:
    clocks.wall += 3600
    assert clocks.ahead() == timedelta(hours=1)
    clocks.pass_(1)
    clocks.wall -= 3600
    assert not clocks.ahead()


def test_two_steps_forward_add_up(clocks: Clocks) -> None:
    clocks.wall += 3600
    assert clocks.ahead() == timedelta(hours=1)
    clocks.pass_(PATIENCE_S - 1)
    clocks.wall += 60
    assert clocks.ahead() == timedelta(hours=1, minutes=1)
    clocks.pass_(PATIENCE_S)
    assert not clocks.ahead()


def test_a_slewed_clock_is_not_set(clocks: Clocks) -> None:
    for _ in range(100):
        clocks.pass_(10)
        clocks.wall += 0.005
        assert not clocks.ahead()
