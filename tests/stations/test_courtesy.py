"""Long work gives Python's lock back often, and only while there is some."""

import sys

import pytest

from stations.courtesy import TURN_S, beside_stations


def test_turns_are_short_while_anything_is_at_work():
    usual = sys.getswitchinterval()
    with beside_stations():
        with beside_stations():
            assert sys.getswitchinterval() == pytest.approx(TURN_S)
        assert sys.getswitchinterval() == pytest.approx(TURN_S)
    assert sys.getswitchinterval() == pytest.approx(usual)


def test_work_that_fails_is_over_too():
    usual = sys.getswitchinterval()
    with pytest.raises(ValueError, match="broken"), beside_stations():
        raise ValueError("broken")
    assert sys.getswitchinterval() == pytest.approx(usual)
