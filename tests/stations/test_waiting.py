"""How often somebody who waits asks the database."""

from __future__ import annotations

import pytest

from stations import bell, waiting
from stations.models import Command


@pytest.mark.parametrize(
    ("here", "raised_in", "seconds"),
    [
        *(("", "", 0.1), ("", "gateway-1", 0.1)),
        *(("gateway-1", "", 1), ("gateway-1", "gateway-2", 1), ("gateway-1", "gateway-1", 5)),
    ],
)
def test_where_the_bell_is_heard_the_row_is_rarely_looked_at(monkeypatch, here, raised_in, seconds):
    monkeypatch.setattr(bell, "own_channel", lambda: here)
    assert waiting._patience_s(Command(raised_in=raised_in)) == seconds
