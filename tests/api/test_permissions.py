"""Every endpoint × role × key in one table; an endpoint that is not in it fails."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver
from django.utils import timezone

from stations.models import Command, CommandStatus
from transactions.models import LocalList, Reservation

from ..admin_cast import make_everything
from ..people import browser
from .conftest import make_key, program

pytestmark = pytest.mark.django_db

#: Sessions of people, then keys: scope and whose.
WHO = (
    *("anonymous", "viewer", "operator", "administrator"),
    *("read/administrator", "command/administrator", "admin/administrator", "admin/viewer", "admin/operator"),
)
READ = (401, 200, 200, 200, 200, 200, 200, 200, 200)
SEND = (401, 403, 202, 202, 403, 202, 202, 403, 202)
CANCEL = (401, 403, 200, 200, 403, 200, 200, 403, 200)
CREATE = (401, 403, 201, 201, 403, 403, 201, 403, 201)
CHANGE = (401, 403, 200, 200, 403, 403, 200, 403, 200)
NOTHING = (404,) * len(WHO)

RESET = {"action": "Reset", "payload": {"type": "Soft"}}
RESERVATION = {
    "charge_point": "CP-1",
    "id_tag": "CAFE1",
    "expires_at": (timezone.now() + timedelta(hours=1)).isoformat(),
}
#: (method, route): (address, body, answers)
TABLE: dict[tuple[str, str], tuple[str, Any, tuple[int, ...]]] = {
    ("get", "v1/charge-points/"): ("v1/charge-points/", None, READ),
    ("get", "v1/charge-points/<text:identity>/"): ("v1/charge-points/cp-1/", None, READ),
    ("get", "v1/charge-points/<text:identity>/commands/"): ("v1/charge-points/CP-1/commands/", None, READ),
    ("post", "v1/charge-points/<text:identity>/commands/"): ("v1/charge-points/CP-1/commands/", RESET, SEND),
    ("get", "v1/connectors/"): ("v1/connectors/", None, READ),
    ("get", "v1/connectors/<int:pk>/"): ("v1/connectors/{connector}/", None, READ),
    ("get", "v1/commands/"): ("v1/commands/", None, READ),
    ("get", "v1/commands/<uuid:pk>/"): ("v1/commands/{command}/", None, READ),
    ("post", "v1/commands/<uuid:pk>/cancel/"): ("v1/commands/{command}/cancel/", {}, CANCEL),
    ("get", "v1/id-tags/"): ("v1/id-tags/", None, READ),
    ("post", "v1/id-tags/"): ("v1/id-tags/", {"id_tag": "NEW"}, CREATE),
    ("get", "v1/id-tags/<text:id_tag>/"): ("v1/id-tags/cafe1/", None, READ),
    ("put", "v1/id-tags/<text:id_tag>/"): ("v1/id-tags/CAFE1/", {"id_tag": "CAFE1"}, CHANGE),
    ("patch", "v1/id-tags/<text:id_tag>/"): ("v1/id-tags/CAFE1/", {"blocked": False}, CHANGE),
    ("get", "v1/transactions/"): ("v1/transactions/", None, READ),
    ("get", "v1/transactions/<int:pk>/"): ("v1/transactions/{transaction}/", None, READ),
    ("get", "v1/transactions/<int:transaction_id>/meter-values/"): (
        "v1/transactions/{transaction}/meter-values/",
        None,
        READ,
    ),
    ("get", "v1/reservations/"): ("v1/reservations/", None, READ),
    ("post", "v1/reservations/"): ("v1/reservations/", RESERVATION, SEND),
    ("get", "v1/reservations/<int:pk>/"): ("v1/reservations/{reservation}/", None, READ),
    ("post", "v1/reservations/<int:pk>/cancel/"): ("v1/reservations/{reservation}/cancel/", {}, SEND),
    ("get", "v1/local-lists/"): ("v1/local-lists/", None, READ),
    ("get", "v1/local-lists/<text:identity>/"): ("v1/local-lists/CP-1/", None, READ),
    ("post", "v1/local-lists/<text:identity>/publish/"): ("v1/local-lists/CP-1/publish/", {}, SEND),
    ("post", "v1/local-lists/<text:identity>/switch-on/"): ("v1/local-lists/CP-1/switch-on/", {}, SEND),
    ("post", "v1/local-lists/<text:identity>/switch-off/"): ("v1/local-lists/CP-1/switch-off/", {}, SEND),
    ("get", "schema/"): ("schema/", None, READ),
    ("get", "docs/"): ("docs/", None, (302, *READ[1:])),
    ("get", ""): ("v2/", None, NOTHING),
}


@pytest.fixture
def addresses() -> dict[str, Any]:
    rows = make_everything()
    Command.objects.update(status=CommandStatus.QUEUED)
    Reservation.objects.update(expires_at=timezone.now() + timedelta(hours=1))
    LocalList.objects.update_or_create(charge_point=rows["stations.chargepoint"], defaults={"state": "pending"})
    return {name.rpartition(".")[2]: row.pk for name, row in rows.items()}


def client_of(who: str) -> Client:
    scope, _, owner = who.rpartition("/")
    return program(make_key(scope, owner)) if scope else browser(who)


@pytest.mark.parametrize("who", WHO)
def test_every_endpoint_opens_for_those_it_is_for(addresses: dict[str, Any], who: str) -> None:
    client, column = client_of(who), WHO.index(who)
    seen, expected = {}, {}
    for (method, route), (address, body, answers) in TABLE.items():
        url = f"/api/{address.format(**addresses)}"
        response = (
            getattr(client, method)(url, body, content_type="application/json")
            if body is not None
            else (client.get(url))
        )
        seen[method, route], expected[method, route] = response.status_code, answers[column]
    assert seen == expected


def routes(patterns: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        address = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            yield address, pattern.callback
        else:
            yield from routes(pattern.url_patterns, address)


def test_the_table_names_every_endpoint() -> None:
    ours = {
        (method, address.removeprefix("api/"))
        for address, view in routes(get_resolver().url_patterns)
        if address.startswith("api/")
        for method in getattr(view, "actions", None) or ["get"]
        if method != "head"
    }
    assert ours == set(TABLE)


def test_every_offered_action_names_its_permission() -> None:
    for address, view in routes(get_resolver().url_patterns):
        if address.startswith("api/v1/"):
            assert set(view.actions.values()) <= set(view.cls.needs), address
