"""What people leave behind is forgotten in time, by the clock."""

from __future__ import annotations

from datetime import timedelta

import pytest
from auditlog.models import LogEntry
from axes.models import AccessAttempt, AccessLog
from django.contrib.admin.models import CHANGE
from django.contrib.admin.models import LogEntry as AdminLogEntry
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from people import retention
from plugcontrol.clockwork import JOBS, run_once
from transactions.models import IdTag

from . import person
from .authenticator import show_password, with_password

pytestmark = pytest.mark.django_db
[JOB] = [job for job in JOBS if job.name == "old history is deleted"]


@pytest.fixture
def histories():
    """A line of each history from 400 days ago and one of today."""
    anna = with_password(person("operator"))
    tags = [IdTag.objects.create(id_tag=number) for number in ("OLD", "NEW")]
    AdminLogEntry.objects.log_actions(anna.pk, tags, CHANGE, change_message="x")
    for _visit in range(2):
        show_password(Client(), anna)
    long_ago = timezone.now() - timedelta(days=400)
    LogEntry.objects.exclude(object_repr="NEW").update(timestamp=long_ago)
    AdminLogEntry.objects.filter(object_repr="OLD").update(action_time=long_ago)
    AccessLog.objects.filter(pk=AccessLog.objects.latest("pk").pk).update(attempt_time=long_ago)
    return LogEntry, AdminLogEntry, AccessLog


def test_history_is_kept_for_good_unless_somebody_says_how_long(histories, settings):
    before = [model.objects.count() for model in histories]
    settings.HISTORY_RETENTION_DAYS = 0
    assert run_once(JOB) == 0
    settings.HISTORY_RETENTION_DAYS = 401
    assert run_once(JOB) == 0
    assert [model.objects.count() for model in histories] == before
    settings.HISTORY_RETENTION_DAYS = 365
    assert run_once(JOB) == sum(before) - 3
    assert [model.objects.count() for model in histories] == [1, 1, 1]
    assert LogEntry.objects.get().object_repr == AdminLogEntry.objects.get().object_repr == "NEW"


def test_much_is_deleted_in_bites(histories, settings, monkeypatch):
    monkeypatch.setattr(retention, "BITE", 2)
    settings.HISTORY_RETENTION_DAYS = 365
    rounds = []
    while deleted := run_once(JOB):
        rounds.append(deleted)
    assert len(rounds) > 1
    assert max(rounds) <= 2 * len(histories)
    assert LogEntry.objects.count() == 1


def test_sessions_that_are_over_go(settings):
    anna = with_password(person("operator"))
    stays, goes = Client(), Client()
    for client in (stays, goes):
        show_password(client, anna)
    Session.objects.filter(pk=goes.session.session_key).update(expire_date=timezone.now() - timedelta(seconds=1))
    run_once(JOB)
    assert [session.pk for session in Session.objects.all()] == [stays.session.session_key]
    assert stays.get("/account/").status_code == 200


def test_failed_logins_go_when_they_count_no_more():
    person("operator")
    Client().post("/login/", {"username": "my password by mistake", "password": "x"})
    run_once(JOB)
    assert AccessAttempt.objects.count() == 1
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    run_once(JOB)
    assert not AccessAttempt.objects.exists()
