"""The second factor: set up, asked for, replaced by paper, taken away; and nothing that gets past it."""

from __future__ import annotations

import base64
import re
import threading

import pytest
from auditlog.models import LogEntry
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from people import second_factor
from people.access import access_of
from people.administration import invitation
from plugcontrol.setup import setup_token
from screens.live.viewer import viewer_of
from stations.models import Site
from transactions.models import IdTag

from . import PASSWORD, browser_of, holder, person, person_at
from .authenticator import Phone, show_code, show_password, with_password

pytestmark = pytest.mark.django_db

ACCOUNT, SET_UP, CODE, LOGIN = "/account/", "/account/second-factor/", "/login/code/", "/login/"
CODES, REMOVE = f"{SET_UP}codes/", f"{SET_UP}remove/"


@pytest.fixture
def phone(monkeypatch):
    return Phone(monkeypatch)


@pytest.fixture
def anna():
    return with_password(person("operator"))


@pytest.fixture
def required(settings):
    settings.REQUIRE_SECOND_FACTOR = "staff"


def words(response) -> str:
    return " ".join(response.content.decode().split())


def is_in(client: Client) -> bool:
    return client.get(ACCOUNT).status_code == 200


def key_on(page: str) -> str:
    """The secret that a page offers, in hex."""
    found = re.search(r'id="second-factor-key">([A-Z2-7 ]+)<', page)
    assert found is not None
    return base64.b32decode(found[1].replace(" ", "")).hex()


def codes_on(page: str) -> list[str]:
    """The recovery codes that a page shows."""
    found = re.search(r'<pre id="recovery-codes"[^>]*>([^<]*)<', page)
    return found[1].split() if found else []


# setting it up


def test_it_is_set_up_with_a_picture_and_a_code(anna, phone):
    client, elsewhere = browser_of(anna), browser_of(anna)
    page = words(client.get(SET_UP))
    assert 'src="data:image/svg+xml' in page
    assert "otpauth://totp/plugcontrol%3Aoperator?secret=" in page
    phone.key = key_on(page)
    assert key_on(words(client.get(SET_UP))) == phone.key  # a reload does not undo the scan
    shown = words(client.post(SET_UP, {"code": f"{phone.code()[:3]} {phone.code()[3:]}"}))
    codes = codes_on(shown)
    assert len(set(codes)) == second_factor.RECOVERY_CODES
    assert is_in(client)
    assert not is_in(elsewhere)
    later = words(client.get(SET_UP))
    assert not any(code in later for code in codes)
    assert "otpauth" not in later
    assert "On" in later


def test_a_wrong_code_sets_nothing_up(anna, phone):
    client = browser_of(anna)
    phone.key = key_on(words(client.get(SET_UP)))
    response = client.post(SET_UP, {"code": phone.wrong()})
    assert response.status_code == 422
    assert "not the code of now" in words(response)
    assert not TOTPDevice.objects.exists()
    assert not StaticToken.objects.exists()
    assert client.post(SET_UP, {"code": phone.code()}).status_code == 200


@pytest.mark.parametrize("code", ["", "abc", "\0", "1" * 41, "１２３４５６", "-12345", "9" * 40])
def test_what_is_no_code_is_refused_in_words(anna, phone, code):
    client = browser_of(anna)
    assert client.post(SET_UP, {"code": code}).status_code == 422
    phone.set_up(anna)
    client = Client()
    show_password(client, anna)
    response = show_code(client, code)
    assert response.status_code == 422
    assert 'class="errorlist"' in response.content.decode()
    assert not is_in(client)


def test_a_second_tab_cannot_set_up_a_second_one(anna, phone):
    client = browser_of(anna)
    phone.key = key_on(words(client.get(SET_UP)))
    client.post(SET_UP, {"code": phone.code()})
    assert client.post(SET_UP, {"code": phone.code()})["Location"] == SET_UP
    assert second_factor.set_up(anna, second_factor.new_key(), phone.code()) is None
    assert TOTPDevice.objects.count() == 1


def test_the_secret_is_in_no_history_and_on_no_page_of_the_administration(anna, phone):
    device = phone.set_up(anna)
    rows = LogEntry.objects.filter(object_repr__contains="(operator)")
    assert {row.object_repr for row in rows} == {"Authenticator (operator)", "Recovery codes (operator)"}
    assert not any(device.key in str(row.changes) for row in LogEntry.objects.all())
    assert not {TOTPDevice, StaticDevice} & set(admin.site._registry)


def test_recovery_codes_are_not_stored(anna, phone):
    phone.set_up(anna)
    stored = set(StaticToken.objects.values_list("token", flat=True))
    assert len(stored) == second_factor.RECOVERY_CODES
    assert not stored & {code.replace("-", "") for code in phone.codes}


# the step after the password


def test_the_code_is_asked_for_after_the_password(anna, phone):
    phone.set_up(anna)
    client = Client()
    assert show_password(client, anna, next="/transactions/?period=today")["Location"] == CODE
    assert client.get("/transactions/")["Location"].startswith(LOGIN)
    assert "_auth_user_id" not in client.session
    assert show_code(client, phone.wrong()).status_code == 422
    assert not is_in(client)
    phone.forgive(anna)
    assert show_code(client, phone.code())["Location"] == "/transactions/?period=today"
    assert is_in(client)
    assert client.get(CODE)["Location"] == "/"


def test_without_the_password_no_code_is_asked_for(anna, phone):
    phone.set_up(anna)
    client = Client()
    assert client.get(CODE)["Location"] == LOGIN
    assert show_code(client, phone.code())["Location"] == LOGIN
    assert not is_in(client)


def test_a_code_counts_once(anna, phone):
    phone.set_up(anna)
    first, second = Client(), Client()
    show_password(first, anna)
    show_password(second, anna)
    code = phone.code()
    assert show_code(first, code).status_code == 302
    assert "has been used" in words(show_code(second, code))
    phone.forgive(anna)
    assert show_code(second, phone.code(-1)).status_code == 422  # nor an older one
    phone.forgive(anna)
    phone.wait()
    assert show_code(second, phone.code()).status_code == 302


@pytest.mark.parametrize(("steps", "is_right"), [(-2, False), (-1, True), (1, True), (2, False)])
def test_a_clock_may_be_half_a_minute_off(anna, phone, steps, is_right):
    phone.set_up(anna)
    phone.wait(5)
    assert (second_factor.verify(anna, phone.code(steps)) is not None) == is_right


def test_a_wrong_code_makes_the_next_one_wait(anna, phone):
    phone.set_up(anna)
    client = Client()
    show_password(client, anna)
    for _attempt in range(2):
        show_code(client, phone.wrong())
        phone.forgive(anna)
    show_code(client, phone.wrong())
    refused = show_code(client, phone.code())
    assert refused.status_code == 422
    assert re.search(r"Wait [1-4] seconds?\.", words(refused))
    phone.forgive(anna)
    assert show_code(client, phone.code()).status_code == 302
    assert TOTPDevice.objects.get().throttling_failure_count == 0


def test_wrong_codes_lock_the_name_as_wrong_passwords_do(anna, phone):
    phone.set_up(anna)
    client = Client()
    show_password(client, anna)
    statuses = []
    for _attempt in range(10):
        phone.forgive(anna)
        statuses.append(show_code(client, phone.wrong()).status_code)
    assert statuses == [422] * 9 + [429]
    phone.forgive(anna)
    assert show_code(client, phone.code()).status_code == 429
    assert show_password(Client(), anna).status_code == 429


@pytest.mark.parametrize("change", ["time", "password", "deactivated", "removed"])
def test_what_waits_for_a_code_ends(anna, phone, monkeypatch, change):
    phone.set_up(anna)
    client = Client()
    show_password(client, anna)
    match change:
        case "time":
            monkeypatch.setattr("screens.account.entrance.PATIENCE_S", -1)
        case "password":
            anna.set_password("another horse battery staple")
        case "deactivated":
            anna.is_active = False
        case "removed":
            second_factor.remove(anna)
    anna.save()
    assert show_code(client, phone.code()).status_code in (302, 422)
    assert not is_in(client)


@pytest.mark.parametrize("spelling", [str, str.upper, lambda code: code.replace("-", ""), lambda code: f" {code} "])
def test_a_recovery_code_counts_once(anna, phone, spelling):
    phone.set_up(anna)
    client = Client()
    show_password(client, anna)
    assert show_code(client, spelling(phone.codes[3])).status_code == 302
    assert "used up. 9 are left" in words(client.get(ACCOUNT))
    again = Client()
    show_password(again, anna)
    assert show_code(again, phone.codes[3]).status_code == 422
    assert not is_in(again)


def test_a_recovery_code_is_nobody_elses(anna, phone, monkeypatch):
    phone.set_up(anna)
    other = with_password(person("viewer"))
    Phone(monkeypatch).set_up(other)
    client = Client()
    show_password(client, other)
    assert show_code(client, phone.codes[0]).status_code == 422


@pytest.mark.django_db(transaction=True)
def test_of_two_who_show_the_same_recovery_code_one_is_let_in(phone):
    from django.db import connection

    anna = with_password(person("operator"))
    phone.set_up(anna)
    together, found = threading.Barrier(2), []

    def show() -> None:
        together.wait()
        try:
            found.append(second_factor.verify(anna, phone.codes[0]) is not None)
        except second_factor.TooSoon:
            found.append(False)
        finally:
            connection.close()

    threads = [threading.Thread(target=show) for _number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(found) == [False, True]


# other doors


def test_the_administrations_login_asks_too(anna, phone):
    phone.set_up(anna)
    client = Client()
    assert client.get("/admin/stations/site/")["Location"] == "/admin/login/?next=/admin/stations/site/"
    assert client.get("/admin/login/?next=/admin/stations/site/")["Location"] == "/login/?next=/admin/stations/site/"
    response = client.post("/admin/login/", {"username": anna.username, "password": PASSWORD, "next": "/admin/"})
    assert response["Location"] == CODE
    assert client.get("/admin/").status_code == 302
    assert show_code(client, phone.code())["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_a_link_for_a_new_password_asks_too(anna, phone):
    phone.set_up(anna)
    client = Client()
    page = client.get(reverse("screens:set_password", args=invitation(anna, by=person("administrator"))), follow=True)
    new = "another horse battery staple"
    response = client.post(page.request["PATH_INFO"], {"new_password1": new, "new_password2": new})
    assert response["Location"] == CODE
    assert not is_in(client)
    anna.refresh_from_db()
    assert anna.check_password(new)
    assert show_code(client, phone.code()).status_code == 302
    assert is_in(client)


def test_sessions_of_before_are_worth_nothing(anna, phone):
    """Pages, administration, REST and open pages alike: a session is good for the authenticator it has passed."""
    clients = [browser_of(anna) for _door in range(4)]
    keys = [client.session.session_key for client in clients]
    assert viewer_of(keys[3]) is not None
    phone.set_up(anna)
    page, administration, rest, _live = clients
    assert page.get("/chargers/")["Location"].startswith(LOGIN)
    assert administration.get("/admin/")["Location"].startswith("/admin/login/")
    assert rest.get("/api/v1/charge-points/").status_code in (401, 403)
    assert viewer_of(keys[3]) is None


def test_a_session_is_not_good_for_the_next_authenticator(anna, phone, monkeypatch):
    phone.set_up(anna)
    client = Client()
    show_password(client, anna)
    show_code(client, phone.code())
    assert viewer_of(client.session.session_key) is not None
    second_factor.remove(anna)
    Phone(monkeypatch).set_up(anna)
    assert viewer_of(client.session.session_key) is None
    assert not is_in(client)


def test_a_key_of_the_rest_api_needs_none(phone, required):
    from ..api.conftest import make_key, program

    key = make_key()
    assert program(key).get("/api/v1/charge-points/").status_code == 200
    phone.set_up(person("administrator"))
    assert program(key).get("/api/v1/charge-points/").status_code == 200


# where it is required


@pytest.mark.parametrize("who", ["viewer", "operator", "administrator", "of a site", "superuser"])
def test_who_has_none_gets_no_further_than_setting_it_up(required, phone, who):
    user = {
        "of a site": lambda: person_at("operator", Site.objects.create(name="North")),
        "superuser": lambda: User.objects.create_superuser("root"),
    }.get(who, lambda: person(who))()
    client = browser_of(with_password(user))
    for address in ("/", "/chargers/", ACCOUNT, "/account/password/", CODES, "/admin/", "/admin/login/", "/mine/"):
        response = client.get(address)
        assert (response.status_code, response.get("Location")) == (302, SET_UP), address
    assert client.post("/chargers/selected/").get("Location") == SET_UP
    assert client.get("/api/v1/charge-points/").status_code in (401, 403)
    assert viewer_of(client.session.session_key) is None
    page = words(client.get(SET_UP))
    assert "needs a second factor" in page
    assert 'id="live"' not in page
    phone.key = key_on(page)
    client.post(SET_UP, {"code": phone.code()})
    assert client.get("/chargers/").status_code == 200
    assert viewer_of(client.session.session_key) is not None


def test_logging_out_is_always_possible(required):
    client = browser_of(person("viewer"))
    assert client.post("/logout/")["Location"] == LOGIN


def test_who_only_charges_needs_none(required):
    client = browser_of(holder(IdTag.objects.create(id_tag="CAFE")))
    assert client.get("/mine/").status_code == 200
    assert viewer_of(client.session.session_key) is not None


def test_a_role_that_is_given_asks_for_it_at_once(required):
    user = holder(IdTag.objects.create(id_tag="CAFE"))
    client = browser_of(user)
    assert client.get("/mine/").status_code == 200
    person_at("viewer", Site.objects.create(name="North")).memberships.update(user=user)
    assert client.get("/mine/")["Location"] == SET_UP


def test_the_first_administrator_sets_it_up_before_anything_else(required, phone):
    client = Client()
    entries = {"username": "root", "password1": PASSWORD, "password2": PASSWORD, "language": "en", "time_zone": "UTC"}
    response = client.post(f"/setup/?token={setup_token()}", entries)
    assert response["Location"] == "/welcome/"
    assert client.get("/welcome/")["Location"] == SET_UP
    phone.key = key_on(words(client.get(SET_UP)))
    client.post(SET_UP, {"code": phone.code()})
    assert client.get("/welcome/").status_code == 200


def test_nobody_needs_one_unless_it_is_asked_for(anna):
    assert not second_factor.is_required(access_of(anna))
    assert is_in(browser_of(anna))


# taking it away


def enter(client: Client, user: User, phone: Phone) -> None:
    show_password(client, user)
    show_code(client, phone.code())
    phone.wait()


def test_new_recovery_codes_take_a_code_and_void_the_old_ones(anna, phone):
    phone.set_up(anna)
    client = Client()
    enter(client, anna, phone)
    assert client.get(CODES).status_code == 200
    assert client.post(CODES, {"code": phone.wrong()}).status_code == 422
    phone.forgive(anna)
    shown = codes_on(words(client.post(CODES, {"code": phone.code()})))
    assert len(shown) == second_factor.RECOVERY_CODES
    assert second_factor.verify(anna, phone.codes[0]) is None
    StaticDevice.objects.update(throttling_failure_timestamp=None)
    assert second_factor.verify(anna, shown[0]) is not None
    assert is_in(client)


def test_ones_own_is_removed_with_a_code(anna, phone):
    phone.set_up(anna)
    client, elsewhere = Client(), Client()
    enter(client, anna, phone)
    enter(elsewhere, anna, phone)
    assert client.post(REMOVE, {"code": phone.wrong()}).status_code == 422
    phone.forgive(anna)
    assert client.post(REMOVE, {"code": phone.codes[0]})["Location"] == ACCOUNT
    assert second_factor.summary(anna) is None
    assert not StaticToken.objects.exists()
    assert is_in(client)
    assert not is_in(elsewhere)
    assert client.get(REMOVE)["Location"] == SET_UP


def test_an_administrator_removes_it_for_a_lost_phone(anna, phone):
    phone.set_up(anna)
    client = Client()
    enter(client, anna, phone)
    boss = browser_of(person("administrator"))
    assert "Remove the second factor" in words(boss.get(f"/people/{anna.pk}/"))
    assert boss.post(f"/people/{anna.pk}/second-factor/remove/")["Location"] == f"/people/{anna.pk}/"
    assert second_factor.summary(anna) is None
    assert not is_in(client)
    row = LogEntry.objects.filter(action=LogEntry.Action.DELETE, object_repr="Authenticator (operator)").get()
    assert row.actor == person("administrator")
    assert show_password(Client(), anna)["Location"] == "/"
    assert "has no second factor" in words(boss.post(f"/people/{anna.pk}/second-factor/remove/", follow=True))


def test_an_administrator_cannot_remove_their_own_so_nor_a_superusers(phone, monkeypatch):
    user = person("administrator")
    phone.set_up(user)
    client = Client()
    enter(client, with_password(user), phone)
    assert "Remove your own" in words(client.post(f"/people/{user.pk}/second-factor/remove/", follow=True))
    root = User.objects.create_superuser("root")
    Phone(monkeypatch).set_up(root)
    assert client.post(f"/people/{root.pk}/second-factor/remove/").status_code == 403
    assert second_factor.summary(user) is not None
    assert second_factor.summary(root) is not None


def test_the_command_line_removes_it_for_the_last_administrator(anna, phone, capsys):
    phone.set_up(anna)
    call_command("remove_second_factor", "operator")
    assert "Removed the second factor of operator" in capsys.readouterr().out
    assert second_factor.summary(anna) is None
    with pytest.raises(CommandError, match="has no second factor"):
        call_command("remove_second_factor", "operator")
    with pytest.raises(CommandError, match="nobody called"):
        call_command("remove_second_factor", "noone")


def test_it_costs_a_request_one_query(anna, django_assert_num_queries):
    client = browser_of(anna)
    session, access = dict(client.session), access_of(User.objects.get(pk=anna.pk))
    with django_assert_num_queries(1):
        second_factor.standing(session, access)
