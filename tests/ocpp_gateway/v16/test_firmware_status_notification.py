"""FirmwareStatusNotification: how an update goes (OCPP 1.6 §4.5)."""

import pytest

from stations.models import ProgressReport
from tests.scenarios.speech import errors_of, repairs


def reported():
    return list(ProgressReport.objects.order_by("pk").values_list("kind", "status", "request_id"))


async def test_every_step_is_kept(cp, stored):
    for status in ("Downloading", "Downloaded", "Installing", "Installed"):
        assert await cp.call("FirmwareStatusNotification", status=status) == {}
    assert await stored(reported) == [
        ("firmware", "Downloading", None),
        ("firmware", "Downloaded", None),
        ("firmware", "Installing", None),
        ("firmware", "Installed", None),
    ]
    assert await stored(repairs) == set()


@pytest.mark.parametrize(
    ("word", "kept", "rule"),
    [
        ("INSTALLED", "Installed", "enum_case"),
        ("Exploded", "Exploded", "unknown_enum"),
        ("E" * 70, "E" * 50, "unknown_enum"),
    ],
)
async def test_a_word_out_of_place_is_no_reason_to_refuse(cp, stored, word, kept, rule):
    assert await cp.call("FirmwareStatusNotification", status=word) == {}
    assert await stored(reported) == [("firmware", kept, None)]
    assert await stored(repairs) == {(rule, "status")}


REFUSED = [
    ({}, "OccurenceConstraintViolation"),
    ({"status": None}, "OccurenceConstraintViolation"),
    ({"status": {}}, "TypeConstraintViolation"),
    ({"status": ["Idle"]}, "TypeConstraintViolation"),
    ("Idle", "FormationViolation"),
]


async def test_what_cannot_be_read_is_named(cp, stored):
    codes = [code for _, code in REFUSED]
    assert await errors_of(cp, "FirmwareStatusNotification", (payload for payload, _ in REFUSED)) == codes
    assert await stored(reported) == []
