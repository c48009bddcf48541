"""Coming in, going out, one's own account."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import translation

from people.models import Preferences
from stations.models import Site
from transactions.models import IdTag

from ..people import PASSWORD, browser, browser_of, holder, person, person_at

pytestmark = pytest.mark.django_db

LOGIN, LOGOUT, ACCOUNT = "/login/", "/logout/", "/account/"


@pytest.fixture(autouse=True)
def as_before():
    """Requests leave their language behind, as Django's own middleware does."""
    language = translation.get_language()
    yield
    translation.activate(language)


@pytest.fixture
def anna():
    user = person("viewer")
    user.set_password(PASSWORD)
    user.save()
    return user


def log_in(client: Client, username: str = "viewer", password: str = PASSWORD, **more: str):
    return client.post(LOGIN, {"username": username, "password": password, **more})


def test_without_any_user_the_login_leads_to_the_set_up():
    assert Client().get(LOGIN)["Location"] == "/setup/"


def test_the_login_leads_back_to_where_one_wanted_to_go(anna):
    client = Client()
    response = client.get("/transactions/?period=today")
    assert response["Location"] == "/login/?next=/transactions/%3Fperiod%3Dtoday"
    page = client.get(response["Location"]).content.decode()
    assert 'value="/transactions/?period=today"' in page
    assert log_in(client, next="/transactions/?period=today")["Location"] == "/transactions/?period=today"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_the_login_leads_nowhere_else(anna, elsewhere):
    assert log_in(Client(), next=elsewhere)["Location"] == "/"


@pytest.mark.parametrize(
    ("who", "first"), [("viewer", "/"), ("of a site", "/"), ("holder", "/mine/"), ("nobody", "/mine/")]
)
def test_everybody_begins_at_their_own_first_page(who, first):
    user = {
        "viewer": lambda: person("viewer"),
        "of a site": lambda: person_at("viewer", Site.objects.create(name="North")),
        "holder": lambda: holder(IdTag.objects.create(id_tag="CAFE")),
        "nobody": lambda: User.objects.create_user("nobody"),
    }[who]()
    user.set_password(PASSWORD)
    user.save()
    client = Client()
    assert log_in(client, user.username)["Location"] == first
    assert client.get(first, follow=True).status_code == 200
    assert client.get(LOGIN)["Location"] == first


def test_a_wrong_password_is_said_and_the_name_stays(anna):
    response = log_in(Client(), password="wrong")
    page = response.content.decode()
    assert "correct username and password" in page
    assert 'value="viewer"' in page


def test_a_deactivated_person_stays_out(anna):
    anna.is_active = False
    anna.save()
    assert log_in(Client()).status_code == 200


def test_guessing_is_slowed_down_and_explained(anna):
    client = Client()
    for _attempt in range(9):
        assert log_in(client, password="wrong").status_code == 200
    locked = log_in(client, password="wrong")
    assert locked.status_code == 429
    assert b"Wait a little" in locked.content
    assert log_in(client).status_code == 429
    assert Client().post("/admin/login/", {"username": "viewer", "password": PASSWORD}).status_code == 429


def test_the_login_needs_the_csrf_token(anna):
    assert log_in(Client(enforce_csrf_checks=True)).status_code == 403


def test_logging_out_takes_a_post():
    client = browser("viewer")
    assert client.get(LOGOUT).status_code == 405
    assert client.get(ACCOUNT).status_code == 200
    assert client.post(LOGOUT)["Location"] == LOGIN
    assert client.get(ACCOUNT)["Location"].startswith(LOGIN)


def test_the_administrations_own_login_still_works(anna):
    client = Client()
    response = client.post(
        "/admin/login/?next=/admin/stations/site/", {"username": "viewer", "password": PASSWORD, "next": "/admin/"}
    )
    assert response.status_code == 302
    assert client.get(reverse("admin:index")).status_code == 200


def test_who_is_not_let_into_the_administration_is_told_so():
    client = browser_of(person_at("operator", Site.objects.create(name="North")))
    response = client.get(reverse("admin:index"), follow=True)
    assert response.redirect_chain == [("/admin/login/?next=/admin/", 302)]
    assert "not authorized" in response.content.decode()


def test_the_account_says_what_one_is():
    assert "Operator" in browser("operator").get(ACCOUNT).content.decode()
    site = Site.objects.create(name="North")
    assert "Viewer at North" in browser_of(person_at("viewer", site)).get(ACCOUNT).content.decode()
    assert "Tag holder" in browser_of(holder()).get(ACCOUNT).content.decode()
    nobody = browser_of(User.objects.create_user("nobody"))
    assert "an administrator gives roles" in nobody.get(ACCOUNT).content.decode()


def test_language_and_zone_are_ones_own():
    client = browser("viewer")
    response = client.post(ACCOUNT, {"language": "de", "time_zone": "Asia/Tokyo"}, follow=True)
    assert '<html lang="de"' in response.content.decode()
    row = Preferences.objects.get()
    assert (row.user.username, row.language, row.time_zone) == ("viewer", "de", "Asia/Tokyo")
    assert not Preferences.objects.filter(user=person("operator")).exists()
    client.post(ACCOUNT, {"language": "", "time_zone": ""})
    row.refresh_from_db()
    assert (row.language, row.time_zone) == ("", "")


@pytest.mark.parametrize("wrong", [{"language": "xx"}, {"time_zone": "Mars/Olympus"}, {"time_zone": "\0"}])
def test_a_language_or_zone_that_does_not_exist_is_refused(wrong):
    response = browser("viewer").post(ACCOUNT, {"language": "de", "time_zone": "UTC", **wrong})
    assert response.status_code == 422
    assert 'class="errorlist"' in response.content.decode()
    assert not Preferences.objects.exists()


def test_the_password_is_changed_and_other_browsers_are_out(anna):
    here, elsewhere = browser_of(anna), browser_of(anna)
    new = "another horse battery staple"
    entries = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert here.post("/account/password/", entries)["Location"] == ACCOUNT
    anna.refresh_from_db()
    assert anna.check_password(new)
    assert here.get(ACCOUNT).status_code == 200
    assert elsewhere.get(ACCOUNT).status_code == 302


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"old_password": "no"}, "old password was entered incorrectly"),
        ({"new_password2": "different horse battery"}, "match"),
        ({"new_password1": "short", "new_password2": "short"}, "too short"),
    ],
)
def test_a_password_that_will_not_do_is_explained(anna, wrong, words):
    new = "another horse battery staple"
    entries = {"old_password": PASSWORD, "new_password1": new, "new_password2": new, **wrong}
    response = browser_of(anna).post("/account/password/", entries)
    assert response.status_code == 422
    assert words in response.content.decode()
    anna.refresh_from_db()
    assert anna.check_password(PASSWORD)


@pytest.mark.parametrize("address", [ACCOUNT, "/account/password/"])
def test_the_account_is_for_who_is_logged_in(address):
    person("viewer")
    for method in ("get", "post"):
        assert getattr(Client(), method)(address)["Location"] == f"{LOGIN}?next={address}"
