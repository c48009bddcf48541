"""A firmware may be larger than any other body, for those who may store one; everybody else's is not even read."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings

from plugcontrol.large_uploads import PATHS
from stations.models import Site

from .api.conftest import make_key
from .people import browser, browser_of, person_at
from .test_bodies import Request

pytestmark = pytest.mark.django_db(transaction=True)
PAGE, API = PATHS
LARGE = 12 * 1024 * 1024


def cookie_of(who: str) -> dict[str, str]:
    if who == "of a site":
        client = browser_of(person_at("operator", Site.objects.create(name="North")))
    else:
        client = browser(who)
    return {"cookie": f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"}


def key_of(scope: str, who: str) -> dict[str, str]:
    return {"authorization": f"Token {make_key(scope, who)}"}


async def announced(path: str, headers: dict[str, str], length: int = LARGE) -> bool:
    """Whether the server begins to read a body of this length."""
    request = Request("POST", path, content_length=str(length), content_type="multipart/form-data", **headers)
    await request.part(b"x")
    if await request.receive_nothing(timeout=0.3):
        await request.send_input({"type": "http.disconnect"})
        return True
    return (await request.answer())[0] != 413


async def test_people_who_may_store_one() -> None:
    assert await announced(PAGE, await sync_to_async(cookie_of)("operator"))
    assert await announced(API, await sync_to_async(key_of)("admin", "administrator"))


@pytest.mark.parametrize("odd", ['theme={"dark": true}', "a[b]=c", "plain"])
async def test_an_odd_cookie_of_another_application_is_in_nobody_s_way(odd: str) -> None:
    ours = (await sync_to_async(cookie_of)("operator"))["cookie"]
    assert await announced(PAGE, {"cookie": f"{odd}; {ours}"})


@pytest.mark.parametrize("who", ["viewer", "of a site"])
async def test_people_who_may_not(who: str) -> None:
    assert not await announced(PAGE, await sync_to_async(cookie_of)(who))


@pytest.mark.parametrize(
    "headers",
    [{}, {"cookie": "sessionid=nobody"}, {"cookie": "\xff;=;"}, {"authorization": "Token pc_wrong"}],
)
async def test_strangers(headers: dict[str, Any]) -> None:
    for path in PATHS:
        assert not await announced(path, headers)


async def test_other_addresses_and_more_than_a_firmware() -> None:
    headers = await sync_to_async(cookie_of)("administrator")
    assert not await announced("/tags/import/", headers)
    assert not await announced(PAGE, headers, settings.MAX_FIRMWARE_MB * 1_000_000 + 2 * 1024 * 1024)
