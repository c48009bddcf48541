"""Tags, transactions and what belongs to them in the admin."""

from __future__ import annotations

from datetime import timedelta

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.utils import timezone, translation

from tests.admin_cast import make_everything
from tests.people import browser
from tests.screens.old_page import sent_by
from transactions.models import IdTag, IdTagGroup, MeterValue, OrphanedStop, UnknownIdTag
from transactions.unknown import usable_numbers

pytestmark = pytest.mark.django_db
TAGS = "/admin/transactions/idtag/"
TRANSACTIONS = "/admin/transactions/transaction/"


@pytest.fixture
def rows():
    User.objects.create_superuser("root")
    return make_everything()


@pytest.fixture
def operator(rows):
    return browser("operator")


def act(client, action, tag, url=TAGS):
    return client.post(url, {"action": action, "_selected_action": [tag.pk]}, follow=True)


@pytest.mark.parametrize(("action", "blocked"), [("block", True), ("unblock", False)])
def test_a_tag_is_blocked_and_unblocked(rows, operator, action, blocked):
    tag = rows["transactions.idtag"]
    IdTag.objects.update(blocked=not blocked)
    act(operator, action, tag)
    tag.refresh_from_db()
    assert tag.blocked is blocked
    entry = LogEntry.objects.get_for_object(tag).latest("timestamp")
    assert (entry.changes, entry.actor.username) == ({"blocked": [str(not blocked), str(blocked)]}, "operator")


@pytest.fixture
def told(monkeypatch):
    topics: list[str] = []
    monkeypatch.setattr("stations.changes.note", lambda *names: topics.extend(names))
    return topics


def test_open_pages_hear_of_tags_and_groups(rows, operator, told):
    group = {"parent_id_tag": "VANS", "name": "Vans"}
    tag = rows["transactions.idtag"]
    for url, values in (
        ("/admin/transactions/idtaggroup/add/", group),
        (f"{TAGS}add/", {"id_tag": "NEW1"}),
        (f"{TAGS}{tag.pk}/change/", {"id_tag": tag.id_tag, "holder": "Somebody"}),
    ):
        told.clear()
        assert operator.post(url, values).status_code == 302
        assert told == ["tags"], url
    made = IdTagGroup.objects.get(parent_id_tag="VANS")
    told.clear()
    removed = browser("administrator").post(f"/admin/transactions/idtaggroup/{made.pk}/delete/", {"post": "yes"})
    assert removed.status_code == 302
    assert "tags" in told
    told.clear()
    act(operator, "block", tag)
    assert {*told} == {"tags"}


def test_an_old_page_takes_back_nothing_that_somebody_else_has_entered(rows, operator):
    tag, end = rows["transactions.idtag"], timezone.now().replace(microsecond=0)
    group = IdTagGroup.objects.create(parent_id_tag="VANS")
    pages = [(row, f"/admin/transactions/{row._meta.model_name}/{row.pk}/change/") for row in (tag, group)]
    old_pages = [sent_by(operator.get(url), "expires_at_0") for _row, url in pages]
    for model in (IdTag, IdTagGroup):
        model.objects.update(blocked=True, expires_at=end)
    for (row, url), sent, change in zip(pages, old_pages, ({"holder": "Anne"}, {"name": "Vans"}), strict=True):
        assert operator.post(url, {**sent, **change}).status_code == 302
        row.refresh_from_db()
        assert (row.blocked, row.expires_at) == (True, end)
    assert (tag.holder, group.name) == ("Anne", "Vans")
    new_page = sent_by(operator.get(pages[0][1]), "expires_at_0")
    del new_page["blocked"]
    operator.post(pages[0][1], {**new_page, "expires_at_0": "", "expires_at_1": ""})
    tag.refresh_from_db()
    assert (tag.blocked, tag.expires_at) == (False, None)


def test_an_archived_tag_is_hidden_and_comes_back(rows, operator):
    tag = rows["transactions.idtag"]
    act(operator, "archive", tag)
    assert tag.id_tag not in operator.get(TAGS).content.decode()
    act(operator, "restore", tag, url=f"{TAGS}?archived=yes")
    assert tag.id_tag in operator.get(TAGS).content.decode()


def test_a_viewer_cannot_block(rows):
    act(browser("viewer"), "block", rows["transactions.idtag"])
    assert not IdTag.objects.get().blocked


def test_a_tag_is_not_deleted(rows):
    client = browser("administrator")
    client.force_login(User.objects.get(username="root"), backend="django.contrib.auth.backends.ModelBackend")
    act(client, "delete_selected", rows["transactions.idtag"])
    assert IdTag.objects.exists()


@pytest.mark.parametrize(
    ("state", "values"),
    [
        ("valid", {}),
        ("blocked", {"blocked": True}),
        ("expired", {"expires_at": timezone.now() - timedelta(days=1)}),
    ],
)
def test_tags_are_filtered_by_state(rows, operator, state, values):
    IdTag.objects.update(**values)
    for asked in ("valid", "blocked", "expired"):
        shown = operator.get(f"{TAGS}?state={asked}").context["cl"].queryset.count()
        assert shown == (asked == state)


@pytest.mark.parametrize("number", ["cafe1", " CAFE1 ", "x" * 21])
def test_an_unusable_number_is_refused(rows, operator, number):
    response = operator.post(f"{TAGS}add/", {"id_tag": number})
    assert response.status_code == 200
    assert IdTag.objects.count() == 1


# Unknown tags


@pytest.mark.parametrize(
    ("reported", "usable"),
    [
        ("CAFE", ["CAFE"]),
        ("1234ABCD_998877", ["1234ABCD_998877", "1234ABCD"]),
        ("1234ABCD_99887766554433221100", ["1234ABCD"]),
        ("x" * 21, []),
        ("_7", ["_7"]),
    ],
)
def test_numbers_that_can_be_made_of_what_a_reader_sent(reported, usable):
    assert usable_numbers(reported) == usable


def test_an_unknown_tag_is_listed_until_it_is_entered(rows, operator):
    url = "/admin/transactions/unknownidtag/"
    UnknownIdTag.objects.update(ignored_at=timezone.now())
    assert "NEW1" in operator.get(url).content.decode()
    operator.post(f"{TAGS}add/", {"id_tag": "new1", "holder": "Ben"})
    assert "NEW1" not in operator.get(url).content.decode()


def test_an_unknown_tag_is_escaped(rows, operator):
    UnknownIdTag.objects.update(id_tag="<b>x</b>&'\"")
    assert "<b>x</b>" not in operator.get("/admin/transactions/unknownidtag/").content.decode()


# Transactions


def test_a_session_stands_in_the_list_in_the_page_s_language(rows, operator):
    page = operator.get(TRANSACTIONS).content.decode()
    assert "12.345" in page
    assert "1:00" in page
    assert "Car unplugged" in page
    assert "charger clock is off" in page
    operator.cookies.load({"django_language": "de"})
    assert "12,345" in operator.get(TRANSACTIONS).content.decode()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=anna", True),
        ("q=CP-1", True),
        ("q=garage", True),
        ("q=nobody", False),
        ("state=running", False),
        ("state=finished", True),
        ("state=remarks", True),
        ("stop_reason__exact=EVDisconnected", True),
        ("started_at__year=2026&started_at__month=11", True),
    ],
)
def test_sessions_are_found(rows, operator, query, found):
    assert (operator.get(f"{TRANSACTIONS}?{query}").context["cl"].queryset.count() == 1) is found


def test_remarks_are_found_on_both_databases(rows, operator):
    rows["transactions.transaction"].flags = []
    rows["transactions.transaction"].save()
    assert operator.get(f"{TRANSACTIONS}?state=remarks").context["cl"].queryset.count() == 0


def test_a_session_is_read_only(rows, operator):
    transaction = rows["transactions.transaction"]
    response = operator.post(f"{TRANSACTIONS}{transaction.pk}/change/", {"energy_wh": 1})
    assert response.status_code == 403
    transaction.refresh_from_db()
    assert transaction.energy_wh == 12345


def test_meter_values_without_a_session_are_listed(rows, operator):
    connector = rows["stations.connector"]
    loose = MeterValue.objects.create(connector=connector, timestamp=timezone.now(), samples=[{"value": "<i>"}])
    shown = operator.get("/admin/transactions/metervalue/").context["cl"].queryset.count()
    assert shown == 2
    page = operator.get(f"/admin/transactions/metervalue/{loose.pk}/change/").content.decode()
    assert "&lt;i&gt;" in page


def test_energy_is_never_a_float(rows, operator):
    with translation.override("de"):
        from transactions.admin.meter_value import plain

        assert plain(rows["transactions.transaction"].energy_kwh) == "12,345"
        assert plain(1500) == "1500"


# Orphaned stops


def test_an_orphaned_stop_is_read_here_and_attached_on_its_page(rows, operator):
    stop, transaction = rows["transactions.orphanedstop"], rows["transactions.transaction"]
    url = f"/admin/transactions/orphanedstop/{stop.pk}/change/"
    assert f'href="/transactions/stops/{stop.pk}/"' in operator.get(url).content.decode()
    assert operator.post(url, {"transaction": transaction.pk}).status_code == 403
    assert OrphanedStop.objects.get().transaction is None


def test_a_session_s_page_is_one_click_away(rows, operator):
    transaction = rows["transactions.transaction"]
    page = operator.get(f"{TRANSACTIONS}{transaction.pk}/change/").content.decode()
    assert f'href="/transactions/{transaction.pk}/"' in page
