"""Recipes: what a station is asked and told after a boot, step by step, driven by the clock alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from stations import commands, recipes, services
from stations.models import (
    ChargePoint,
    Command,
    CommandStatus,
    ConfigurationKey,
    RecipeChoice,
    RecipeKey,
    RecipeMode,
    RecipeRun,
    StationModel,
)
from stations.write_batch import Names, write_batch
from tests.conftest import make_station

State = RecipeRun.State
STATUS = {"requestedMessage": "StatusNotification"}
LATER = timedelta(minutes=1)


def make_recipe(vendor: str = "", model: str = "", *, choice: str = RecipeChoice.OWN, **keys: str) -> StationModel:
    row = StationModel.objects.create(vendor=vendor, model=model, recipe=choice)
    for position, (name, values) in enumerate(keys.items()):
        RecipeKey.objects.create(station_model=row, key=name, values_text=values, position=position)
    return row


class Box:
    """A station with keys, that answers what it is asked."""

    def __init__(self, cp: Any, stored: Any, **keys: str) -> None:
        self.cp, self.stored, self.keys = cp, stored, keys
        self.refuses: dict[str, str] = {}
        self.heard: list[str] = []

    async def tick(self, after: timedelta = LATER) -> int:
        return await self.stored(lambda: recipes.advance_all(timezone.now() + after))

    async def answers(self) -> bool:
        """Answer one CALL, if there is one."""
        if await self.cp.is_silent():
            return False
        call = await self.cp.hears()
        await call.replies(**self._answer(call.action, call.payload))
        await commands.wait_for(call.unique_id, 10)
        return True

    def _answer(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        if action == "GetConfiguration":
            self.heard.append("read " + ",".join(payload.get("key", ["all"])))
            known = {name: value for name, value in self.keys.items() if name in payload.get("key", self.keys)}
            return {"configurationKey": [{"key": k, "readonly": False, "value": v} for k, v in known.items()]}
        if action == "ChangeConfiguration":
            self.heard.append(f"{payload['key']}={payload['value']}")
            status = self.refuses.get(self.heard[-1], "Accepted")
            if status == "Accepted":
                self.keys[payload["key"]] = payload["value"]
            return {"status": status}
        self.heard.append(payload["requestedMessage"])
        return {"status": "Accepted"}

    async def goes_through(self) -> RecipeRun:
        """Let the clock tick and the station answer until nothing happens any more."""
        for _ in range(30):
            ticked = await self.tick()
            while await self.answers():
                ticked += 1
            if not ticked:
                break
        return await self.stored(lambda: RecipeRun.objects.latest("pk"))


@pytest.fixture
def box(cp, stored) -> Box:
    return Box(cp, stored, HeartbeatInterval="900", Other="x")


async def runs(stored) -> list[str]:
    return await stored(lambda: list(RecipeRun.objects.order_by("pk").values_list("state", flat=True)))


async def test_read_set_trigger(box, stored):
    await stored(lambda: make_recipe(HeartbeatInterval="300", MeterValueSampleInterval="60"))
    await box.cp.boots()
    run = await box.goes_through()
    assert box.heard == ["read all", "HeartbeatInterval=300", "MeterValueSampleInterval=60", "StatusNotification"]
    assert (run.state, run.refused) == (State.DONE, [])
    assert await stored(lambda: ConfigurationKey.objects.get(key="HeartbeatInterval").value) == "300"


async def test_what_is_right_already_is_not_set(box, stored):
    await stored(lambda: make_recipe(HeartbeatInterval="600\n900", Other="X"))
    await box.cp.boots()
    box.keys["Other"] = "X"
    await box.goes_through()
    assert box.heard == ["read all", "StatusNotification"]


async def test_a_second_boot_finds_nothing_to_set(box, stored):
    await stored(lambda: make_recipe(HeartbeatInterval="300"))
    for _ in range(2):
        await box.cp.boots()
        await box.goes_through()
    assert box.heard == ["read all", "HeartbeatInterval=300", "StatusNotification", "read all", "StatusNotification"]


async def test_a_shorter_list_is_tried_when_the_long_one_is_rejected(box, stored):
    await stored(lambda: make_recipe(MeterValuesSampledData="a,b,c\na,b\na"))
    box.refuses = {"MeterValuesSampledData=a,b,c": "Rejected", "MeterValuesSampledData=a,b": "Rejected"}
    await box.cp.boots()
    run = await box.goes_through()
    assert box.heard[1:-1] == [f"MeterValuesSampledData={value}" for value in ("a,b,c", "a,b", "a")]
    assert (run.state, run.refused) == (State.DONE, [])


async def test_a_key_that_is_refused_is_named(box, stored):
    await stored(lambda: make_recipe(Foo="1\n2", Bar="1\n2"))
    box.refuses = {"Foo=1": "NotSupported", "Bar=1": "Rejected", "Bar=2": "Rejected"}
    await box.cp.boots()
    run = await box.goes_through()
    assert box.heard[1:-1] == ["Foo=1", "Bar=1", "Bar=2"]
    assert (run.state, run.refused) == (State.DONE, ["Bar", "Foo"])


async def test_a_read_only_key_is_left_alone(box, stored):
    await stored(lambda: make_recipe(HeartbeatInterval="300"))
    await box.cp.boots()
    await box.tick()
    call = await box.cp.expects("GetConfiguration")
    await call.replies(configurationKey=[{"key": "heartbeatinterval", "readonly": True, "value": "900"}])
    await commands.wait_for(call.unique_id, 10)
    await box.goes_through()
    assert box.heard == ["StatusNotification"]


@pytest.mark.parametrize("how", ["callerror", "half an answer", "silence"])
async def test_a_station_that_cannot_list_all_keys_is_asked_for_each(box, stored, how):
    await stored(lambda: make_recipe(HeartbeatInterval="300", Other="x"))
    await box.cp.boots()
    await box.tick()
    call = await box.cp.expects("GetConfiguration")
    if how == "callerror":
        await call.fails("InternalError")
    elif how == "half an answer":
        await box.cp.send_text(f'[3,"{call.unique_id}",{{"configurationKey":[]')
        await stored(lambda: commands.close_command(Command.objects.get(pk=call.unique_id), CommandStatus.FAILED))
    else:
        await stored(lambda: commands.close_command(Command.objects.get(pk=call.unique_id), CommandStatus.TIMED_OUT))
        await call.replies()
    await commands.wait_for(call.unique_id, 10)
    run = await box.goes_through()
    assert box.heard == ["read HeartbeatInterval", "read Other", "HeartbeatInterval=300", "StatusNotification"]
    assert run.state == State.DONE


async def test_a_station_that_does_not_answer_is_left_alone(box, stored):
    await stored(lambda: make_recipe(A="1", B="2"))
    await box.cp.boots()
    await box.tick()
    await box.answers()
    await box.tick()
    call = await box.cp.expects("ChangeConfiguration", key="A", value="1")
    await stored(lambda: commands.close_command(Command.objects.get(pk=call.unique_id), CommandStatus.TIMED_OUT))
    await box.cp.disconnect()
    await stored(lambda: commands.close_lost(timezone.now() + timedelta(minutes=5)))
    await box.tick()
    assert await runs(stored) == [State.INTERRUPTED]


async def test_the_process_may_die_at_every_step(box, stored):
    """Another process takes over: all it has are the rows, and however often it looks at them nothing is sent twice."""
    await stored(lambda: make_recipe(A="1\n2", B="2"))
    box.refuses = {"A=1": "Rejected"}
    await box.cp.boots()
    for _ in range(20):
        for _again in range(3):
            await box.tick()
        if not await box.answers():
            break
    assert box.heard == ["read all", "A=1", "B=2", "A=2", "StatusNotification"]
    assert await runs(stored) == [State.DONE]


async def test_two_clocks_at_once_send_once(box, stored):
    await stored(lambda: make_recipe())
    await box.cp.boots()
    run = await stored(RecipeRun.objects.get)
    now = timezone.now() + LATER
    assert [await stored(lambda: recipes.advance(run.pk, now)) for _ in range(2)] == [True, False]
    assert await stored(lambda: Command.objects.filter(action="GetConfiguration").count()) == 1


async def test_nothing_is_sent_right_after_the_boot(box, stored):
    await stored(lambda: make_recipe())
    await box.cp.boots()
    assert await box.tick(timedelta(0)) == 0


async def test_a_boot_loop_is_not_fed(box, stored):
    await stored(lambda: make_recipe(A="1"))
    for _ in range(6):
        await box.cp.boots()
        await box.tick(timedelta(0))
    assert await stored(Command.objects.count) == 0
    assert await runs(stored) == [State.RUNNING]  # of the last boot
    for _ in range(6):
        await box.cp.boots()
        await box.tick()
        await box.answers()
    assert box.heard == ["read all"] * 3
    await stored(lambda: RecipeRun.objects.update(booted_at=F("booted_at") - timedelta(hours=2)))
    await box.cp.boots()
    await box.goes_through()
    assert box.heard[3:] == ["read all", "A=1", "StatusNotification"]


async def test_a_new_boot_ends_what_an_earlier_one_began(box, stored):
    await stored(lambda: make_recipe(A="1", B="2"))
    await box.cp.boots()
    await box.tick()
    await box.answers()
    await box.tick()
    first = await box.cp.expects("ChangeConfiguration", key="A", value="1")
    await box.cp.boots()
    assert await runs(stored) == [State.SUPERSEDED, State.RUNNING]
    statuses = await stored(lambda: dict(Command.objects.values_list("payload__key", "status")))
    assert (statuses["A"], statuses["B"]) == (CommandStatus.SENT, CommandStatus.CANCELLED)
    await first.replies(status="Accepted")


async def test_a_run_does_not_last_for_ever(box, stored):
    await stored(lambda: make_recipe())
    await box.cp.boots()
    await box.tick(timedelta(hours=1))
    assert await runs(stored) == [State.INTERRUPTED]


async def test_an_archived_station_is_left_alone(box, stored):
    await stored(lambda: make_recipe())
    await box.cp.boots()
    await stored(lambda: ChargePoint.objects.update(archived_at=timezone.now()))
    await box.tick()
    assert await runs(stored) == [State.INTERRUPTED]


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
async def test_only_an_accepted_boot_counts(box, stored, status):
    await stored(lambda: make_recipe())
    await stored(lambda: ChargePoint.objects.update(registration_status=status))
    await box.cp.boots()
    assert await runs(stored) == []


async def test_approval_leads_to_the_recipe(gateway, connect, stored, settings):
    await stored(lambda: make_recipe())
    cp = await connect("NEW")
    assert (await cp.boots())["status"] == "Pending"
    await sync_to_async(lambda: services.approve_charge_point(ChargePoint.objects.get()))()
    await (await cp.expects("TriggerMessage", requestedMessage="BootNotification")).replies(status="Accepted")
    assert (await cp.boots())["status"] == "Accepted"
    assert await runs(stored) == [State.RUNNING]


# Which recipe


@pytest.fixture
def wall(transactional_db) -> ChargePoint:
    return make_station(vendor="Acme", model="Wall 22")


def test_without_a_recipe_nothing_runs(wall, django_assert_num_queries):
    StationModel.objects.create(vendor="Acme")
    with django_assert_num_queries(1):
        assert recipes.begin(wall.pk, at=timezone.now()) is None


def test_what_a_boot_just_said_chooses_the_recipe(transactional_db):
    station = make_station()
    make_recipe("Acme", "Wall 22")
    with transaction.atomic(), write_batch([Names(station.pk, "BootNotification")]):
        services.register_boot(station, at=timezone.now(), vendor="Acme", model="Wall 22")
    assert RecipeRun.objects.get().charge_point == station


def test_the_most_specific_one_that_says_anything(wall):
    everyone = make_recipe()
    assert recipes.recipe_of(wall) == everyone
    vendor = make_recipe("ACME", choice=RecipeChoice.INHERIT)
    assert recipes.recipe_of(wall) == everyone
    model = make_recipe("Acme", "WALL 22")
    assert recipes.recipe_of(wall) == model
    StationModel.objects.filter(pk=model.pk).update(recipe=RecipeChoice.INHERIT)
    StationModel.objects.filter(pk=vendor.pk).update(recipe=RecipeChoice.NONE)
    assert recipes.recipe_of(wall) is None


@pytest.mark.parametrize(
    ("mode", "by_hand", "runs"),
    [
        (RecipeMode.AUTO, False, True),
        (RecipeMode.AUTO, True, False),
        (RecipeMode.ON, True, True),
        (RecipeMode.OFF, False, False),
    ],
)
def test_the_stations_own_switch(wall, mode, by_hand, runs):
    make_recipe()
    wall.recipe_mode = mode
    wall.configured_by_hand_at = timezone.now() if by_hand else None
    wall.save()
    assert (recipes.begin(wall.pk, at=timezone.now()) is not None) == runs


def test_the_same_boot_is_one_run(wall):
    make_recipe()
    at = timezone.now()
    assert recipes.begin(wall.pk, at=at) == recipes.begin(wall.pk, at=at)


def test_a_new_recipe_holds_what_is_recommended(wall):
    recipe = make_recipe()
    recipes.fill_with_defaults(recipe)
    values = {entry.key: entry.values for entry in recipe.recipe_keys.all()}
    assert values["MeterValueSampleInterval"] == ["60"]
    lengths = [len(value.split(",")) for value in values["MeterValuesSampledData"]]
    assert lengths == sorted(lengths, reverse=True) == [6, 4, 2, 1]
    for entry in recipe.recipe_keys.all():
        entry.full_clean()
    recipe.recipe_keys.first().delete()
    recipes.fill_with_defaults(recipe)
    assert recipe.recipe_keys.count() == len(recipes.DEFAULT_KEYS) - 1


@pytest.mark.django_db
def test_a_run_that_fails_keeps_no_other_from_going_on(monkeypatch):
    recipe, booted_at = make_recipe(HeartbeatInterval="300"), timezone.now()
    first, second = (
        RecipeRun.objects.create(charge_point=make_station(identity), booted_at=booted_at, station_model=recipe)
        for identity in ("CP1", "CP2")
    )
    read = recipes._read

    def fails_for_the_first(run, sent):
        done = read(run, sent)
        if run == first:
            raise ArithmeticError("no coffee")
        return done

    monkeypatch.setattr(recipes, "_read", fails_for_the_first)
    assert recipes.advance_all(booted_at + LATER) == 1
    assert [recipes.commands_of(run).count() for run in (first, second)] == [0, 1]
