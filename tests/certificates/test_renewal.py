"""Certificates are renewed before they end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from certificates import identities, renewal
from certificates.models import SigningRequest
from stations.commands import CommandRefused
from stations.models import ChargePoint, Command, ConfigurationKey
from tests.conftest import make_station

from . import pki

NOW = timezone.now()


@pytest.fixture
def known(db):
    return make_station()


def held(station, days, **columns):
    """A certificate of the station that ends in so many days."""
    columns = {"delivered_at": NOW} | columns
    row = identities.row_of(station, [pki.CA().sign("CP1", days=days)], **columns)
    row.save()
    return row


def sent():
    return [(command.action, command.payload) for command in Command.objects.order_by("created_at")]


NAME = ("ChangeConfiguration", {"key": "CpoName", "value": "plugcontrol"})
TRIGGER = ("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"})


def test_first_the_operators_name(known):
    assert renewal.ask(known).action == "ExtendedTriggerMessage"
    assert sent() == [NAME, TRIGGER]


def test_once_the_name_is_known_the_trigger_is_enough(known):
    ConfigurationKey.objects.create(charge_point=known, key="cpoName", value="plugcontrol")
    renewal.ask(known)
    assert sent() == [TRIGGER]


def test_another_name_is_changed(known):
    ConfigurationKey.objects.create(charge_point=known, key="CpoName", value="Another")
    renewal.ask(known)
    assert sent() == [NAME, TRIGGER]


def test_the_same_wish_twice(known):
    until = NOW + timedelta(hours=1)
    commands = {renewal.ask(known, valid_until=until, idempotency_key="wizard 1").pk for _ in range(2)}
    assert len(commands) == 1
    assert sent() == [NAME, TRIGGER]


def test_an_archived_station(known):
    ChargePoint.objects.update(archived_at=NOW)
    with pytest.raises(CommandRefused):
        renewal.ask(known)


def test_what_ends_soon_is_asked_for_once_a_day(known, settings):
    settings.CERTIFICATE_RENEWAL_DAYS = 30
    held(known, 20)
    assert [renewal.renew_due(NOW) for _ in range(3)] == [1, 0, 0]
    assert sent() == [NAME, TRIGGER]
    assert Command.objects.latest("created_at").valid_until == NOW + timedelta(days=1)
    Command.objects.update(created_at=NOW - timedelta(hours=25))
    assert renewal.renew_due(NOW) == 1


@pytest.mark.parametrize(
    ("days", "columns"),
    [
        (31, {}),  # in time
        (-0.5, {}),  # over: the station cannot come with it any more
        (20, {"delivered_at": None}),  # the station never had it
        (20, {"revoked_at": NOW}),
    ],
)
def test_what_is_left_alone(known, settings, days, columns):
    settings.CERTIFICATE_RENEWAL_DAYS = 30
    held(known, days, **columns)
    assert renewal.renew_due(NOW) == 0


def test_one_that_was_renewed_is_not_asked_for_again(known):
    held(known, 20)
    held(known, 700)
    assert renewal.renew_due(NOW) == 0


def test_one_signed_elsewhere_and_only_used(known):
    held(known, 20, delivered_at=None, used_at=NOW)
    assert renewal.renew_due(NOW) == 1


def test_a_request_on_its_way_is_waited_for(known):
    held(known, 20)
    request = SigningRequest.objects.create(charge_point=known, pem=pki.request())
    assert renewal.renew_due(NOW) == 0
    SigningRequest.objects.filter(pk=request.pk).update(ended_at=NOW)
    assert renewal.renew_due(NOW) == 1


def test_archived_stations_rest(known):
    held(known, 20)
    ChargePoint.objects.update(archived_at=NOW)
    assert renewal.renew_due(NOW) == 0
