"""The list of tags that the station decides about by itself."""

from __future__ import annotations

import pytest

from .central_system import call


@pytest.fixture
def send(central, cp):
    async def send(version, update="Differential", **tags) -> str:
        entries = [{"id_tag": tag} | ({"id_tag_info": info} if info else {}) for tag, info in tags.items()]
        request = call.SendLocalList(list_version=version, update_type=update, local_authorization_list=entries)
        return (await central.sends("SIM-1", request)).status

    return send


async def version(central) -> int:
    return (await central.sends("SIM-1", call.GetLocalListVersion())).list_version


ACCEPTED, BLOCKED = {"status": "Accepted"}, {"status": "Blocked"}


async def test_versions(central, send):
    assert await version(central) == 0
    assert await send(5, "Full", CAFE=ACCEPTED) == "Accepted"
    assert await version(central) == 5
    assert await send(5, B00C=ACCEPTED) == "VersionMismatch"
    assert await send(6, B00C=ACCEPTED) == "Accepted"
    assert await send(3, "Full", CAFE=ACCEPTED) == "Accepted"
    assert await version(central) == 3
    assert await send(4, "Full") == "Accepted"
    assert await version(central) == 0


async def test_what_it_refuses(central, cp, send):
    assert await send(1, "Full", CAFE=None) == "Failed"
    cp.configuration.set("SendLocalListMaxLength", "1")
    assert await send(1, "Full", A=ACCEPTED, B=ACCEPTED) == "Failed"
    cp.configuration.set("LocalAuthListMaxLength", "1")
    assert await send(1, "Full", A=ACCEPTED) == "Accepted"
    assert await send(2, B=ACCEPTED) == "Failed"
    cp.configuration.set("LocalAuthListEnabled", "false")
    assert await send(3, "Full") == "NotSupported"
    assert await version(central) == -1


async def test_offline_the_list_decides_before_the_cache(cp, send):
    cp.authorization.cache |= {"CAFE": "Blocked", "B00C": "Accepted", "DEAD": "Accepted"}
    past = {"status": "Accepted", "expiry_date": "2020-01-01T00:00:00Z"}
    await send(1, "Full", cafe=ACCEPTED, B00C=BLOCKED, OLD=past)
    cp.registration.forget()

    assert [await cp.authorize(tag) for tag in ("CAFE", "b00c", "DEAD", "OLD")] == [
        "Accepted",
        "Blocked",
        "Accepted",
        "Expired",
    ]


async def test_a_tag_is_taken_out(cp, send):
    cp.configuration.set("AllowOfflineTxForUnknownId", "false")
    await send(1, "Full", CAFE=ACCEPTED)
    await send(2, CAFE=None)
    cp.registration.forget()

    assert await cp.authorize("CAFE") == "Invalid"


async def test_online_it_spares_the_question_only_if_told_to(central, cp, send):
    await send(1, "Full", CAFE=ACCEPTED)
    await cp.authorize("CAFE")
    cp.configuration.set("LocalPreAuthorize", "true")
    await cp.authorize("CAFE")

    assert len(central.payloads("Authorize")) == 1
