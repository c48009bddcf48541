"""Heartbeat: a sign of life, answered with the time (OCPP 1.6 §4.6)."""

from datetime import datetime, timedelta

from django.utils import timezone

from stations.models import Message, Repair
from tests.scenarios.speech import errors_of


async def test_the_answer_is_the_time_in_utc(cp):
    answer = await cp.call("Heartbeat")
    assert answer["currentTime"].endswith("Z")
    assert abs(datetime.fromisoformat(answer["currentTime"]) - timezone.now()) < timedelta(seconds=5)


async def test_whatever_comes_with_it(cp):
    assert await errors_of(cp, "Heartbeat", [{}, None, {"signal": -71}]) == ["", "", ""]


async def test_what_was_mended_in_it_is_counted(cp, stored):
    for _ in range(2):
        await cp.call("Heartbeat", signal=-71)
    counted = await stored(Repair.objects.values_list("action", "rule", "field", "count").get)
    assert counted == ("Heartbeat", "unknown_member", "signal", 2)


async def test_both_frames_are_in_the_log(cp, stored):
    await cp.call("Heartbeat")
    kinds = await stored(lambda: list(Message.objects.order_by("pk").values_list("direction", "kind", "action")))
    assert kinds == [("in", 2, "Heartbeat"), ("out", 3, "Heartbeat")]


async def test_a_payload_is_an_object(cp):
    assert await errors_of(cp, "Heartbeat", [[], "", 0, True]) == ["FormationViolation"] * 4
