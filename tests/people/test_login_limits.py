"""Guessing at the login: ten tries for a name from an address, and nothing learnt from the answers."""

from __future__ import annotations

import re

import pytest
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from . import PASSWORD, person
from .authenticator import with_password

pytestmark = pytest.mark.django_db

LOGIN = "/login/"


@pytest.fixture
def anna():
    return with_password(person("operator"))


def attempt(username: str = "operator", password: str = "wrong", address: str = "192.0.2.1", **headers: str):
    return Client(REMOTE_ADDR=address, headers=headers).post(LOGIN, {"username": username, "password": password})


def without_chance(body: bytes, name: str) -> str:
    """A page without what differs every time: tokens and the name that was typed."""
    text = re.sub(r'(csrfmiddlewaretoken" value=|X-CSRFToken": ?)"[^"]*"', "", body.decode())
    return text.replace(name, "NAME")


def test_a_name_that_exists_is_answered_as_one_that_does_not(anna):
    for _number in range(9):
        known, unknown = attempt("operator"), attempt("stranger")
        assert (known.status_code, unknown.status_code) == (200, 200)
        assert without_chance(known.content, "operator") == without_chance(unknown.content, "stranger")
    known, unknown = attempt("operator"), attempt("stranger")
    assert (known.status_code, unknown.status_code) == (429, 429)
    assert without_chance(known.content, "operator") == without_chance(unknown.content, "stranger")


def test_the_lock_is_for_the_name_from_that_address_and_opens_by_itself(anna):
    for _number in range(10):
        attempt()
    assert attempt(password=PASSWORD).status_code == 429
    assert attempt(password=PASSWORD, address="192.0.2.2").status_code == 302
    AccessAttempt.objects.update(attempt_time=timezone.now() - timezone.timedelta(minutes=14))
    assert attempt(password=PASSWORD).status_code == 429
    AccessAttempt.objects.update(attempt_time=timezone.now() - timezone.timedelta(minutes=16))
    assert attempt(password=PASSWORD).status_code == 302


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip", "client-ip", "cf-connecting-ip"])
def test_no_header_makes_an_address_another_one(anna, header):
    """Behind a trusted proxy the server puts the proxy's word into REMOTE_ADDR; here nobody may speak for himself."""
    statuses = [attempt(**{header: f"198.51.100.{number}"}).status_code for number in range(10)]
    assert statuses == [200] * 9 + [429]
    assert {row.ip_address for row in AccessAttempt.objects.all()} == {"192.0.2.1"}


def test_what_was_typed_is_not_kept(anna):
    attempt(password="a secret that was mistyped")
    row = AccessAttempt.objects.get()
    assert "mistyped" not in row.post_data


@pytest.mark.parametrize("secure", [True, False])
def test_the_cookie_is_for_this_site_only_and_no_script_reads_it(anna, settings, secure):
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = secure
    client = Client()
    client.get(LOGIN)
    client.post(LOGIN, {"username": "operator", "password": PASSWORD})
    session, csrf = client.cookies["sessionid"], client.cookies["csrftoken"]
    assert (bool(session["secure"]), session["httponly"], session["samesite"]) == (secure, True, "Lax")
    assert (bool(csrf["secure"]), csrf["samesite"]) == (secure, "Lax")
    assert session["max-age"] == 8 * 3600


def test_a_session_is_new_at_the_login_and_gone_at_the_logout(anna):
    client = Client()
    planted = client.session  # as if somebody had slipped us a cookie
    planted["planted"] = True
    planted.save()
    client.cookies["sessionid"] = planted.session_key
    client.post(LOGIN, {"username": "operator", "password": PASSWORD})
    key = client.session.session_key
    assert key != planted.session_key
    assert not Session.objects.filter(session_key=planted.session_key).exists()
    client.post("/logout/")
    assert not Session.objects.filter(session_key=key).exists()
    assert not client.cookies["sessionid"].value
    thief = Client()
    thief.cookies["sessionid"] = key
    assert thief.get("/account/").status_code == 302
