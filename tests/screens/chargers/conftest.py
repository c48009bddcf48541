"""The overview's house, and what these tests ask of pages."""

from __future__ import annotations

import pytest

from ..overview.conftest import House


@pytest.fixture
def house(db: None) -> House:
    return House()
