"""LogStatusNotification: how the upload of a log goes (white paper N01)."""

import pytest

from stations.models import ProgressReport
from tests.scenarios.speech import errors_of, repairs


def reported():
    return list(ProgressReport.objects.order_by("pk").values_list("kind", "status", "request_id"))


async def test_every_step_is_kept(cp, stored):
    for status in ("Uploading", "PermissionDenied", "Uploaded"):
        assert await cp.call("LogStatusNotification", status=status, requestId=7) == {}
    assert await stored(reported) == [
        ("log", "Uploading", 7),
        ("log", "PermissionDenied", 7),
        ("log", "Uploaded", 7),
    ]
    assert await stored(repairs) == set()


@pytest.mark.parametrize(
    ("word", "kept", "rule"),
    [
        ("uploaded", "Uploaded", "enum_case"),
        ("Exploded", "Exploded", "unknown_enum"),
        ("E" * 70, "E" * 50, "unknown_enum"),
        ("UploadFailed", "UploadFailure", "alias"),
    ],
)
async def test_a_word_out_of_place_is_no_reason_to_refuse(cp, stored, word, kept, rule):
    assert await cp.call("LogStatusNotification", status=word) == {}
    assert await stored(reported) == [("log", kept, None)]
    assert await stored(repairs) == {(rule, "status")}


REFUSED = [
    ({}, "OccurenceConstraintViolation"),
    ({"status": None}, "OccurenceConstraintViolation"),
    ({"status": {}}, "TypeConstraintViolation"),
    ({"status": ["Idle"]}, "TypeConstraintViolation"),
    ({"status": "Idle", "requestId": "seven"}, "TypeConstraintViolation"),
    ({"status": "Idle", "requestId": True}, "TypeConstraintViolation"),
    ({"status": "Idle", "requestId": 2**63}, "PropertyConstraintViolation"),
    ("Idle", "FormationViolation"),
]


async def test_what_cannot_be_read_is_named(cp, stored):
    codes = [code for _, code in REFUSED]
    assert await errors_of(cp, "LogStatusNotification", (payload for payload, _ in REFUSED)) == codes
    assert await stored(reported) == []
