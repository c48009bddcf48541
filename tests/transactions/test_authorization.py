"""The verdict on a tag (OCPP 1.6 §3.10, §4.1, §7.2)."""

from datetime import timedelta

import pytest
from django.utils import timezone

from stations.models import SecurityEvent
from transactions.authorization import MAX_UNKNOWN_ID_TAGS, authorize
from transactions.models import IdTag, IdTagGroup, UnknownIdTag

from .conftest import NOON, TalkingStation, minute, one_batch


def status(station: TalkingStation, id_tag: str = "CAFE", **options: object) -> str:
    return authorize(id_tag, station.charge_point, **{"at": NOON, **options}).status.value


def test_a_known_tag_is_accepted_in_any_case(station, tag):  # L34
    verdict = authorize("cafe", station.charge_point, at=NOON)
    assert (verdict.status, verdict.tag) == ("Accepted", tag)
    assert (verdict.parent_id_tag, verdict.expires_at) == (None, None)


@pytest.mark.parametrize(("policy", "expected"), [("refuse", "Invalid"), ("accept", "Accepted")])
def test_an_unknown_tag_is_judged_by_policy_and_remembered(station, settings, policy, expected):
    settings.UNKNOWN_ID_TAGS = policy
    assert [status(station, "STRANGER") for _ in range(2)] == [expected] * 2
    unknown = UnknownIdTag.objects.get()
    assert (unknown.id_tag, unknown.charge_point, unknown.count) == ("STRANGER", station.charge_point, 2)


def test_a_tag_that_is_too_long_is_invalid_without_a_look(station, tag, settings):
    settings.UNKNOWN_ID_TAGS = "accept"
    assert status(station, "CAFE", too_long=True) == "Invalid"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"archived_at": NOON}, "Invalid"),
        ({"blocked": True}, "Blocked"),
        ({"expires_at": NOON}, "Expired"),
        ({"expires_at": minute(1)}, "Accepted"),
        ({"blocked": True, "expires_at": NOON}, "Blocked"),
        ({"archived_at": NOON, "blocked": True}, "Invalid"),
        ({"max_concurrent": 0}, "Accepted"),  # L35: only a start can be ConcurrentTx
    ],
)
def test_the_tag_decides(station, fields, expected):  # L36
    IdTag.objects.create(id_tag="CAFE", **fields)
    assert status(station) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({}, "Accepted"), ({"blocked": True}, "Blocked"), ({"expires_at": NOON}, "Expired")],
)
def test_a_group_decides_for_its_members_and_goes_out_with_every_verdict(station, fields, expected):  # L33
    group = IdTagGroup.objects.create(parent_id_tag="FLEET", **fields)
    IdTag.objects.create(id_tag="CAFE", group=group)
    verdict = authorize("CAFE", station.charge_point, at=NOON)
    assert (verdict.status, verdict.parent_id_tag) == (expected, "FLEET")


def test_the_parent_is_no_tag(station):  # L33
    IdTagGroup.objects.create(parent_id_tag="FLEET")
    assert status(station, "FLEET") == "Invalid"


@pytest.mark.parametrize(("tags", "groups", "earlier"), [(5, 9, 5), (9, 5, 5), (5, None, 5), (None, 9, 9)])
def test_the_earlier_end_counts(station, tags, groups, earlier):
    ends = [None if number is None else minute(number) for number in (tags, groups)]
    group = IdTagGroup.objects.create(parent_id_tag="FLEET", expires_at=ends[1])
    IdTag.objects.create(id_tag="CAFE", group=group, expires_at=ends[0])
    assert authorize("CAFE", station.charge_point, at=NOON).expires_at == minute(earlier)


def test_a_reader_gone_mad_does_not_fill_the_table(station, neighbour):
    with one_batch([station.charge_point]):
        for number in range(MAX_UNKNOWN_ID_TAGS + 5):
            status(station, f"X{number}")
    status(station, "ONE MORE")
    status(station, "X0")
    status(neighbour, "ONE MORE")
    assert UnknownIdTag.objects.filter(charge_point=station.charge_point).count() == MAX_UNKNOWN_ID_TAGS
    assert UnknownIdTag.objects.get(id_tag="X0").count == 2
    assert UnknownIdTag.objects.filter(charge_point=neighbour.charge_point).count() == 1


def test_fifty_unknown_tags_an_hour_are_an_alarm_and_answered_as_ever(station, neighbour):
    """S17: whoever tries one after the other looks for one that is known."""
    answers = [status(station, f"X{number % 49}") for number in range(100)]
    assert not SecurityEvent.objects.exists()
    with one_batch([station.charge_point]):
        answers += [status(station, f"Y{number}") for number in range(10)]
    answers += [status(station, f"Z{number}") for number in range(10)]
    status(neighbour, "X1")
    assert set(answers) == {"Invalid"}
    event = SecurityEvent.objects.get()
    assert (event.charge_point, event.type, event.is_critical) == (station.charge_point, "UnknownTagsTried", True)
    assert event.tech_info == "50 different unknown tags within an hour"


def test_fifty_unknown_tags_a_day_are_no_alarm(station):
    for number in range(49):
        status(station, f"X{number}")
    UnknownIdTag.objects.update(last_at=timezone.now() - timedelta(hours=2))
    for number in range(49):
        status(station, f"Y{number}")
    assert not SecurityEvent.objects.exists()


def test_an_alarm_is_not_missed_where_the_table_is_full(station):
    """The oldest make room for new ones, but none that somebody ignores."""
    with one_batch([station.charge_point]):
        for number in range(MAX_UNKNOWN_ID_TAGS):
            status(station, f"X{number}")
    SecurityEvent.objects.all().delete()
    UnknownIdTag.objects.update(last_at=timezone.now() - timedelta(hours=2))
    UnknownIdTag.objects.filter(id_tag="X0").update(ignored_at=timezone.now())
    for number in range(50):
        status(station, f"Y{number}")
    assert UnknownIdTag.objects.count() == MAX_UNKNOWN_ID_TAGS
    assert UnknownIdTag.objects.filter(id_tag__startswith="Y").count() == 50
    assert UnknownIdTag.objects.filter(id_tag="X0").exists()
    assert SecurityEvent.objects.get().type == "UnknownTagsTried"


class TestConcurrentTx:
    @pytest.fixture(autouse=True)
    def limited_tag(self, db):
        IdTag.objects.create(id_tag="CAFE", max_concurrent=1)

    def test_a_second_session_elsewhere_is_refused_and_real(self, station, neighbour):  # L12, L15
        station.starts()
        second, verdict = neighbour.starts(timestamp=minute(1))
        assert verdict.status == second.authorization_status == "ConcurrentTx"
        assert second.flags == ["unauthorized"]

    def test_the_same_connector_does_not_count(self, station):  # L35: what is open there is stale
        station.starts()
        assert station.starts(timestamp=minute(1))[1].is_accepted

    def test_a_retry_gets_the_first_verdict(self, station, neighbour):  # L35, quirk 47
        first = station.starts()
        neighbour.starts(timestamp=minute(1))
        again = station.starts()
        assert (again[0].pk, again[1].status) == (first[0].pk, "Accepted")
        assert neighbour.starts(timestamp=minute(1))[1].status == "ConcurrentTx"

    def test_a_replay_is_not_judged_against_newer_sessions(self, station, neighbour):
        station.starts(timestamp=minute(30))
        assert neighbour.starts(timestamp=minute(10))[1].is_accepted

    def test_a_session_that_is_over_does_not_count(self, station, neighbour):
        with one_batch([station.charge_point, neighbour.charge_point]):  # over, though not yet written
            first, _ = station.starts()
            station.stops(first)
            assert neighbour.starts(timestamp=minute(61))[1].is_accepted

    def test_a_refused_session_does_not_count(self, station, neighbour):
        first, _ = station.starts()
        neighbour.starts(timestamp=minute(1))
        station.stops(first)
        assert station.starts(connector_id=2, timestamp=minute(70))[1].is_accepted


def test_no_limit_by_default(station, neighbour, tag):
    station.starts()
    assert neighbour.starts(timestamp=minute(1))[1].is_accepted
