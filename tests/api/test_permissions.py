"""Every endpoint × role × key in one table; an endpoint that is not in it fails."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import URLPattern, get_resolver
from django.utils import timezone

from stations.models import Command, CommandStatus
from transactions.models import LocalList, Reservation

from ..admin_cast import make_everything
from ..people import browser
from .conftest import make_key, program

pytestmark = [pytest.mark.django_db, pytest.mark.long]

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
#: May, but what is sent is none, or goes together with nothing.
INVALID = (401, 403, 400, 400, 403, 400, 400, 403, 400)
CONFLICT = (401, 403, 409, 409, 403, 409, 409, 403, 409)
NO_FORM = (401, 403, 415, 415, 403, 403, 415, 403, 415)
BY_ADMINISTRATORS = (401, 403, 403, 200, 403, 403, 200, 403, 403)
NOT_BY_OPERATORS = (401, 403, 403, 400, 403, 403, 400, 403, 403)
WRONG = (401, 403, 400, 400, 403, 403, 400, 403, 400)
IN_USE = (401, 403, 409, 409, 403, 403, 409, 403, 409)

RESET = {"action": "Reset", "payload": {"type": "Soft"}}
RESERVATION = {
    "charge_point": "CP-1",
    "id_tag": "CAFE1",
    "expires_at": (timezone.now() + timedelta(hours=1)).isoformat(),
}
PROFILE = {"name": "By day", "kind": "Relative", "recurrency": "", "periods": [{"start": 0, "limit": "16"}]}
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
    ("post", "v1/charge-points/<text:identity>/files/"): ("v1/charge-points/CP-1/files/", {}, SEND),
    ("get", "v1/firmware-files/"): ("v1/firmware-files/", None, READ),
    ("post", "v1/firmware-files/"): ("v1/firmware-files/", {}, NO_FORM),
    ("get", "v1/firmware-files/<int:pk>/"): ("v1/firmware-files/{firmwarefile}/", None, READ),
    ("post", "v1/firmware-files/<int:pk>/archive/"): ("v1/firmware-files/{firmwarefile}/archive/", {}, IN_USE),
    ("get", "v1/firmware-updates/"): ("v1/firmware-updates/", None, READ),
    ("post", "v1/firmware-updates/"): ("v1/firmware-updates/", {"charge_point": "?"}, INVALID),
    ("get", "v1/firmware-updates/<uuid:pk>/"): ("v1/firmware-updates/{firmwareupdate}/", None, READ),
    ("post", "v1/firmware-updates/<uuid:pk>/cancel/"): ("v1/firmware-updates/{firmwareupdate}/cancel/", {}, CANCEL),
    ("get", "v1/campaigns/"): ("v1/campaigns/", None, READ),
    ("post", "v1/campaigns/"): ("v1/campaigns/", {"name": "x"}, INVALID),
    ("get", "v1/campaigns/<uuid:pk>/"): ("v1/campaigns/{campaign}/", None, READ),
    ("post", "v1/campaigns/<uuid:pk>/pause/"): ("v1/campaigns/{campaign}/pause/", {}, CANCEL),
    ("post", "v1/campaigns/<uuid:pk>/resume/"): ("v1/campaigns/{campaign}/resume/", {}, CANCEL),
    ("post", "v1/campaigns/<uuid:pk>/retry-failed/"): ("v1/campaigns/{campaign}/retry-failed/", {}, CONFLICT),
    ("post", "v1/campaigns/<uuid:pk>/cancel/"): ("v1/campaigns/{campaign}/cancel/", {}, CANCEL),
    ("get", "v1/station-files/"): ("v1/station-files/", None, READ),
    ("get", "v1/station-files/<int:pk>/"): ("v1/station-files/{stationfile}/", None, READ),
    ("get", "v1/station-files/<int:pk>/content/"): (
        "v1/station-files/{stationfile}/content/",
        None,
        (401, 403, 200, 200, 200, 200, 200, 403, 200),
    ),
    ("delete", "v1/station-files/<int:pk>/"): (
        "v1/station-files/{stationfile}/",
        {},
        (401, 403, 403, 204, 403, 403, 204, 403, 403),
    ),
    ("get", "v1/certificates/"): ("v1/certificates/", None, READ),
    ("get", "v1/certificates/<int:pk>/"): ("v1/certificates/{stationcertificate}/", None, READ),
    ("post", "v1/certificates/<int:pk>/revoke/"): (
        "v1/certificates/{stationcertificate}/revoke/",
        {"reason": "lost"},
        CHANGE,
    ),
    ("get", "v1/signing-requests/"): ("v1/signing-requests/", None, READ),
    ("get", "v1/signing-requests/<int:pk>/"): ("v1/signing-requests/{signingrequest}/", None, READ),
    ("post", "v1/signing-requests/<int:pk>/upload/"): (
        "v1/signing-requests/{signingrequest}/upload/",
        {"pem": "none"},
        WRONG,
    ),
    ("post", "v1/signing-requests/<int:pk>/sign/"): ("v1/signing-requests/{signingrequest}/sign/", {}, CHANGE),
    ("post", "v1/signing-requests/<int:pk>/refuse/"): ("v1/signing-requests/{signingrequest}/refuse/", {}, IN_USE),
    ("get", "v1/root-certificates/"): ("v1/root-certificates/", None, READ),
    ("post", "v1/root-certificates/"): ("v1/root-certificates/", {"pem": "none"}, NOT_BY_OPERATORS),
    ("get", "v1/root-certificates/<int:pk>/"): ("v1/root-certificates/{rootcertificate}/", None, READ),
    ("post", "v1/root-certificates/<int:pk>/install/"): (
        "v1/root-certificates/{rootcertificate}/install/",
        {"charge_point": "CP-1"},
        SEND,
    ),
    ("post", "v1/root-certificates/<int:pk>/archive/"): (
        "v1/root-certificates/{rootcertificate}/archive/",
        {},
        BY_ADMINISTRATORS,
    ),
    ("get", "v1/installed-certificates/"): ("v1/installed-certificates/", None, READ),
    ("get", "v1/installed-certificates/<int:pk>/"): (
        "v1/installed-certificates/{installedcertificate}/",
        None,
        READ,
    ),
    ("post", "v1/installed-certificates/<int:pk>/remove/"): (
        "v1/installed-certificates/{installedcertificate}/remove/",
        {},
        SEND,
    ),
    ("post", "v1/charge-points/<text:identity>/read-certificates/"): (
        "v1/charge-points/CP-1/read-certificates/",
        {},
        SEND,
    ),
    ("get", "v1/security-upgrades/"): ("v1/security-upgrades/", None, READ),
    ("post", "v1/security-upgrades/"): ("v1/security-upgrades/", {"charge_point": "?"}, WRONG),
    ("get", "v1/security-upgrades/<uuid:pk>/"): ("v1/security-upgrades/{securityupgrade}/", None, READ),
    ("post", "v1/security-upgrades/<uuid:pk>/carry-on/"): (
        "v1/security-upgrades/{securityupgrade}/carry-on/",
        {},
        CHANGE,
    ),
    ("post", "v1/security-upgrades/<uuid:pk>/cancel/"): (
        "v1/security-upgrades/{securityupgrade}/cancel/",
        {},
        CHANGE,
    ),
    ("get", "v1/certificate-authority/"): ("v1/certificate-authority/", None, READ),
    ("get", "v1/charging-profiles/"): ("v1/charging-profiles/", None, READ),
    ("post", "v1/charging-profiles/"): ("v1/charging-profiles/", PROFILE, CREATE),
    ("get", "v1/charging-profiles/<int:pk>/"): ("v1/charging-profiles/{chargingprofile}/", None, READ),
    ("put", "v1/charging-profiles/<int:pk>/"): (
        "v1/charging-profiles/{chargingprofile}/",
        {**PROFILE, "name": "A", "starts_at": None},
        CHANGE,
    ),
    ("patch", "v1/charging-profiles/<int:pk>/"): (
        "v1/charging-profiles/{chargingprofile}/",
        {"name": "Other"},
        CHANGE,
    ),
    ("post", "v1/charging-profiles/<int:pk>/assign/"): (
        "v1/charging-profiles/{chargingprofile}/assign/",
        {"charge_point": "CP-1"},
        SEND,
    ),
    ("get", "v1/assigned-profiles/"): ("v1/assigned-profiles/", None, READ),
    ("get", "v1/assigned-profiles/<int:pk>/"): ("v1/assigned-profiles/{assignment}/", None, READ),
    ("post", "v1/assigned-profiles/<int:pk>/clear/"): ("v1/assigned-profiles/{assignment}/clear/", {}, SEND),
    ("post", "v1/charge-points/<text:identity>/clear-profiles/"): (
        "v1/charge-points/CP-1/clear-profiles/",
        {"all": True},
        SEND,
    ),
    ("get", "v1/charge-points/<text:identity>/composite-schedule/"): (
        "v1/charge-points/CP-1/composite-schedule/",
        None,
        READ,
    ),
    ("post", "v1/charge-points/<text:identity>/composite-schedule/"): (
        "v1/charge-points/CP-1/composite-schedule/",
        {},
        SEND,
    ),
    ("get", "v1/composite-readings/"): ("v1/composite-readings/", None, READ),
    ("get", "v1/composite-readings/<int:pk>/"): ("v1/composite-readings/{compositereading}/", None, READ),
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
        cache.clear()  # the table has more rows than somebody unknown may ask in a minute
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
