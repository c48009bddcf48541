"""How often somebody who waits asks the database, and what they keep of it meanwhile."""

from __future__ import annotations

import pytest

from stations import bell, waiting
from stations.database_places import Places
from stations.models import Command, CommandStatus
from tests.conftest import make_station


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


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "is_quick", "others", "keeps"),
    [
        (CommandStatus.SENT, True, 0, True),
        (CommandStatus.SENT, True, 1, False),
        (CommandStatus.SENT, False, 0, False),
        (CommandStatus.ACCEPTED, False, 1, True),
    ],
)
def test_a_place_is_kept_for_a_moment_unless_others_want_it(monkeypatch, status, is_quick, others, keeps):
    row = Command.objects.create(charge_point=make_station(), action="Reset", status=status)
    places = Places(1)
    monkeypatch.setattr(waiting, "places", places)
    monkeypatch.setattr(Places, "waiting", others)
    with places.taken():
        waiting._look(row.pk, is_quick=is_quick)
        assert places.free == (0 if keeps else 1)
        waiting._look(row.pk, is_quick=True)  # is back before it asks
