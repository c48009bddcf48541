"""Users and roles: adding, inviting, changing, shutting out; and who may not."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from api.models import ApiKey
from people.models import Membership
from stations.models import Site
from transactions.models import IdTag

from ..people import PASSWORD, browser, browser_of, holder, person, person_at
from .old_page import sent_by

pytestmark = pytest.mark.django_db


@pytest.fixture
def north():
    return Site.objects.create(name="Garage North")


@pytest.fixture
def anna():
    user = User.objects.create_user("anna", password=PASSWORD)
    user.groups.add(Group.objects.get(name="Viewers"))
    return user


def url(name: str, *args: object) -> str:
    return reverse(f"screens:{name}", args=args)


def entries(username: str = "anna", role: str = "Operators", *sites: tuple[Site, str], **more: object) -> dict:
    """What the form of a person is sent as; `sites` are new roles at sites."""
    rows = {
        "memberships-TOTAL_FORMS": len(sites),
        "memberships-INITIAL_FORMS": 0,
        "username": username,
        "first_name": "",
        "last_name": "",
        "role": role,
    }
    for number, (site, site_role) in enumerate(sites):
        rows |= {f"memberships-{number}-site": site.pk, f"memberships-{number}-role": site_role}
    return {**rows, **more}


def link_in(page: bytes) -> str:
    found = re.search(rb'id="invitation-link">http://testserver([^<]+)<', page)
    assert found, "the page shows no link"
    return found[1].decode()


def every_url(user: User, tag: IdTag) -> list[tuple[str, str]]:
    """(method, address) of everything in this chapter."""
    gets = [("get", url("people")), ("get", url("person_add")), ("get", url("person", user.pk))]
    posts = [url("person_add"), url("person", user.pk), url("person_tag_link", user.pk)]
    posts += [url(f"person_{name}", user.pk) for name in ("invite", "deactivate", "reactivate")]
    return gets + [("post", address) for address in (*posts, url("person_tag_unlink", user.pk, tag.pk))]


def test_only_administrators_of_all_sites_come_in(anna, north):
    tag = IdTag.objects.create(id_tag="CAFE", user=anna)
    before = User.objects.values().get(pk=anna.pk)
    strangers = [browser(who) for who in ("viewer", "operator")]
    strangers += [browser_of(person_at("administrator", north)), browser_of(holder())]
    for client in strangers:
        codes = {getattr(client, method)(address).status_code for method, address in every_url(anna, tag)}
        assert codes == {403}
        assert url("people").encode() not in client.get(url("account")).content
    for method, address in every_url(anna, tag):
        response = getattr(Client(), method)(address)
        assert (response.status_code, response["Location"].partition("?")[0]) == (302, url("login"))
    assert User.objects.values().get(pk=anna.pk) == before
    assert IdTag.objects.get(pk=tag.pk).user == anna
    assert url("people").encode() in browser("administrator").get(url("account")).content


def test_buttons_take_no_get(anna):
    client = browser("administrator")
    for name in ("invite", "deactivate", "reactivate"):
        assert client.get(url(f"person_{name}", anna.pk)).status_code == 405
    anna.refresh_from_db()
    assert anna.is_active


def test_changes_need_the_csrf_token(anna):
    client = browser("administrator", enforce_csrf_checks=True)
    assert client.post(url("person_deactivate", anna.pk)).status_code == 403
    anna.refresh_from_db()
    assert anna.is_active


def test_the_list_says_who_is_what(anna, north):
    Membership.objects.create(user=anna, site=north, role="Operators")
    IdTag.objects.create(id_tag="CAFE", user=anna)
    page = browser("administrator").get(url("people")).content.decode()
    assert "Viewer, Operator at Garage North" in page
    assert "administrator" in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=ann", {"anna"}),
        ("q=CAFE", {"anna"}),
        ("q=nobody", set()),
        ("role=Viewers", {"anna", "viewer of Garage North"}),
        ("role=Administrators", {"administrator"}),
        ("role=Tag+holders", {"anna", "holder"}),
        ("state=invited", {"new"}),
        ("state=active", {"anna", "administrator", "holder", "viewer of Garage North"}),
        ("state=closed", {"gone"}),
    ],
)
def test_the_list_is_filtered(anna, north, query, found):
    IdTag.objects.create(id_tag="CAFE", user=anna)
    person_at("viewer", north)
    holder()
    User.objects.create_user("gone", is_active=False)
    User.objects.create_user("new")
    rows = browser("administrator").get(f"{url('people')}?{query}").context["rows"]
    assert {row.username for row in rows} == found


def test_the_list_is_filtered_by_site(anna, north):
    user = person_at("viewer", north)
    rows = browser("administrator").get(f"{url('people')}?site={north.pk}").context["rows"]
    assert [*rows] == [user]


def test_accounts_of_api_keys_are_no_people():
    program = User.objects.create_user("api-billing")
    ApiKey.objects.create(name="billing", user=program, digest="1", hint="pc_1")
    client = browser("administrator")
    assert b"api-billing" not in client.get(url("people")).content
    assert client.get(url("person", program.pk)).status_code == 404
    assert client.post(url("person_deactivate", program.pk)).status_code == 404
    program.refresh_from_db()
    assert program.is_active


def test_the_list_costs_the_same_however_many_people(anna, north, django_assert_max_num_queries):
    client = browser("administrator")
    for number in range(20):
        user = User.objects.create_user(f"p{number}")
        Membership.objects.create(user=user, site=north, role="Viewers")
        IdTag.objects.create(id_tag=f"T{number}", user=user)
    with django_assert_max_num_queries(17):
        client.get(url("people"))


def test_a_person_is_added_invited_and_comes_in(north):
    client = browser("administrator")
    response = client.post(url("person_add"), entries("ben", "Operators", (north, "Administrators")))
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    ben = User.objects.get(username="ben")
    assert not ben.has_usable_password()
    assert [group.name for group in ben.groups.all()] == ["Operators"]
    assert [(row.site, row.role) for row in ben.memberships.all()] == [(north, "Administrators")]
    link = link_in(response.content)
    assert link not in client.get(url("person", ben.pk)).content.decode()

    guest = Client()
    form = guest.get(link, follow=True)
    assert b"ben" in form.content
    done = guest.post(form.redirect_chain[-1][0], {"new_password1": PASSWORD, "new_password2": PASSWORD})
    assert (done.status_code, done["Location"]) == (302, url("overview"))
    assert guest.get(url("account")).context["user"] == ben
    assert User.objects.get(pk=ben.pk).check_password(PASSWORD)

    again = Client().get(link, follow=True)
    assert b"no longer good" in again.content
    assert b'name="new_password1"' not in again.content


def test_a_bad_password_is_explained_and_the_link_stays_good():
    client = browser("administrator")
    link = link_in(client.post(url("person_add"), entries("ben")).content)
    guest = Client()
    address = guest.get(link, follow=True).redirect_chain[-1][0]
    response = guest.post(address, {"new_password1": "short", "new_password2": "short"})
    assert b"too short" in response.content
    assert not User.objects.get(username="ben").has_usable_password()
    assert b'name="new_password1"' in Client().get(link, follow=True).content


def test_a_deactivated_persons_link_is_dead(anna):
    client = browser("administrator")
    link = link_in(client.post(url("person_invite", anna.pk)).content)
    client.post(url("person_deactivate", anna.pk))
    assert b"no longer good" in Client().get(link, follow=True).content


@pytest.mark.parametrize("link", ["x/y", "MQ/abc-def", "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA/abc-def", "%00/%00"])
def test_a_made_up_link_leads_nowhere(link):
    person("administrator")
    assert b"no longer good" in Client().get(f"/invitation/{link}/", follow=True).content


def test_a_new_password_link_for_somebody_who_forgot_theirs(anna):
    link = link_in(browser("administrator").post(url("person_invite", anna.pk)).content)
    guest = Client()
    address = guest.get(link, follow=True).redirect_chain[-1][0]
    new = "another horse battery staple"
    guest.post(address, {"new_password1": new, "new_password2": new})
    anna.refresh_from_db()
    assert anna.check_password(new)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"username": "ANNA"}, "already a person of this name"),
        ({"username": ""}, "This field is required"),
        ({"username": "a b"}, "Enter a valid username"),
        ({"role": ""}, "Choose a role, or one at a site below"),
        ({"role": "Emperors"}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_stored(anna, wrong, words):
    response = browser("administrator").post(url("person_add"), {**entries("ben"), "first_name": "Ben", **wrong})
    assert response.status_code == 422
    assert words in response.content.decode()
    assert 'value="Ben"' in response.content.decode()
    assert {user.username for user in User.objects.all()} == {"anna", "administrator"}


def test_two_roles_at_one_site_are_refused(anna, north):
    both = entries("ben", "", (north, "Viewers"), (north, "Operators"))
    response = browser("administrator").post(url("person_add"), both)
    assert response.status_code == 422
    assert not User.objects.filter(username="ben").exists()
    Membership.objects.create(user=anna, site=north, role="Viewers")
    more = {**entries("anna", "Viewers", (north, "Operators"))}
    assert browser("administrator").post(url("person", anna.pk), more).status_code == 422
    assert [row.role for row in anna.memberships.all()] == ["Viewers"]


def test_roles_are_changed(anna, north):
    client = browser("administrator")
    response = client.post(url("person", anna.pk), entries("anna", "", (north, "Operators"), first_name="Anna"))
    assert response.status_code == 302
    anna = User.objects.get(pk=anna.pk)
    assert not anna.groups.exists()
    assert (anna.is_staff, anna.first_name) == (False, "Anna")
    membership = anna.memberships.get()
    page = client.get(url("person", anna.pk)).content.decode()
    assert "Sees nothing of the other sites" in page

    gone = {
        **entries("anna", "Viewers"),
        "memberships-TOTAL_FORMS": 1,
        "memberships-INITIAL_FORMS": 1,
        "memberships-0-id": membership.pk,
        "memberships-0-site": north.pk,
        "memberships-0-role": "Operators",
        "memberships-0-DELETE": "on",
    }
    client.post(url("person", anna.pk), gone)
    assert not anna.memberships.exists()
    assert [group.name for group in anna.groups.all()] == ["Viewers"]
    assert client.post(url("person", anna.pk), {**gone, "role": ""}).status_code == 422


def test_an_old_page_gives_no_role_back_that_somebody_else_has_taken(anna, north):
    client, yard = browser("administrator"), Site.objects.create(name="Yard")
    operators, viewers = (Group.objects.get(name=name) for name in ("Operators", "Viewers"))
    anna.groups.set([operators])
    here = Membership.objects.create(user=anna, site=north, role="Administrators")
    old_page = sent_by(client.get(url("person", anna.pk)), "username")
    anna.groups.set([viewers])
    Membership.objects.update(role="Viewers")
    assert client.post(url("person", anna.pk), {**old_page, "last_name": "Berg"}).status_code == 302
    anna.refresh_from_db()
    assert (anna.last_name, anna.groups.get(), anna.memberships.get().role) == ("Berg", viewers, "Viewers")
    changed = {"role": "Operators", "memberships-0-role": "Operators", "memberships-0-site": yard.pk}
    client.post(url("person", anna.pk), {**sent_by(client.get(url("person", anna.pk)), "username"), **changed})
    here.refresh_from_db()
    assert (anna.groups.get(), here.site, here.role) == (operators, yard, "Operators")


def test_somebody_elses_role_at_a_site_cannot_be_taken_over(anna, north):
    foreign = Membership.objects.create(user=person("viewer"), site=north, role="Viewers")
    stolen = {
        **entries("anna", "Viewers"),
        "memberships-TOTAL_FORMS": 1,
        "memberships-INITIAL_FORMS": 1,
        "memberships-0-id": foreign.pk,
        "memberships-0-site": north.pk,
        "memberships-0-role": "Administrators",
    }
    browser("administrator").post(url("person", anna.pk), stolen)
    assert [(row.user.username, row.role) for row in Membership.objects.all()] == [("viewer", "Viewers")]
    assert Membership.objects.get() == foreign


def test_an_administrator_cannot_lose_themselves():
    client, own = browser("administrator"), person("administrator")
    page = client.get(url("person", own.pk)).content.decode()
    assert url("person_deactivate", own.pk) not in page
    response = client.post(url("person", own.pk), entries("administrator", "Viewers"))
    assert response.status_code == 422
    assert "take the administrator&#x27;s role from yourself" in response.content.decode()
    client.post(url("person_deactivate", own.pk))
    own = User.objects.get(pk=own.pk)
    assert own.is_active
    assert [group.name for group in own.groups.all()] == ["Administrators"]


def test_a_superuser_is_changed_by_superusers_only(anna):
    root = User.objects.create_superuser("root", password=PASSWORD)
    client = browser("administrator")
    page = client.get(url("person", root.pk)).content.decode()
    assert "Only a superuser may change a superuser" in page
    for name in ("invite", "deactivate", "tag_link"):
        assert url(f"person_{name}", root.pk) not in page
        assert client.post(url(f"person_{name}", root.pk), {"number": "CAFE"}).status_code == 403
    assert client.post(url("person", root.pk), entries("root2", "Viewers")).status_code == 403
    root.refresh_from_db()
    assert (root.username, root.is_superuser, root.is_active) == ("root", True, True)
    second = User.objects.create_superuser("second", password=PASSWORD)
    assert browser_of(root).post(url("person_deactivate", second.pk)).status_code == 302
    second.refresh_from_db()
    assert not second.is_active


def test_who_is_deactivated_is_out_at_once_and_can_come_back(anna):
    theirs, client = browser_of(anna), browser("administrator")
    assert theirs.get(url("account")).status_code == 200
    client.post(url("person_deactivate", anna.pk))
    assert theirs.get(url("account")).status_code == 302
    page = client.get(url("person", anna.pk)).content.decode()
    assert url("person_reactivate", anna.pk) in page
    assert url("person_invite", anna.pk) not in page
    client.post(url("person_reactivate", anna.pk))
    anna.refresh_from_db()
    assert anna.is_active
    assert anna.groups.get().name == "Viewers"


def test_tags_are_linked_and_unlinked(anna):
    tag = IdTag.objects.create(id_tag="CAFE")
    client = browser("administrator")
    page = client.post(url("person_tag_link", anna.pk), {"number": "cafe"}, follow=True).content.decode()
    assert "CAFE belongs to anna now" in page
    tag.refresh_from_db()
    assert tag.user == anna
    client.post(url("person_tag_unlink", anna.pk, tag.pk))
    tag.refresh_from_db()
    assert tag.user is None
    assert client.post(url("person_tag_unlink", anna.pk, tag.pk)).status_code == 404


@pytest.mark.parametrize("number", ["", "NEW", "\0", "x" * 21, "BEN"])
def test_a_tag_that_cannot_be_linked_is_explained(anna, number):
    IdTag.objects.create(id_tag="BEN", user=person("viewer"))
    response = browser("administrator").post(url("person_tag_link", anna.pk), {"number": number}, follow=True)
    assert 'class="error"' in response.content.decode()
    assert not anna.id_tags.exists()


@pytest.mark.parametrize("bad", ["2147483648", "9223372036854775808", "0"])
def test_an_unknown_person_is_not_found(bad):
    client = browser("administrator")
    assert client.get(f"/people/{bad}/").status_code == 404
    assert client.post(f"/people/{bad}/deactivate/").status_code == 404


@pytest.mark.parametrize(
    "query", ["q=%00", "q=" + "a%20" * 3000, "site=abc", "site=9223372036854775808", "page=-1", "sort=x", "role=x"]
)
def test_odd_queries_never_break_the_list(query):
    assert browser("administrator").get(f"{url('people')}?{query}").status_code == 200


def test_hostile_names_are_text(anna):
    User.objects.filter(pk=anna.pk).update(first_name="<svg/onload=alert(1)>")
    client = browser("administrator")
    for address in (url("people"), url("person", anna.pk)):
        page = client.get(address).content.decode()
        assert "<svg/onload" not in page
        assert "&lt;svg/onload" in page
