"""SignedFirmwareStatusNotification: how a signed update goes (white paper L01)."""

import pytest

from stations.models import ProgressReport
from tests.scenarios.speech import errors_of, repairs


def reported():
    return list(ProgressReport.objects.order_by("pk").values_list("kind", "status", "request_id"))


async def test_every_step_is_kept(cp, stored):
    for status in ("DownloadScheduled", "SignatureVerified", "InstallRebooting", "Installed"):
        assert await cp.call("SignedFirmwareStatusNotification", status=status, requestId=7) == {}
    assert await stored(reported) == [
        ("signed_firmware", "DownloadScheduled", 7),
        ("signed_firmware", "SignatureVerified", 7),
        ("signed_firmware", "InstallRebooting", 7),
        ("signed_firmware", "Installed", 7),
    ]
    assert await stored(repairs) == set()


@pytest.mark.parametrize(
    ("word", "kept", "rule"),
    [
        ("invalidsignature", "InvalidSignature", "enum_case"),
        ("Exploded", "Exploded", "unknown_enum"),
        ("E" * 70, "E" * 50, "unknown_enum"),
    ],
)
async def test_a_word_out_of_place_is_no_reason_to_refuse(cp, stored, word, kept, rule):
    assert await cp.call("SignedFirmwareStatusNotification", status=word) == {}
    assert await stored(reported) == [("signed_firmware", kept, None)]
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
    assert await errors_of(cp, "SignedFirmwareStatusNotification", (payload for payload, _ in REFUSED)) == codes
    assert await stored(reported) == []
