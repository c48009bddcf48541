"""Sums of months that are over: the same as without them, and never used once something changed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from stations.models import ChargePoint, Connector, Site
from transactions import monthly_sums, services
from transactions.models import DailyEnergy, IdTag, IdTagGroup, MonthlySum, SummedMonth, Transaction
from transactions.report_subjects import By
from transactions.report_sums import DayRange
from transactions.reports import Report, Use, total
from transactions.samples import Reading, Sample

pytestmark = pytest.mark.django_db
SPRING = DayRange(date(2026, 2, 10), date(2026, 5, 20))


@pytest.fixture(autouse=True)
def berlin(settings, monkeypatch):
    settings.TIME_ZONE = "Europe/Berlin"
    monkeypatch.setattr(monthly_sums, "_month", None)  # of another zone


@pytest.fixture
def station(db):
    site = Site.objects.create(name="Garage")
    return ChargePoint.objects.create(identity="BAY-1", site=site)


def sum_up() -> None:
    """What the clock does in some minutes, with the months asked for long enough ago."""
    monthly_sums.advance(timezone.now())
    for _ in range(12):
        SummedMonth.objects.filter(ready_at=None).update(asked_at=timezone.now() - timedelta(minutes=2))
        monthly_sums.advance(timezone.now())


def session(station, id_tag="A", at=datetime(2026, 3, 31, 20, tzinfo=UTC), hours=1.0, wh=5000, end=True):
    """What a station says; half of the energy by a reading in between."""
    started, _verdict = services.start_transaction(
        station, connector_id=1, id_tag=id_tag, tag_too_long=False, meter_start_wh=0, timestamp=at,
        reservation_id=None, received_at=at,
    )  # fmt: skip
    middle, stop = at + timedelta(hours=hours / 2), at + timedelta(hours=hours)
    services.record_meter_values(
        station, connector_id=1, transaction_id=started.pk, received_at=middle,
        readings=[Reading(middle, [Sample(str(wh // 2))])],
    )  # fmt: skip
    if end:
        stop_session(station, started, stop, wh)
    return started


def stop_session(station, started, at, wh):
    services.stop_transaction(
        station, transaction_id=started.pk, meter_stop_wh=wh, timestamp=at, id_tag=None, tag_too_long=False,
        reason=None, readings=[], received_at=at,
    )  # fmt: skip


@pytest.fixture
def year(station):
    """Sessions of three people at three chargers from February to May, some through a month's end."""
    fleet = IdTagGroup.objects.create(parent_id_tag="FLEET")
    for name, group in (("A", fleet), ("B", fleet), ("C", None)):
        IdTag.objects.create(id_tag=name, holder=f"Person {name}", group=group)
    others = [ChargePoint.objects.create(identity=f"BAY-{n}", site=station.site if n == 2 else None) for n in (2, 3)]
    begin = datetime(2026, 2, 8, 21, 30, tzinfo=UTC)
    for number in range(40):
        where = [station, *others][number % 3]
        at = begin + timedelta(days=number * 2.5)
        session(where, "ABCX"[number % 4], at, hours=5, wh=1000 + number)
    session(station, "A", datetime(2026, 4, 30, 21, tzinfo=UTC), hours=3, wh=900, end=False)
    return station


def answers(days: DayRange = SPRING):
    """Everything a report can be asked, with each charger and with one."""
    now, found = datetime(2026, 5, 20, tzinfo=UTC), {}
    some = list(ChargePoint.objects.order_by("pk").values_list("pk", flat=True)[:1])
    asked = [*product(By, ("day", "month", "year"), (None,)), *product(By, ("month",), (some,))]
    for by, per, chargers in asked:
        made = Report(by, days, per, chargers)
        made._now = now  # running sessions last until the same moment in both
        subjects = [line.subject for line in made.lines()]
        found[by, per, chargers is None] = (
            list(made.lines()),
            made.over_time(),
            [made.over_time(subject) for subject in subjects],
            made.cells(),
            made.cells(subjects[:1]),
        )
    return found


def test_the_answer_is_the_same_with_sums(year):
    without = answers()
    sum_up()
    assert [month.month for month in monthly_sums.ready(SPRING)] == [date(2026, 3, 1), date(2026, 4, 1)]

    assert answers() == without
    assert total(use for use in without[By.PERSON, "month", True][1].values()).sessions > 30


def test_reports_read_the_sums(year, django_assert_num_queries):
    sum_up()
    MonthlySum.objects.update(energy_wh=1, metered_wh=1)
    days = MonthlySum.objects.filter(kind="day", summed__month=date(2026, 4, 1)).count()
    april = DayRange(date(2026, 4, 1), date(2026, 4, 30))

    assert days > 10
    assert total(Report(By.SITE, april, "day").over_time().values()).energy_wh == days
    assert {line.use.energy_wh for line in Report(By.CHARGER, april, "month").lines()} == {1}


def test_sums_are_made_only_of_months_that_are_over(year):
    session(year, "B", timezone.now() - timedelta(minutes=30), hours=0.25)
    sum_up()

    months = set(SummedMonth.objects.values_list("month", flat=True))
    this = timezone.localdate(timezone=timezone.get_default_timezone()).replace(day=1)
    assert this not in months
    assert {date(2026, 2, 1), date(2026, 4, 1)} <= months
    assert not SummedMonth.objects.filter(is_stale=True).exists()


def stale_months() -> set[date]:
    return set(SummedMonth.objects.filter(is_stale=True).values_list("month", flat=True))


def test_a_session_that_ends_after_its_month_makes_it_stale(year):
    running = Transaction.objects.running().get()
    sum_up()
    before = answers()
    stop_session(year, running, datetime(2026, 5, 1, 0, tzinfo=UTC), 7777)

    assert stale_months() == {date(2026, 4, 1), date(2026, 5, 1)}
    after = answers()
    assert after != before
    SummedMonth.objects.all().delete()
    assert answers() == after


def test_a_reading_that_comes_late_makes_its_day_stale(year):
    running = Transaction.objects.running().get()
    sum_up()
    at = datetime(2026, 4, 30, 21, 45, tzinfo=UTC)  # the running session's energy flows in April
    services.record_meter_values(
        year, connector_id=1, transaction_id=running.pk, received_at=at, readings=[Reading(at, [Sample("450")])]
    )  # fmt: skip
    assert not stale_months()  # older than the last reading: nothing changed
    at = datetime(2026, 5, 1, 1, tzinfo=UTC)
    services.record_meter_values(
        year, connector_id=1, transaction_id=running.pk, received_at=at, readings=[Reading(at, [Sample("800")])]
    )  # fmt: skip

    assert stale_months() == {date(2026, 5, 1)}


def test_closing_by_hand_makes_it_stale(year, django_user_model):
    sum_up()
    services.close_by_hand(
        Transaction.objects.running().get().pk, stopped_at=datetime(2026, 4, 30, 23, tzinfo=UTC), meter_stop_wh=None,
        reason="It stood there for weeks.", by=django_user_model.objects.create_user("root"),
    )  # fmt: skip

    assert date(2026, 4, 1) in stale_months()


def test_an_end_moved_to_another_month_makes_both_stale(year, django_user_model):
    root, running = django_user_model.objects.create_user("root"), Transaction.objects.running().get()

    def close(month):
        services.close_by_hand(
            running.pk, stopped_at=datetime(2026, month, 20, tzinfo=UTC), meter_stop_wh=2000, reason="-", by=root
        )

    close(6)
    sum_up()
    close(5)
    assert stale_months() == {date(2026, 4, 1), date(2026, 5, 1), date(2026, 6, 1)}


def test_the_next_session_of_a_connector_makes_the_one_left_open_stale(year):
    sum_up()
    session(year, "C", timezone.now() - timedelta(minutes=10), hours=0.1)

    assert not Transaction.objects.running().exists()
    assert date(2026, 4, 1) in stale_months()


def test_what_is_rolled_back_makes_nothing_stale(year):
    running = Transaction.objects.running().get()
    sum_up()
    with transaction.atomic():
        stop_session(year, running, datetime(2026, 5, 1, 0, tzinfo=UTC), 7777)
        transaction.set_rollback(True)

    assert not stale_months()


def test_a_month_that_changes_while_it_is_summed_up_is_not_used(year, monkeypatch):
    monthly_sums.advance(timezone.now())
    SummedMonth.objects.update(asked_at=timezone.now() - timedelta(minutes=2))
    make = monthly_sums._sums_of

    def change_meanwhile(summed):
        yield from make(summed)
        SummedMonth.objects.filter(pk=summed.pk).update(is_stale=True)

    monkeypatch.setattr(monthly_sums, "_sums_of", change_meanwhile)
    monthly_sums.advance(timezone.now())

    assert not SummedMonth.objects.filter(ready_at__isnull=False).exists()


def test_months_are_asked_for_before_they_are_made(year):
    """Whoever began to write before the question was committed must be done before the sums are read."""
    now = timezone.now()
    assert monthly_sums.advance(now) == 0
    asked = SummedMonth.objects.count()
    assert asked > 2
    assert monthly_sums.advance(now + timedelta(seconds=30)) == 0
    assert not SummedMonth.objects.filter(begun_at__isnull=False).exists()
    monthly_sums.advance(now + timedelta(seconds=61))
    assert SummedMonth.objects.filter(ready_at__isnull=False).count() == 1
    assert SummedMonth.objects.count() == asked


def test_stale_sums_are_made_anew_after_a_pause(year):
    sum_up()
    SummedMonth.objects.filter(month=date(2026, 4, 1)).update(is_stale=True, asked_at=timezone.now())
    sum_up()
    assert stale_months() == {date(2026, 4, 1)}

    SummedMonth.objects.filter(is_stale=True).update(asked_at=timezone.now() - timedelta(minutes=11))
    sum_up()
    assert not stale_months()
    assert SummedMonth.objects.filter(month=date(2026, 4, 1), ready_at__isnull=False).count() == 1
    assert not MonthlySum.objects.exclude(summed__is_stale=False).exists()


@pytest.mark.parametrize("by", [By.PERSON, By.CHARGER])
def test_sums_that_change_while_a_report_is_made_are_not_used(year, by):
    sum_up()
    begun = Report(by, SPRING, "month")
    stop_session(year, Transaction.objects.running().get(), datetime(2026, 5, 1, 0, tzinfo=UTC), 7777)
    after = Report(by, SPRING, "month")
    after._now = begun._now

    assert (list(begun.lines()), begun.over_time()) == (list(after.lines()), after.over_time())


def test_sums_that_go_while_a_report_is_made_leave_no_gap(year):
    sum_up()
    begun, other = Report(By.TAG, SPRING, "month"), Report(By.TAG, SPRING, "month")
    begun._now = other._now  # running sessions last until the same moment in both
    before = list(other.lines())
    SummedMonth.objects.filter(month=date(2026, 4, 1)).update(
        is_stale=True, asked_at=timezone.now() - timedelta(days=9)
    )
    monthly_sums.advance(timezone.now())

    assert list(begun.lines()) == before


def test_another_time_zone_has_other_months(year, settings):
    sum_up()
    settings.TIME_ZONE = "Asia/Tokyo"

    assert monthly_sums.ready(SPRING) == []
    monthly_sums.advance(timezone.now())
    assert set(SummedMonth.objects.values_list("zone", flat=True)) == {"Asia/Tokyo"}


def test_a_process_that_died_over_a_month_does_not_keep_it(year):
    monthly_sums.advance(timezone.now())
    SummedMonth.objects.filter(month=date(2026, 4, 1)).update(begun_at=timezone.now() - timedelta(minutes=11))
    monthly_sums.advance(timezone.now())

    assert stale_months() == {date(2026, 4, 1)}


def test_an_empty_house_has_nothing_to_sum_up(db):
    assert monthly_sums.advance(timezone.now()) == 0
    assert not SummedMonth.objects.exists()
    assert Report(By.PERSON, SPRING, "month").over_time()[date(2026, 3, 1)] == Use()
    assert not DailyEnergy.objects.exists()
    assert not Connector.objects.exists()


def test_in_this_month_nothing_is_asked(station):
    """The way of almost every reading: one comparison and no statement."""
    started = session(station, "B", timezone.now() - timedelta(minutes=5), hours=0.01, end=False)
    with CaptureQueriesContext(connection) as queries:
        stop_session(station, started, timezone.now(), 6000)

    assert not any("summedmonth" in query["sql"] for query in queries)
