"""ClearChargingProfile: by number, by filter, all; and what is believed afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from charging_profiles import clearing
from charging_profiles.models import Assignment, Purpose
from stations.commands import SYSTEM, CommandRefused, queue_command
from stations.models import ChargePoint

from .conftest import answer, make_profile, online_station, states

pytestmark = pytest.mark.django_db


@pytest.fixture
def four(give: Callable[..., Assignment]) -> list[Assignment]:
    """A cap, a default of all, defaults of connector 1 on level 0 and 1."""
    return [
        give(make_profile("Cap", purpose=Purpose.CHARGE_POINT_MAX), 0),
        give(make_profile("All"), 0),
        give(make_profile("One"), 1),
        give(make_profile("One above", stack_level=1), 1),
    ]


@pytest.mark.parametrize(
    ("wanted", "payload", "gone"),
    [
        ({"connector_id": 1}, {"connectorId": 1}, [2, 3]),
        ({"connector_id": 0}, {"connectorId": 0}, [0, 1]),
        ({"stack_level": 0}, {"stackLevel": 0}, [0, 1, 2]),
        ({"purpose": Purpose.TX_DEFAULT}, {"chargingProfilePurpose": "TxDefaultProfile"}, [1, 2, 3]),
        ({"purpose": Purpose.TX}, {"chargingProfilePurpose": "TxProfile"}, []),
        (
            {"connector_id": 1, "purpose": Purpose.TX_DEFAULT, "stack_level": 1},
            {"connectorId": 1, "chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 1},
            [3],
        ),
    ],
)
@pytest.mark.parametrize("says", ["Accepted", "Unknown"])
def test_what_meets_all_of_the_filter_goes(
    online: ChargePoint,
    four: list[Assignment],
    wanted: dict[str, Any],
    payload: dict[str, Any],
    gone: list[int],
    says: str,
) -> None:
    """Unknown: nothing of the kind is there, whatever we believed."""
    command = clearing.clear_matching(online, **wanted, origin=SYSTEM)
    assert (command.action, command.payload) == ("ClearChargingProfile", payload)
    answer(command, says)
    assert states() == ["cleared" if number in gone else "installed" for number in range(4)]
    assert Assignment.objects.filter(state="cleared", ended_at=None).count() == 0


def test_one_goes_by_its_number(four: list[Assignment]) -> None:
    command = clearing.clear_one(four[2], origin=SYSTEM)
    assert command.payload == {"id": four[2].charging_profile_id}
    answer(command)
    assert states() == ["installed", "installed", "cleared", "installed"]


def test_with_a_number_nothing_else_is_looked_at(online: ChargePoint, four: list[Assignment]) -> None:
    number = four[0].charging_profile_id
    answer(queue_command(online, "ClearChargingProfile", {"id": number, "connectorId": 9, "stackLevel": 9}))
    assert states() == ["cleared", "installed", "installed", "installed"]


def test_all_go(online: ChargePoint, four: list[Assignment]) -> None:
    command = clearing.clear_all(online, origin=SYSTEM)
    assert command.payload == {}
    answer(command)
    assert states() == ["cleared"] * 4


def test_nobody_clears_all_by_leaving_the_filter_empty(online: ChargePoint) -> None:
    with pytest.raises(CommandRefused, match="Say which"):
        clearing.clear_matching(online, origin=SYSTEM)


def test_what_is_not_there_cannot_be_removed(online: ChargePoint, give: Callable[..., Assignment]) -> None:
    with pytest.raises(CommandRefused, match="not at the charger"):
        clearing.clear_one(give(make_profile(), says="Rejected"), origin=SYSTEM)


def test_any_other_word_changes_nothing(online: ChargePoint, four: list[Assignment]) -> None:
    answer(clearing.clear_all(online, origin=SYSTEM), "NotSupported")
    assert states() == ["installed"] * 4


def test_the_neighbour_keeps_its_profiles(four: list[Assignment]) -> None:
    answer(clearing.clear_all(online_station("CP2"), origin=SYSTEM))
    assert states() == ["installed"] * 4


def test_one_on_its_way_is_not_cleared(online: ChargePoint, give: Callable[..., Assignment]) -> None:
    command = clearing.clear_all(online, origin=SYSTEM)
    give(make_profile(), says=None)
    answer(command)
    assert states() == ["asked"]


def test_two_clicks_are_one_command(online: ChargePoint) -> None:
    first, second = (clearing.clear_all(online, origin=SYSTEM, idempotency_key="k") for _ in range(2))
    assert first == second


@pytest.mark.django_db(transaction=True)
async def test_over_the_wire(cp: Any, station: ChargePoint, ended: Any) -> None:
    await Assignment.objects.acreate(
        charge_point=station,
        connector_id=1,
        charging_profile_id=5,
        purpose=Purpose.TX_DEFAULT,
        stack_level=0,
        payload={},
        state="installed",
    )
    command = await sync_to_async(clearing.clear_matching)(station, connector_id=1, origin=SYSTEM)
    await (await cp.expects("ClearChargingProfile", connectorId=1)).replies(status="Accepted")
    await ended(command)
    assert await sync_to_async(states)() == ["cleared"]
