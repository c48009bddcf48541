"""A person's open pages hear when their rights change."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from people.models import Membership
from stations.models import Site

from . import PASSWORD, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def heard(monkeypatch):
    topics: list[str] = []
    monkeypatch.setattr("people.signals.changes.note", lambda *noted: topics.extend(noted))
    return topics


def test_a_role_at_a_site_is_told_when_it_comes_changes_and_goes(heard):
    user = person("viewer")
    del heard[:]
    membership = Membership.objects.create(user=user, site=Site.objects.create(name="North"), role="Viewers")
    membership.role = "Operators"
    membership.save()
    membership.delete()
    assert heard == [f"person:{user.pk}"] * 3


def test_groups_are_told_from_both_sides(heard):
    user, group = person("viewer"), Group.objects.create(name="G")
    del heard[:]
    user.groups.add(group)
    group.user_set.remove(user)
    assert set(heard) == {f"person:{user.pk}"}
    del heard[:]
    user.groups.clear()
    assert f"person:{user.pk}" in heard


def test_being_shut_out_and_logging_out_are_told(heard):
    user = person("viewer")
    user.set_password(PASSWORD)
    del heard[:]
    user.is_active = False
    user.save()
    assert heard == [f"person:{user.pk}"]
    user.is_active = True
    user.save()
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    del heard[:]
    client.logout()
    assert heard == [f"person:{user.pk}"]


def test_logging_in_is_not_told(heard):
    user = person("viewer")
    del heard[:]
    Client().force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    assert heard == []
