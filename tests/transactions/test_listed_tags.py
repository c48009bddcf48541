"""What local lists show of the tags, and what it costs to find out that nothing changed."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from django.utils import timezone

from stations.models import ChargePoint
from transactions import listed_tags, local_lists
from transactions.authorization import judge
from transactions.models import IdTag, IdTagGroup, ListedTag, ListRevision, LocalList

pytestmark = pytest.mark.django_db
NOW = timezone.now()
ENDS = [None, NOW - timedelta(seconds=1), NOW, NOW + timedelta(seconds=1), NOW + timedelta(days=1)]


def test_the_database_judges_as_authorize_does():
    groups = [None]
    for number, (blocked, end) in enumerate(itertools.product([False, True], ENDS)):
        groups.append(IdTagGroup.objects.create(parent_id_tag=f"G{number}", blocked=blocked, expires_at=end))
    for number, (group, blocked, end) in enumerate(itertools.product(groups, [False, True], ENDS)):
        IdTag.objects.create(id_tag=f"T{number}", group=group, blocked=blocked, expires_at=end)
    listed_tags.refresh(NOW)
    assert ListedTag.objects.count() == IdTag.objects.count() == 110
    for row in ListedTag.objects.all():
        verdict = judge(row.id_tag, at=NOW)
        expected = (verdict.status, verdict.parent_id_tag or "", verdict.expires_at)
        assert (row.status, row.parent_id_tag, row.expires_at) == expected


def test_every_change_is_a_revision_and_nothing_else():
    tag = IdTag.objects.create(id_tag="CAFE", holder="Anna")
    assert listed_tags.refresh(NOW) == listed_tags.refresh(NOW) == 1
    for changes, revision in [
        ({"holder": "Berta"}, 1),
        ({"max_concurrent": 1}, 1),
        ({"blocked": True}, 2),
        ({"expires_at": NOW}, 3),
        ({"id_tag": "cafe"}, 4),
        ({"id_tag": "F00D"}, 5),
        ({"archived_at": NOW}, 6),
        ({"note": "lost"}, 6),
        ({"archived_at": None, "blocked": False}, 7),
    ]:
        IdTag.objects.filter(pk=tag.pk).update(**changes)
        assert listed_tags.refresh(NOW) == listed_tags.current().number == revision, changes
    assert {row.id_tag: row.status for row in ListedTag.objects.all()} == {"cafe": "", "F00D": "Expired"}


def test_a_group_changes_its_tags():
    group = IdTagGroup.objects.create(parent_id_tag="FLEET")
    IdTag.objects.create(id_tag="CAFE", group=group)
    IdTag.objects.create(id_tag="F00D")
    listed_tags.refresh(NOW)
    IdTagGroup.objects.update(parent_id_tag="FLOTTE", blocked=True)
    assert listed_tags.refresh(NOW) == 2
    changed = ListedTag.objects.get(revision=2)
    assert (changed.id_tag, changed.status, changed.parent_id_tag) == ("CAFE", "Blocked", "FLOTTE")


def test_two_tags_swap_their_numbers():
    first, second = (IdTag.objects.create(id_tag=number, blocked=number == "A") for number in "AB")
    listed_tags.refresh(NOW)
    IdTag.objects.filter(pk=first.pk).update(id_tag="C")
    IdTag.objects.filter(pk=second.pk).update(id_tag="A")
    IdTag.objects.filter(pk=first.pk).update(id_tag="B")
    listed_tags.refresh(NOW)
    assert {row.id_tag: row.status for row in ListedTag.objects.all()} == {"A": "Accepted", "B": "Blocked"}


def test_letters_that_only_the_database_knows_in_two_cases():
    for number in ("ÄÖ", "äö", "İi", "ß"):
        if not IdTag.objects.with_number(number).exists():
            IdTag.objects.create(id_tag=number)
    assert listed_tags.refresh(NOW) == listed_tags.refresh(NOW) == 1


def test_without_a_list_nobody_looks(django_assert_num_queries):
    IdTag.objects.create(id_tag="CAFE")
    LocalList.objects.create(charge_point=ChargePoint.objects.create(identity="CP1"))
    with django_assert_num_queries(1):
        assert local_lists.publish_due(NOW) == 0
    assert not ListRevision.objects.exists()


def test_a_round_with_nothing_to_do_is_a_handful_of_queries(django_assert_max_num_queries):
    """Two thousand stations with twenty thousand tags; a round took 0.1 s on two cores."""
    ChargePoint.objects.bulk_create(ChargePoint(identity=f"CP{number}") for number in range(2000))
    IdTag.objects.bulk_create(IdTag(id_tag=f"T{number}") for number in range(20_000))
    revision = listed_tags.refresh(NOW)
    LocalList.objects.bulk_create(
        LocalList(charge_point=station, state="up_to_date", revision=revision, version=1, asked_at=NOW)
        for station in ChargePoint.objects.all()
    )
    with django_assert_max_num_queries(6):
        assert local_lists.publish_due(NOW) == 0


def test_one_change_marks_two_thousand_stations_in_a_handful_of_queries(django_assert_max_num_queries):
    ChargePoint.objects.bulk_create(ChargePoint(identity=f"CP{number}") for number in range(2000))
    IdTag.objects.create(id_tag="CAFE")
    LocalList.objects.bulk_create(
        LocalList(charge_point=station, state="up_to_date", revision=0, version=1, asked_at=NOW)
        for station in ChargePoint.objects.all()
    )
    with django_assert_max_num_queries(20):
        assert local_lists.publish_due(NOW) == 0  # all of them are away
    assert LocalList.objects.filter(state="pending").count() == 2000
