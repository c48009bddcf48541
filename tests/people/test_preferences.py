"""A person's own language and time zone."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone, translation

from people.middleware import PreferencesMiddleware
from people.models import Preferences

from . import browser, person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def as_before():
    """Requests leave their language behind, as Django's own middleware does."""
    language = translation.get_language()
    yield
    translation.activate(language)


def page(who: str = "viewer", **headers: str) -> str:
    return browser(who).get(reverse("admin:index"), headers=headers).content.decode()


def test_the_browsers_language_counts_until_one_is_chosen():
    assert '<html lang="de"' in page(accept_language="de")
    Preferences.objects.create(user=person("viewer"), language="en")
    assert '<html lang="en"' in page(accept_language="de")


def test_the_answer_says_in_which_language_it_is():
    Preferences.objects.create(user=person("viewer"), language="de")
    response = browser("viewer").get(reverse("admin:index"), headers={"accept-language": "en"})
    assert response["Content-Language"] == "de"


def test_the_next_request_is_in_its_own_language_and_zone():
    Preferences.objects.create(user=person("viewer"), language="de", time_zone="Asia/Tokyo")
    page(accept_language="en")
    assert '<html lang="en"' in page("operator", accept_language="en")
    assert timezone.get_current_timezone_name() == timezone.get_default_timezone_name()


def zone_during(user, rf) -> str:
    request = rf.get("/")
    request.user = user
    answer = PreferencesMiddleware(lambda _request: HttpResponse(timezone.get_current_timezone_name()))(request)
    return answer.content.decode()


def test_times_are_in_the_persons_zone(rf):
    Preferences.objects.create(user=person("viewer"), time_zone="Asia/Tokyo")
    assert zone_during(person("viewer"), rf) == "Asia/Tokyo"
    assert zone_during(person("operator"), rf) == timezone.get_default_timezone_name()
    assert zone_during(AnonymousUser(), rf) == timezone.get_default_timezone_name()


@pytest.mark.parametrize("lost", ["Mars/Olympus", "../etc/passwd", "\0", "x" * 64])
def test_a_zone_the_machine_does_not_know_is_the_servers(lost):
    row = Preferences(user=person("viewer"), time_zone=lost)
    with pytest.raises(ValidationError):
        row.full_clean()
    if "\0" not in lost:
        row.save()
        assert browser("viewer").get(reverse("admin:index")).status_code == 200
