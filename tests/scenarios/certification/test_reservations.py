"""Certification of central systems: reservations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stations.models import Command, Connector
from transactions.models import IdTag, Reservation, Transaction

from ..speech import written
from .conftest import COLLEAGUE, GROUP, TAG

pytestmark = [pytest.mark.server, pytest.mark.long]

ACCEPTED = {"status": "Accepted"}


def reserves(
    central, cp, connector: int = 1, *, id_tag: str = TAG, seconds: float = 3600, **more: Any
) -> tuple[int, Any]:
    """Over REST; the reservation's number and the ReserveNow, to be answered. `more` is what else it has to say."""
    until = written(datetime.now(UTC) + timedelta(seconds=seconds))
    order = {"charge_point": cp.identity, "connector_id": connector, "id_tag": id_tag, "expires_at": until}
    raised = central.rest.post("reservations/", order)
    assert raised["status"] == "requested"
    number = raised["reservation_id"]
    wanted = {"connectorId": connector, "expiryDate": until, "idTag": id_tag, "reservationId": number, **more}
    return number, cp.expects("ReserveNow", **wanted)


def comes_to(central, number: int, *expected: Any) -> Reservation:
    """State and the charger's answer, in the row and over REST."""
    rows = central.rows(Reservation, pk=number)
    central.comes_to(lambda: rows.values_list("status", "answer").get(), expected)
    shown = central.rest.get(f"reservations/{number}/")
    assert (shown["status"], shown["answer"]) == expected
    return rows.get()


def is_reserved(central, cp, connector: int = 1, **options: Any) -> int:
    """A reservation that the charge point has accepted and shows."""
    number, told = reserves(central, cp, connector, **options)
    told.replies(**ACCEPTED)
    if connector:
        cp.shows("Reserved", connector)
    comes_to(central, number, "active", "Accepted")
    return number


@pytest.mark.parametrize("names_it", [True, False])
def test_tc_046_used(central, cp, names_it):
    """Reserved, and charged by the tag it was reserved for"""
    number = is_reserved(central, cp)
    assert cp.authorizes(TAG) == ACCEPTED
    cp.shows("Preparing")
    session = cp.starts(TAG, **({"reservationId": number} if names_it else {}))
    cp.shows("Charging")
    row = comes_to(central, number, "used", "Accepted")
    assert (row.transaction_id, row.ended_at is not None) == (session, True)
    assert central.row(Transaction, pk=session).reservation_id == (number if names_it else None)


def test_tc_047_expires(central, cp):
    """Reserved, and not used until it expires"""
    number = is_reserved(central, cp, seconds=4)
    expires_at = central.row(Reservation, pk=number).expires_at
    central.comes_to(lambda: datetime.now(UTC) > expires_at, True)
    cp.shows("Available")
    row = comes_to(central, number, "expired", "Accepted")
    assert row.transaction is None
    assert central.of(cp, Connector, connector_id=1).get().status == "Available"
    assert cp.is_told_nothing()


def is_refused(central, cp, state: str, word: str) -> None:
    if state:
        cp.shows(state, error="GroundFailure" if state == "Faulted" else "NoError")
    number, told = reserves(central, cp)
    told.replies(status=word)
    row = comes_to(central, number, "refused", word)
    assert row.ended_at is not None
    central.command_of(cp, "ReserveNow").ends("rejected", {"status": word})


def test_tc_048_1_faulted(central, cp):
    """Reservation refused: the connector is faulted"""
    is_refused(central, cp, "Faulted", "Faulted")


def test_tc_048_2_occupied(central, cp):
    """Reservation refused: the connector is occupied"""
    is_refused(central, cp, "Preparing", "Occupied")


def test_tc_048_3_unavailable(central, cp):
    """Reservation refused: the connector is out of service"""
    is_refused(central, cp, "Unavailable", "Unavailable")


def test_tc_048_4_rejected(central, cp):
    """Reservation refused: the charge point does not reserve"""
    is_refused(central, cp, "", "Rejected")


def test_tc_049_connector_zero(central, cp):
    """Any connector is reserved, and used"""
    number = is_reserved(central, cp, 0)
    cp.shows("Preparing", 2)
    session = cp.starts(TAG, 2, reservationId=number)
    cp.shows("Charging", 2)
    assert comes_to(central, number, "used", "Accepted").transaction_id == session
    assert central.row(Transaction, pk=session).connector.connector_id == 2


def test_tc_051_cancelled(central, cp):
    """A reservation is cancelled"""
    number = is_reserved(central, cp)
    central.rest.post(f"reservations/{number}/cancel/", {})
    cp.expects("CancelReservation", reservationId=number).replies(**ACCEPTED)
    cp.shows("Available")
    comes_to(central, number, "cancelled", "Accepted")
    central.command_of(cp, "CancelReservation").ends("accepted", ACCEPTED)


def test_tc_052_cancel_rejected(central, cp):
    """A reservation is cancelled that the charge point does not know"""
    number = is_reserved(central, cp)
    central.rest.post(f"reservations/{number}/cancel/", {})
    cp.expects("CancelReservation", reservationId=number).replies(status="Rejected")
    comes_to(central, number, "cancelled", "Accepted")  # nobody keeps it any more
    central.command_of(cp, "CancelReservation").ends("rejected", {"status": "Rejected"})
    assert central.of(cp, Command).count() == 2


def test_tc_053_parent_tag(central, cp):
    """Reserved, and charged by a tag of the same group"""
    tag = f"P{cp.identity}"
    central.rest.post("id-tags/", {"id_tag": tag, "group": GROUP})
    number = is_reserved(central, cp, id_tag=tag, parentIdTag=GROUP)
    assert cp.authorizes(COLLEAGUE) == {"status": "Accepted", "parentIdTag": GROUP}
    cp.shows("Preparing")
    answer = cp.asks_to_start(COLLEAGUE, reservationId=number)
    assert answer["idTagInfo"] == {"status": "Accepted", "parentIdTag": GROUP}
    cp.shows("Charging")
    assert comes_to(central, number, "used", "Accepted").transaction_id == answer["transactionId"]
    assert central.row(Transaction, pk=answer["transactionId"]).tag == central.row(IdTag, id_tag=COLLEAGUE)
