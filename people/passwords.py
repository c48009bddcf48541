"""Passwords that lists of broken-into sites begin with, in the disguises that people put them in.

Django's list of 20,000 common ones knows few of twelve characters; guessing programs make those from the short ones, by
doubling them and by adding a year or an exclamation mark. So do we, before we say yes.
"""

from __future__ import annotations

import re
from functools import cache

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

MIN_DIFFERENT = 5
#: The year and the exclamation mark. The last ones from where they begin: tried at each, a page full of digits with a
#: letter behind them would keep the server busy for a day.
_AROUND = re.compile(r"^[\W\d_]+|(?<![\W\d_])[\W\d_]+$")
_ROWS = ("abcdefghijklmnopqrstuvwxyz", "0123456789", "qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm")
_RUNS = [doubled for row in _ROWS for doubled in (row * 2, row[::-1] * 2)]
_LIKE_LETTERS = str.maketrans("013457@$!", "oleastasi")
#: What somebody types who is asked for a password for this.
_OURS = {"plugcontrol", "charger", "charging", "chargepoint", "chargingstation", "ladestation", "wallbox", "passwort"}


@cache
def _common() -> frozenset[str]:
    return frozenset(CommonPasswordValidator().passwords)


def is_easy(password: str) -> bool:
    """Whether a guessing program tries it within its first millions."""
    text = re.sub(r"\s", "", password.lower())
    return len(set(text)) < MIN_DIFFERENT or any(map(_is_known, {text, text.translate(_LIKE_LETTERS)}))


def _is_known(text: str) -> bool:
    core = _AROUND.sub("", text)
    return any(_is_word(_once(candidate)) for candidate in {text, core} if candidate)


def _is_word(text: str) -> bool:
    return text in _common() or text in _OURS or (len(text) > 3 and any(text in run for run in _RUNS))


def _once(text: str) -> str:
    """What a text repeats, or the text: `passpasspass` → `pass`."""
    period = (text * 2).find(text, 1)
    return text[:period]


class EasyPasswordValidator:
    """For AUTH_PASSWORD_VALIDATORS."""

    def validate(self, password: str, user: User | None = None) -> None:
        if is_easy(password):
            raise ValidationError(_("This password is one of the first that are tried."), code="password_too_easy")

    def get_help_text(self) -> str:
        return _("Your password can’t be a common one with a number behind it, or a row of keys. Four words will do.")
