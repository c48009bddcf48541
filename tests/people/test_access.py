"""Rights for all sites, rights at one site, and none."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.urls import reverse

from people.access import access_of
from people.models import Membership
from stations.models import ChargePoint, Connector, Site
from transactions.models import IdTag, Transaction

from ..admin_cast import AT, make_transaction
from ..conftest import make_station
from . import browser_of, holder, person, person_at

pytestmark = pytest.mark.django_db

VIEW, SEND = "stations.view_chargepoint", "stations.send_command"


@pytest.fixture
def north():
    return Site.objects.create(name="North")


@pytest.fixture
def south():
    return Site.objects.create(name="South")


@pytest.fixture
def stations(north, south):
    """A charger at each site and one at none."""
    return [make_station("N", site=north), make_station("S", site=south), make_station("X")]


def names(rows):
    return sorted(row.identity for row in rows)


@pytest.mark.parametrize("who", ["viewer", "operator", "administrator"])
def test_a_role_for_all_sites_sees_all_and_what_belongs_to_none(stations, who):
    access = access_of(person(who))
    assert names(access.charge_points()) == ["N", "S", "X"]
    assert access.everywhere(VIEW)
    assert access.at(VIEW, None)
    assert access.on(SEND, stations[2]) == (who != "viewer")


def test_a_superuser_sees_all(stations):
    access = access_of(User.objects.create_superuser("root"))
    assert names(access.charge_points()) == ["N", "S", "X"]
    assert access.everywhere("auth.change_user")
    assert access.scope == access_of(User.objects.create_superuser("other")).scope


def test_a_role_at_a_site_counts_there_only(stations, north, south):
    access = access_of(person_at("operator", north))
    assert names(access.charge_points()) == ["N"]
    assert list(access.sites()) == [north]
    assert (access.at(SEND, north.pk), access.at(SEND, south.pk), access.at(SEND, None)) == (True, False, False)
    assert [access.on(VIEW, station) for station in stations] == [True, False, False]
    assert access.somewhere(SEND)
    assert not access.everywhere(SEND)
    assert not access.user.has_perm(SEND)
    assert access.is_operator_side


def test_roles_differ_from_site_to_site(stations, north, south):
    user = person_at("operator", north)
    Membership.objects.create(user=user, site=south, role="Viewers")
    access = access_of(user)
    assert names(access.charge_points()) == ["N", "S"]
    assert names(access.charge_points(SEND)) == ["N"]


def test_a_role_at_a_site_adds_to_the_one_for_all_sites(stations, north):
    user = person("viewer")
    Membership.objects.create(user=user, site=north, role="Operators")
    access = access_of(user)
    assert names(access.charge_points()) == ["N", "S", "X"]
    assert names(access.charge_points(SEND)) == ["N"]


def test_an_administrator_of_a_site_is_none_of_people(north):
    access = access_of(person_at("administrator", north))
    assert access.at("stations.delete_site", north.pk)
    assert not access.everywhere("auth.change_user")


def test_rows_are_narrowed_by_their_way_to_the_site(stations, north):
    for station in stations:
        make_transaction(Connector.objects.create(charge_point=station, connector_id=1), None, AT)
    rows = person_at("viewer", north), person("viewer")
    narrow = [
        access_of(user).narrow(Transaction.objects.all(), "transactions.view_transaction", "charge_point__site").count()
        for user in rows
    ]
    assert narrow == [1, 3]


def test_tags_belong_to_the_site_that_manages_them(north, south):
    tags = [IdTag.objects.create(id_tag=name, site=site) for name, site in (("A", north), ("B", south), ("C", None))]
    assert list(access_of(person_at("operator", north)).id_tags("transactions.change_idtag")) == tags[:1]
    assert access_of(person("operator")).id_tags().count() == 3


@pytest.mark.parametrize("who", ["anonymous", "nobody", "inactive"])
def test_who_has_no_right_sees_nothing(stations, north, who):
    user = AnonymousUser() if who == "anonymous" else person_at("operator", north)
    if who == "nobody":
        user.memberships.all().delete()
    if who == "inactive":
        user.is_active = False
        user.save()
        IdTag.objects.create(id_tag="A", user=user)
    access = access_of(user)
    assert not access.somewhere(VIEW)
    assert not access.charge_points().exists()
    assert not access.sites().exists()
    assert not access.id_tags().exists()
    assert not access.own_tags().exists()
    assert not access.is_operator_side
    assert not access.is_holder


def test_a_holder_has_their_own_tags_and_no_operators_right(stations):
    mine, _other = IdTag.objects.create(id_tag="A"), IdTag.objects.create(id_tag="B")
    access = access_of(holder(mine))
    assert list(access.own_tags()) == [mine]
    assert not access.id_tags().exists()
    assert access.is_holder
    assert not access.is_operator_side


def test_a_holder_may_use_the_chargers_of_sites_that_allow_it(stations, north, south):
    Site.objects.filter(pk=south.pk).update(holders_may_start=True)
    make_station("OLD", site=south, archived_at=AT)
    make_station("NEW", site=south, registration_status="Pending")
    assert names(access_of(holder(IdTag.objects.create(id_tag="A"))).open_charge_points()) == ["S"]
    assert not access_of(person_at("operator", south)).open_charge_points().exists()


def test_a_user_with_a_card_is_a_holder_whatever_else_they_are():
    operator = person("operator")
    assert not access_of(operator).is_holder
    IdTag.objects.create(id_tag="A", user=operator)
    assert access_of(operator).is_holder


def test_scopes_are_equal_for_equal_rights_only(north, south):
    of = {
        "viewer": access_of(person("viewer")).scope,
        "operator": access_of(person("operator")).scope,
        "north": access_of(person_at("viewer", north)).scope,
        "south": access_of(person_at("viewer", south)).scope,
        "both": access_of(person_at("viewer", north, south)).scope,
    }
    assert len({*of.values()}) == len(of)
    twin = User.objects.create_user("twin")
    Membership.objects.create(user=twin, site=north, role="Viewers")
    assert access_of(twin).scope == of["north"]


def test_rights_cost_two_queries_at_most(stations, north, django_assert_max_num_queries):
    access = access_of(User.objects.get(pk=person_at("operator", north).pk))
    with django_assert_max_num_queries(3):  # groups, own permissions, memberships
        for station in stations:
            access.on(SEND, station)
            access.somewhere(VIEW)


@pytest.mark.parametrize("who", ["operator", "administrator"])
def test_a_role_at_a_site_opens_neither_administration_nor_rest(stations, north, who):
    browser = browser_of(person_at(who, north))
    assert browser.get(reverse("admin:stations_chargepoint_changelist")).status_code == 302
    assert browser.get(reverse("admin:index")).status_code == 302
    for path in ("charge-points", "transactions", "id-tags", "commands"):
        assert browser.get(f"/api/v1/{path}").status_code in (403, 404), path


def test_every_request_has_its_access(north, rf):
    response = browser_of(person_at("operator", north)).get("/nowhere/")
    assert response.wsgi_request.access.at(SEND, north.pk)


def test_a_site_with_people_can_go_and_takes_their_roles_along(north):
    user = person_at("operator", north)
    north.delete()
    assert not access_of(user).is_operator_side
    assert not ChargePoint.objects.exists()
