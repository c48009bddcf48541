"""Old meter values are thinned out, young ones and what counts are not touched."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import Sum

from stations.models import ChargePoint, Connector
from transactions import thinning
from transactions.models import DailyEnergy, MeterValue, Thinning, Transaction
from transactions.samples import Reading, Sample

from .conftest import NOON, TalkingStation, minute, reading

pytestmark = pytest.mark.django_db
#: Noon's session is a quarter of a year old.
LATER = NOON + timedelta(days=100)
PERIODIC = "Sample.Periodic"


@pytest.fixture(autouse=True)
def ninety_days(settings):
    settings.METER_VALUE_DETAIL_DAYS = 90


@pytest.fixture
def talking(db):
    return TalkingStation(ChargePoint.objects.create(identity="BAY-1", registration_status="Accepted"))


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def kept(transaction: Transaction | None = None) -> list[datetime]:
    rows = MeterValue.objects.filter(transaction=transaction.pk if transaction else 0)
    return list(rows.order_by("timestamp", "pk").values_list("timestamp", flat=True))


def hour_of_charging(station: TalkingStation, context: str | None = PERIODIC) -> Transaction:
    """From noon to one, a reading a minute of 10 Wh each."""
    station.now = NOON
    transaction, _verdict = station.starts()
    station.meters(*(reading(minute(n), 1000 + 10 * n, context=context) for n in range(60)), transaction=transaction)
    station.now = minute(60)
    station.stops(transaction, meter_stop_wh=1600)
    transaction.refresh_from_db()
    return transaction


def test_of_a_quarter_of_an_hour_the_last_reading_stays_as_it_was_sent(talking):
    transaction = hour_of_charging(talking)
    assert thinning.advance(LATER) == 56
    assert kept(transaction) == [minute(14), minute(29), minute(44), minute(59)]
    rows = MeterValue.objects.order_by("timestamp").values_list("energy_wh", flat=True)
    assert list(rows) == [1140, 1290, 1440, 1590]


def test_energy_and_sums_stay(talking):
    transaction = hour_of_charging(talking)
    before = Transaction.objects.values().get(), list(DailyEnergy.objects.values())
    assert transaction.energy_wh == 600
    assert thinning.advance(LATER) > 0
    assert (Transaction.objects.values().get(), list(DailyEnergy.objects.values())) == before
    assert DailyEnergy.objects.aggregate(wh=Sum("energy_wh"))["wh"] == 600


def test_without_the_setting_everything_stays(talking, settings):
    settings.METER_VALUE_DETAIL_DAYS = 0
    transaction = hour_of_charging(talking)
    assert thinning.advance(LATER) == 0
    assert len(kept(transaction)) == 60
    assert not Thinning.objects.exists()


@pytest.mark.parametrize("days", [1, 89, 90])
def test_young_readings_stay(talking, days):
    """A session is looked at once, a day later: what was kept while its charger was offline has come by then."""
    hour_of_charging(talking)
    assert thinning.advance(NOON + timedelta(days=days)) == 0
    assert MeterValue.objects.count() == 60


@pytest.mark.parametrize("stops", [True, False])
def test_a_session_of_many_days_waits_until_its_last_reading_is_old(talking, stops):
    """A car that stays plugged in over the holidays."""
    talking.now = NOON
    transaction, _verdict = talking.starts()
    for day in (0, 4):
        talking.now = minute(1) + timedelta(days=day)
        talking.meters(*(reading(at(day * 86400 + n), 1000 + day) for n in (0, 60)), transaction=transaction)
    if stops:
        talking.stops(transaction, timestamp=talking.now)
    thinning.advance(NOON + timedelta(days=92))
    thinning.advance(NOON + timedelta(days=100))
    assert kept(transaction) == [at(60), at(4 * 86400 + 60)]


@pytest.mark.parametrize("context", ["Transaction.Begin", "Transaction.End", "Trigger", "Interruption.Begin", "Other"])
def test_what_is_said_for_a_reason_stays(talking, context):
    hour_of_charging(talking, context)
    assert thinning.advance(LATER) == 0
    assert MeterValue.objects.count() == 60


def test_signed_values_stay_and_others_beside_them_go(talking):
    transaction, _verdict = talking.starts(received_at=NOON)
    signed = Sample("OCMF|{}|{}", context=PERIODIC, format="SignedData")
    plain = Sample("21.5", context=PERIODIC, measurand="Temperature", unit="Celsius")
    for second, further in ((0, signed), (10, plain), (20, signed), (30, plain)):
        talking.meters(
            Reading(at(second), [Sample(str(1000 + second), context=PERIODIC), further]), transaction=transaction
        )
    assert thinning.advance(LATER) == 1
    assert kept(transaction) == [at(0), at(20), at(30)]


def test_kinds_sessions_and_connectors_are_told_apart(talking):
    """The readings of one minute, each the only one of its kind."""
    first, _verdict = talking.starts(received_at=NOON)
    second, _verdict = talking.starts(received_at=NOON, connector_id=2)
    for transaction, connector_id in ((first, 1), (second, 2)):
        for context in (PERIODIC, "Sample.Clock"):
            said = reading(minute(1), 1010, context=context)
            talking.meters(said, transaction=transaction, connector_id=connector_id)
    talking.meters(reading(minute(1), 5, context=PERIODIC), connector_id=3)
    talking.meters(reading(minute(1.5), 6, context=PERIODIC), connector_id=3, transaction=987654)
    assert thinning.advance(LATER) == 0
    assert MeterValue.objects.count() == 6


def test_a_charger_that_says_its_measurands_one_by_one_keeps_its_register(talking):
    """The current comes a second after the register, so it is the last word of every quarter."""
    transaction, _verdict = talking.starts(received_at=NOON)
    ampere = Sample("16", context=PERIODIC, measurand="Current.Import")
    for second in range(0, 3600, 60):
        talking.meters(reading(at(second), 1000 + second, context=PERIODIC), transaction=transaction)
        talking.meters(Reading(at(second + 1), [ampere]), transaction=transaction)
    assert thinning.advance(LATER) == 120 - 8
    rows = MeterValue.objects.order_by("timestamp").values_list("energy_wh", "current_a")
    assert list(rows) == [
        (1840, None),
        (None, 16),
        (2740, None),
        (None, 16),
        (3640, None),
        (None, 16),
        (4540, None),
        (None, 16),
    ]


def test_readings_outside_of_sessions_are_thinned_out_too(talking):
    moments = [at(0), at(60), at(899), at(900), at(86_400 * 3), at(86_400 * 3 + 1)]
    talking.now = NOON
    talking.meters(*(reading(moment, 5, context="Sample.Clock") for moment in moments))
    assert thinning.advance(LATER) == 3
    assert kept() == [moments[2], moments[3], moments[5]]


def test_the_walk_goes_on_where_it_ended(talking, monkeypatch):
    """A round that is over at once still takes a step, and the next one does not begin anew."""
    monkeypatch.setattr(thinning, "SESSIONS_PER_STEP", 1)
    sessions = []
    for number in range(3):
        day = NOON + timedelta(days=number)
        transaction, _verdict = talking.starts(received_at=day, timestamp=day, meter_start_wh=0)
        talking.meters(*(reading(day + timedelta(seconds=n), n) for n in range(5)), transaction=transaction)
        sessions.append(transaction)
    clock = iter(range(1000))
    monkeypatch.setattr(thinning.time, "monotonic", lambda: next(clock) * thinning.ROUND_S * 0.4)
    assert [thinning.advance(LATER + timedelta(seconds=n)) for n in range(6)] == [4, 4, 4, 0, 0, 0]
    assert Thinning.objects.get().session == sessions[-1].pk
    assert [len(kept(transaction)) for transaction in sessions] == [1, 1, 1]


def test_a_connector_is_looked_at_again_the_next_day_and_only_what_is_new(talking, django_assert_max_num_queries):
    hour_of_charging(talking)
    assert thinning.advance(LATER) == 56
    newer = NOON + timedelta(days=1)
    transaction, _verdict = talking.starts(received_at=newer, timestamp=newer)
    talking.meters(*(reading(newer + timedelta(seconds=n), 1000 + n) for n in range(5)), transaction=transaction)
    with django_assert_max_num_queries(4):
        assert thinning.advance(LATER + timedelta(hours=23)) == 0
    assert thinning.advance(LATER + timedelta(days=1)) == 4
    assert thinning.advance(LATER + timedelta(days=2)) == 0


def test_every_connector_has_its_turn(talking):
    for connector_id in range(1, 5):
        talking.now = NOON
        talking.meters(*(reading(at(n), n) for n in range(3)), connector_id=connector_id)
    assert thinning.advance(LATER) == 8
    assert Thinning.objects.count() == Connector.objects.count() == 4


def test_two_processes_do_not_take_the_same_connector(talking):
    talking.meters(reading(at(0), 1))
    assert thinning._claim(LATER) is not None
    assert thinning._claim(LATER) is None


def test_what_a_charger_sends_again_is_stored_again_and_counts_nothing(talking):
    transaction = hour_of_charging(talking)
    assert thinning.advance(LATER) == 56
    talking.meters(reading(minute(3), 1030, context=PERIODIC), transaction=transaction)
    transaction.refresh_from_db()
    assert (transaction.energy_wh, MeterValue.objects.count()) == (600, 5)


def test_a_clock_in_the_far_past_or_future_stops_nobody(talking):
    far = [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1970, 1, 1, 0, 0, 30, tzinfo=UTC),
        datetime(2099, 1, 1, tzinfo=UTC),
    ]
    talking.meters(*(reading(moment, 5) for moment in [*far, at(0), at(1)]))
    assert thinning.advance(LATER) == 2
    assert kept() == [far[1], at(1), far[2]]
