"""Requests nobody thought of, made from the OpenAPI document: none is our fault, and answers are what it promises."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from stations.waiting import wait_for
from transactions.models import LocalList

from ..admin_cast import make_everything
from .conftest import make_key

pytestmark = pytest.mark.long

EXAMPLES = 6
CHECKS = (not_a_server_error, content_type_conformance, response_schema_conformance)


@pytest.fixture
def rows(transactional_db: None) -> dict[str, Any]:
    rows = make_everything()
    rows["transactions.locallist"] = LocalList.objects.get_or_create(charge_point=rows["stations.chargepoint"])[0]
    return rows


@pytest.fixture
def headers(transactional_db: None) -> dict[str, str]:
    return {"Authorization": f"Token {make_key()}", "Accept": "application/json"}


def addresses(rows: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Resource: what its addresses take to name a row that exists."""
    return {
        "charge-points": {"identity": "CP-1"},
        "local-lists": {"identity": "CP-1"},
        "id-tags": {"id_tag": "CAFE1"},
        "connectors": {"id": rows["stations.connector"].pk},
        "commands": {"id": str(rows["stations.command"].pk)},
        "reservations": {"id": rows["transactions.reservation"].pk},
        "firmware-files": {"id": rows["transfers.firmwarefile"].pk},
        "firmware-updates": {"id": str(rows["transfers.firmwareupdate"].pk)},
        "campaigns": {"id": str(rows["transfers.campaign"].pk)},
        "station-files": {"id": rows["transfers.stationfile"].pk},
        "certificates": {"id": rows["certificates.stationcertificate"].pk},
        "signing-requests": {"id": rows["certificates.signingrequest"].pk},
        "root-certificates": {"id": rows["certificates.rootcertificate"].pk},
        "installed-certificates": {"id": rows["certificates.installedcertificate"].pk},
        "security-upgrades": {"id": str(rows["certificates.securityupgrade"].pk)},
        "charging-profiles": {"id": rows["charging_profiles.chargingprofile"].pk},
        "assigned-profiles": {"id": rows["charging_profiles.assignment"].pk},
        "composite-readings": {"id": rows["charging_profiles.compositereading"].pk},
        "transactions": dict.fromkeys(("id", "transaction_id"), rows["transactions.transaction"].pk),
    }


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("exists", [True, False])
def test_no_request_breaks_it(rows, headers, monkeypatch, mode, exists):
    monkeypatch.setattr("api.waiting.wait_for", lambda pk, seconds: wait_for(pk, 0))  # else up to two minutes each
    schema = schemathesis.openapi.from_wsgi("/api/schema/", get_wsgi_application(), headers=headers)
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) >= 25
    known = addresses(rows)
    for operation in operations:
        if mode.is_negative and not (operation.query or operation.body):
            continue  # it takes nothing that could be wrong
        named = {name: known[operation.path.split("/")[3]][name] for name in path_names(operation)} if exists else None
        probe(operation, headers, generation_mode=mode, path_parameters=named or None)


def path_names(operation: Any) -> list[str]:
    return [parameter.name for parameter in operation.path_parameters]


def probe(operation: Any, headers: dict[str, str], **options: Any) -> None:
    @seed(1663)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(**options))
    def no_fault(case: Any) -> None:
        case.call_and_validate(headers=headers, checks=CHECKS)

    no_fault()
