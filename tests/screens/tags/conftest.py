"""The overview's house with tags in it."""

from __future__ import annotations

from typing import Any

import pytest

from stations.models import Connector, Site
from transactions.models import IdTag, Transaction

from ..overview.conftest import House


class HouseWithTags(House):
    def session(self, connector: Connector, **fields: Any) -> Transaction:
        """A session of the given tag; the overview's own tag is no part of this house."""
        session = super().session(connector, id_tag=fields["tag"].id_tag, **fields)
        IdTag.objects.filter(id_tag="CAFE", transactions=None).delete()
        return session


@pytest.fixture
def house(db: None) -> HouseWithTags:
    return HouseWithTags()


@pytest.fixture
def yard(db: None) -> Site:
    """Another place with people of its own."""
    return Site.objects.create(name="Yard")


@pytest.fixture
def anna(house: HouseWithTags) -> IdTag:
    return IdTag.objects.create(id_tag="04A1B2C3D4E5F2", holder="Anna", site=house.site)
