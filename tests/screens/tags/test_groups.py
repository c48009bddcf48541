"""Groups: listed, added, changed, blocked with all their tags."""

from __future__ import annotations

import pytest
from django.utils import timezone

from transactions.authorization import judge
from transactions.models import IdTag, IdTagGroup

from ...people import browser, browser_of, person_at
from ..chargers.pages import rows_of, text_of, words_of
from ..old_page import sent_by
from .counting import queries_of

pytestmark = pytest.mark.django_db
LIST = "/tags/groups/"


@pytest.fixture
def fleet(db):
    return IdTagGroup.objects.create(parent_id_tag="FLEET", name="Vans")


def page_of(group):
    return f"{LIST}{group.pk}/"


def test_groups_are_listed_with_their_members(fleet, anna):
    IdTag.objects.create(id_tag="OLD", group=fleet, archived_at=timezone.now())
    IdTag.objects.update(group=fleet)
    IdTagGroup.objects.create(parent_id_tag="STAFF")
    first, second = rows_of(browser("viewer").get(LIST))
    assert first.split() == ["FLEET", "Vans", "Accepted", "1"]
    assert second.split() == ["STAFF", "Accepted", "0"]
    assert len(rows_of(browser("viewer").get(f"{LIST}?q=vans"))) == 1
    words = words_of(browser("viewer").get(page_of(fleet)))
    assert "Anna 04A1…F2" in words
    assert "04A1B2C3D4E5F2" not in words


def test_a_group_is_added_and_changed(db):
    client = browser("operator")
    client.post(f"{LIST}add/", {"parent_id_tag": "FLEET", "name": "Vans"})
    group = IdTagGroup.objects.get()
    response = client.post(page_of(group), {"parent_id_tag": "FLEET", "name": "Cars", "notes": "n"}, follow=True)
    group.refresh_from_db()
    assert (group.name, group.notes) == ("Cars", "n")
    assert "Name: Vans → Cars" in words_of(response)


def test_an_old_page_does_not_take_back_an_end(fleet):
    client, end = browser("operator"), timezone.now()
    old_page = sent_by(client.get(page_of(fleet)), "parent_id_tag")
    IdTagGroup.objects.update(expires_at=end)
    client.post(page_of(fleet), {**old_page, "name": "Cars"})
    fleet.refresh_from_db()
    assert (fleet.name, fleet.expires_at) == ("Cars", end)


@pytest.mark.parametrize("number", ["fleet", "x" * 21, ""])
def test_an_unusable_number_is_refused(fleet, number):
    response = browser("operator").post(f"{LIST}add/", {"parent_id_tag": number, "name": "typed"})
    assert response.status_code == 422
    assert 'value="typed"' in text_of(response)
    assert IdTagGroup.objects.count() == 1


def test_a_blocked_group_blocks_its_tags(fleet, anna):
    IdTag.objects.update(group=fleet)
    client = browser("operator")
    assert "1 tag may not charge any more." in text_of(client.get(page_of(fleet)))
    client.post(f"{page_of(fleet)}block/")
    assert judge("04a1b2c3d4e5f2", at=timezone.now()).status == "Blocked"
    client.post(f"{page_of(fleet)}unblock/")
    assert judge("04a1b2c3d4e5f2", at=timezone.now()).status == "Accepted"


def test_groups_know_no_sites(fleet, anna, house):
    here = browser_of(person_at("administrator", house.site))
    for client, look, change in ((browser("viewer"), 200, 403), (here, 403, 403), (browser("holder"), 403, 403)):
        assert client.get(LIST).status_code == client.get(page_of(fleet)).status_code == look
        for url in (f"{LIST}add/", page_of(fleet), f"{page_of(fleet)}block/"):
            assert client.post(url, {"parent_id_tag": "X"}).status_code == change
    assert LIST not in text_of(here.get("/tags/"))
    assert 'name="parent_id_tag"' not in text_of(browser("viewer").get(page_of(fleet)))
    assert browser("operator").get(f"{LIST}999/").status_code == 404
    assert browser("operator").post(f"{page_of(fleet)}explode/").status_code == 400


def test_the_number_of_queries_does_not_grow(fleet, anna):
    IdTag.objects.update(group=fleet)
    client = browser("operator")
    few = [queries_of(client, url) for url in (LIST, page_of(fleet))]
    for number in range(30):
        IdTagGroup.objects.create(parent_id_tag=f"G{number}")
        IdTag.objects.create(id_tag=f"T{number}", group=fleet)
    assert [queries_of(client, url) for url in (LIST, page_of(fleet))] == few
