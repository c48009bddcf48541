"""What administrators may do to people, and what nobody may."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator

from people import administration, cards
from people.administration import NotPossible, set_global_role
from people.roles import HOLDERS, Role
from transactions.models import IdTag

from . import PASSWORD, person

pytestmark = pytest.mark.django_db


def made(username: str, role: str = "", **fields) -> User:
    """A user who can log in."""
    user = User.objects.create_user(username, password=PASSWORD, **fields)
    if role:
        set_global_role(user, role, by=person("administrator"))
    return user


@pytest.fixture
def admin():
    user = person("administrator")
    user.set_password(PASSWORD)
    user.save()
    return user


@pytest.mark.parametrize("role", [*Role.values, HOLDERS, ""])
def test_a_person_has_one_role_for_all_sites(admin, role):
    user = made("anna", "Operators")
    set_global_role(user, role, by=admin)
    user = User.objects.get(pk=user.pk)
    assert administration.global_role(user) == role
    assert [group.name for group in user.groups.all()] == ([role] if role else [])
    assert user.is_staff == (role in Role.values)


def test_other_groups_stay(admin):
    user = made("anna", "Operators")
    own = user.groups.create(name="Night shift")
    set_global_role(user, "Viewers", by=admin)
    assert own in user.groups.all()


def test_an_administrator_keeps_their_own_role_and_account(admin):
    made("second", "Administrators")
    with pytest.raises(NotPossible, match="from yourself"):
        set_global_role(admin, "Operators", by=admin)
    with pytest.raises(NotPossible, match="deactivate yourself"):
        administration.deactivate(admin, by=admin)
    admin.refresh_from_db()
    assert admin.is_active
    assert administration.global_role(admin) == "Administrators"


def test_the_last_administrator_stays(admin):
    last = made("last", "Administrators")
    User.objects.filter(pk=admin.pk).update(is_active=False)  # shut out at the same moment
    for change in (lambda: set_global_role(last, "", by=admin), lambda: administration.deactivate(last, by=admin)):
        with pytest.raises(NotPossible, match="last administrator"):
            change()
    last.refresh_from_db()
    assert last.is_active
    assert last in administration.administrators()


def test_who_cannot_log_in_is_no_last_administrator(admin):
    last = made("last", "Administrators")
    User.objects.filter(pk=admin.pk).delete()
    invited = User.objects.create_user("invited")
    program = User.objects.create_user("api-billing")
    for user in (invited, program):
        set_global_role(user, "Administrators", by=last)
    assert [*administration.administrators()] == [last]
    with pytest.raises(NotPossible, match="last administrator"):
        administration.deactivate(last, by=invited)


def test_another_administrator_can_be_demoted_and_shut_out(admin):
    other = made("other", "Administrators")
    administration.deactivate(other, by=admin)
    assert not User.objects.get(pk=other.pk).is_active
    administration.reactivate(other, by=admin)
    set_global_role(other, "Viewers", by=admin)
    assert User.objects.get(pk=other.pk).is_active
    assert [*administration.administrators()] == [admin]


def test_only_a_superuser_changes_a_superuser(admin):
    root = User.objects.create_superuser("root", password=PASSWORD)
    changes = [
        lambda by: set_global_role(root, "Viewers", by=by),
        lambda by: administration.deactivate(root, by=by),
        lambda by: administration.reactivate(root, by=by),
        lambda by: administration.invitation(root, by=by),
    ]
    for change in changes:
        with pytest.raises(NotPossible, match="Only a superuser"):
            change(admin)
    set_global_role(root, "Viewers", by=User.objects.create_superuser("other", password=PASSWORD))
    root = User.objects.get(pk=root.pk)
    assert (root.is_superuser, administration.global_role(root)) == (False, "Viewers")


def test_an_invitation_is_good_once(admin):
    user = User.objects.create_user("anna")
    _uid, token = administration.invitation(user, by=admin)
    assert default_token_generator.check_token(user, token)
    user.set_password(PASSWORD)
    user.save()
    assert not default_token_generator.check_token(user, token)


def test_nobody_is_invited_to_a_closed_account(admin):
    with pytest.raises(NotPossible, match="deactivated"):
        administration.invitation(made("anna", is_active=False), by=admin)


def test_a_tag_is_linked_by_its_number_in_any_case():
    anna = made("anna")
    tag = IdTag.objects.create(id_tag="CaFe")
    assert cards.link_tag(anna, " cafe ") == tag
    tag.refresh_from_db()
    assert tag.user == anna
    assert cards.link_tag(anna, "CAFE") == tag


def test_a_tag_of_somebody_else_is_not_taken():
    tag = IdTag.objects.create(id_tag="CAFE", user=made("anna"))
    with pytest.raises(NotPossible, match="belongs to anna"):
        cards.link_tag(made("ben"), "CAFE")
    tag.refresh_from_db()
    assert tag.user.username == "anna"


@pytest.mark.parametrize("number", ["", "NEW", "OLD"])
def test_only_a_tag_in_use_can_be_linked(number):
    IdTag.objects.create(id_tag="OLD", archived_at="2026-11-21T12:00:00Z")
    with pytest.raises(NotPossible, match="no tag"):
        cards.link_tag(made("anna"), number)
