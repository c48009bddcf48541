"""Sums of reports: what counts where and when."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from stations.models import ChargePoint, Connector, Site
from tests.admin_cast import make_transaction
from transactions.models import DailyEnergy, IdTag, IdTagGroup, Transaction
from transactions.report_subjects import By
from transactions.report_sums import DayRange
from transactions.reports import Report, Use, total

pytestmark = pytest.mark.django_db
NOVEMBER = DayRange(date(2026, 11, 1), date(2026, 11, 30))
HOUR = 3600


@pytest.fixture(autouse=True)
def berlin(settings):
    """The installation's zone; people's own may be any."""
    settings.TIME_ZONE = "Europe/Berlin"


def make_connector(identity: str, site: Site | None = None) -> Connector:
    station = ChargePoint.objects.create(identity=identity, site=site)
    return Connector.objects.create(charge_point=station, connector_id=1)


def charge(connector: Connector, tag: IdTag | None, at: datetime, wh: int, hours: float = 1, **fields) -> Transaction:
    """A session and its energy on the days it flowed, all on the day it began unless told otherwise."""
    days = fields.pop("days", {at.astimezone(timezone.get_default_timezone()).date(): wh})
    for day, energy_wh in days.items():
        row, _created = DailyEnergy.objects.get_or_create(connector=connector, day=day)
        DailyEnergy.objects.filter(pk=row.pk).update(energy_wh=row.energy_wh + energy_wh)
    return make_transaction(connector, tag, at, energy_wh=wh, stopped_at=at + timedelta(hours=hours), **fields)


def utc(day: int, hour: int = 12, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def report(by: By, per: str = "day", days: DayRange = NOVEMBER, chargers=None) -> Report:
    return Report(by, days, per, chargers)


def by_name(made: Report) -> dict[str, Use]:
    return {line.subject.name or line.subject.number: line.use for line in made.lines()}


def used(made: Report, subject=None) -> dict[date, Use]:
    return {day: use for day, use in made.over_time(subject).items() if use != Use()}


@pytest.fixture
def garage(db):
    return make_connector("BAY-1", Site.objects.create(name="Garage"))


def test_a_person_is_an_account_or_a_name_and_may_have_several_tags(garage):
    anna = User.objects.create_user("anna", first_name="Anna", last_name="Berg")
    tags = [IdTag.objects.create(id_tag=f"A{n}", holder="A. Berg", user=anna) for n in range(2)]
    ben = [IdTag.objects.create(id_tag=f"B{n}", holder="Ben") for n in range(2)]
    nobody = IdTag.objects.create(id_tag="N")
    for number, tag in enumerate([*tags, *ben, nobody, None]):
        charge(garage, tag, utc(2 + number), 1000 * (number + 1), id_tag=f"T{number}")

    assert by_name(report(By.PERSON)) == {
        "Anna Berg": Use(1000 + 2000, 2, 2 * HOUR),
        "Ben": Use(3000 + 4000, 2, 2 * HOUR),
        "Nobody’s tags": Use(5000 + 6000, 2, 2 * HOUR),
    }
    assert [line.use.energy_wh for line in report(By.PERSON).lines()] == [11000, 7000, 3000]


def test_tags_and_groups(garage):
    fleet = IdTagGroup.objects.create(parent_id_tag="FLEET", name="Fleet")
    one = IdTag.objects.create(id_tag="ONE", holder="Anna", group=fleet)
    two = IdTag.objects.create(id_tag="TWO", group=fleet)
    lone = IdTag.objects.create(id_tag="LONE")
    for number, tag in enumerate([one, two, lone, None]):
        charge(garage, tag, utc(2 + number), 1000, id_tag=f"T{number}")

    assert by_name(report(By.GROUP)) == {"Fleet": Use(2000, 2, 2 * HOUR), "Without a group": Use(2000, 2, 2 * HOUR)}
    tags = {(line.subject.name, line.subject.number): line.use.energy_wh for line in report(By.TAG).lines()}
    assert tags == {
        ("Anna", "ONE"): 1000,
        ("", "TWO"): 1000,
        ("", "LONE"): 1000,
        ("Tags that are not entered", ""): 1000,
    }


def test_a_persons_session_counts_as_a_whole_on_the_local_day_it_began(garage):
    tag = IdTag.objects.create(id_tag="A", holder="Anna")
    # 22:30 UTC is 23:30 in Berlin: it begins on the 9th, and most of its energy flows on the 10th
    late = datetime(2026, 11, 9, 22, 30, tzinfo=UTC)
    charge(garage, tag, late, 10_000, hours=8, days={date(2026, 11, 9): 500, date(2026, 11, 10): 9500})
    # 23:30 UTC on the 30th is December in Berlin
    charge(garage, tag, datetime(2026, 11, 30, 23, 30, tzinfo=UTC), 7000)

    assert used(report(By.PERSON)) == {date(2026, 11, 9): Use(10_000, 1, 8 * HOUR)}
    assert used(report(By.PERSON), report(By.PERSON).lines()[0].subject) == {
        date(2026, 11, 9): Use(10_000, 1, 8 * HOUR)
    }


def test_a_chargers_energy_counts_on_the_day_it_flowed(garage):
    tag = IdTag.objects.create(id_tag="A", holder="Anna")
    last = datetime(2026, 10, 31, 22, 30, tzinfo=UTC)
    charge(garage, tag, last, 10_000, hours=8, days={date(2026, 10, 31): 500, date(2026, 11, 1): 9500})

    assert used(report(By.CHARGER)) == {date(2026, 11, 1): Use(9500)}
    assert by_name(report(By.CHARGER)) == {"BAY-1": Use(9500)}
    october = DayRange(date(2026, 10, 1), date(2026, 10, 31))
    assert by_name(report(By.SITE, days=october)) == {"Garage": Use(500, 1, 8 * HOUR)}


def test_sites_gather_their_chargers(garage):
    second = make_connector("BAY-2", garage.charge_point.site)
    lone = make_connector("LONE")
    for number, connector in enumerate([garage, second, lone]):
        charge(connector, None, utc(3), 1000 * (number + 1), id_tag=f"T{number}")

    assert by_name(report(By.SITE)) == {"Garage": Use(3000, 2, 2 * HOUR), "Without a site": Use(3000, 1, HOUR)}
    assert by_name(report(By.CHARGER))["BAY-2"] == Use(2000, 1, HOUR)


def test_months_and_years_and_their_empty_ones(garage):
    tag = IdTag.objects.create(id_tag="A", holder="Anna")
    charge(garage, tag, utc(3, month=1), 1000)
    charge(garage, tag, utc(30, month=3), 2000)
    year = DayRange(date(2026, 1, 1), date(2026, 4, 30))
    for by in (By.PERSON, By.SITE):
        months = {day: use.energy_wh for day, use in report(by, "month", year).over_time().items()}
        first = {date(2026, 1, 1): 1000, date(2026, 2, 1): 0, date(2026, 3, 1): 2000, date(2026, 4, 1): 0}
        assert months == first
        assert {d: u.energy_wh for d, u in report(by, "year", year).over_time().items()} == {date(2026, 1, 1): 3000}


def test_the_days_of_a_clock_change_are_whole(garage):
    """The 25th of October 2026 has 25 hours in Berlin."""
    for hour in range(25):
        charge(garage, None, datetime(2026, 10, 24, 22, 30, tzinfo=UTC) + timedelta(hours=hour), 100, id_tag=f"T{hour}")
    october = DayRange(date(2026, 10, 24), date(2026, 10, 26))

    assert used(report(By.PERSON, days=october)) == {date(2026, 10, 25): Use(2500, 25, 25 * HOUR)}
    assert total(used(report(By.SITE, days=october)).values()).sessions == 25


def test_cells_add_up_to_lines_and_to_time(garage):
    tags = [IdTag.objects.create(id_tag=f"T{n}", holder=f"Person {n % 3}") for n in range(6)]
    for number in range(24):
        charge(garage, tags[number % 6], utc(1 + number % 28, number % 24), 100 + number)
    for by in By:
        made = report(by)
        lines = {line.subject: line.use for line in made.lines()}
        cells = made.cells()
        for subject, use in lines.items():
            assert total(cell for (owner, _day), cell in cells.items() if owner == subject) == use
        assert total(cells.values()) == total(made.over_time().values()) == total(lines.values())
        some = list(lines)[:1]
        assert made.cells(some) == {key: use for key, use in cells.items() if key[0] in some}


def test_a_running_session_counts_with_what_it_has_charged_so_far(garage):
    began = timezone.now() - timedelta(minutes=90)
    make_transaction(garage, None, began, stopped_at=None, ended_by="", energy_wh=4000)
    today = timezone.localdate(began, timezone.get_default_timezone())
    (line,) = report(By.PERSON, days=DayRange(today, today)).lines()

    assert (line.use.energy_wh, line.use.sessions) == (4000, 1)
    assert timedelta(minutes=89) < line.use.duration < timedelta(minutes=92)


def test_a_stop_before_the_start_takes_no_time_back(garage):
    charge(garage, None, utc(3), 1000, hours=-2)
    charge(garage, None, utc(3, 15), 1000, hours=1, id_tag="OTHER")

    assert total(used(report(By.PERSON)).values()).duration_s == HOUR


def test_only_the_chargers_one_may_see(garage):
    south = make_connector("S-1", Site.objects.create(name="South"))
    tag = IdTag.objects.create(id_tag="A", holder="Anna")
    for number, connector in enumerate([garage, south]):
        charge(connector, tag, utc(3), 1000 * (number + 1), id_tag=f"T{number}")
    for by in By:
        made = report(by, chargers=[south.charge_point_id])
        assert total(line.use for line in made.lines()) == total(made.over_time().values()) == Use(2000, 1, HOUR)
        assert not report(by, chargers=[]).lines()


def test_the_database_is_asked_a_few_times(garage, django_assert_num_queries):
    charge(garage, IdTag.objects.create(id_tag="A", holder="Anna"), utc(3), 1000)
    for by, expected in ((By.PERSON, 1), (By.TAG, 1), (By.GROUP, 1), (By.CHARGER, 2), (By.SITE, 2)):
        with django_assert_num_queries(2):  # the subjects' names, the months that are summed up
            made = report(by)
        for ask in (made.lines, made.over_time, made.cells):
            with django_assert_num_queries(expected):
                ask()
