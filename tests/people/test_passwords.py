"""What a password has to be, wherever one is chosen."""

from __future__ import annotations

import time

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from people.passwords import is_easy
from plugcontrol.setup import create_first_administrator

from . import PASSWORD, browser_of, person
from .authenticator import with_password

EASY = (
    *("password1234", "Password2026!", "passwordpassword", "P@ssw0rd1234", "123456789012", "qwertyuiop123"),
    *("qwertzuiopas", "abcdefghijkl", "zyxwvutsrqpo", "aaaaaaaaaaaa", "abababababab", "letmein12345!", "iloveyou2025"),
    *("plugcontrol1", "Ladestation2026", "charging!!!!!", "  password  12", "dragondragon", "welcome12345"),
)
GOOD = (PASSWORD, "correct horse battery", "Tr0mbone-above-the-lake", "kxv7-wq2p-9zrm", "vier wörter und ein fluss")


@pytest.mark.parametrize("password", EASY)
def test_a_common_password_in_disguise_is_refused(password):
    assert is_easy(password)
    with pytest.raises(ValidationError):
        validate_password(password)


@pytest.mark.parametrize("password", GOOD)
def test_a_good_one_is_not(password):
    validate_password(password)


def test_a_giant_one_is_judged_in_time():
    """Whatever a form may hold comes here: digits that are not at the end were looked at from each of them."""
    started = time.process_time()
    assert not is_easy("Tr0mbone" + "1" * 1_000_000 + "-above")
    assert time.process_time() - started < 5


@pytest.mark.parametrize("password", ["kxv7-wq2p-9", "837461928374", "\0" * 12, "operator-operator"])
def test_the_other_rules_hold_as_well(password):
    """Twelve characters, not of digits only, not like one's own name."""
    with pytest.raises(ValidationError):
        validate_password(password, person_like("operator-operator"))


def person_like(name: str):
    from django.contrib.auth.models import User

    return User(username=name)


@pytest.mark.django_db
def test_it_holds_for_ones_own_password_and_for_the_first_administrators():
    anna = with_password(person("operator"))
    entries = {"old_password": PASSWORD, "new_password1": "password1234", "new_password2": "password1234"}
    response = browser_of(anna).post("/account/password/", entries)
    assert response.status_code == 422
    assert "one of the first that are tried" in response.content.decode()
    anna.refresh_from_db()
    assert anna.check_password(PASSWORD)
    anna.delete()
    with pytest.raises(ValidationError, match="first that are tried"):
        create_first_administrator("root", "Password2026!")
