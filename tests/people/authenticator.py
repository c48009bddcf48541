"""A phone with an authenticator app, and a clock that moves when a test says so."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from people import second_factor

from . import PASSWORD

NOON = 1_795_000_000.0


class Phone:
    """`phone.code()` is what the app shows now; `phone.wait()` lets half a minute pass on both clocks."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = NOON
        self.key = second_factor.new_key()
        self.codes: list[str] = []
        monkeypatch.setattr("django_otp.plugins.otp_totp.models.time", SimpleNamespace(time=lambda: self.now))

    def code(self, steps: int = 0) -> str:
        app = TOTP(bytes.fromhex(self.key))
        app.time = self.now + 30 * steps
        return f"{app.token():06}"

    def wrong(self) -> str:
        """Six digits that are right at no moment near this one."""
        near = {self.code(steps) for steps in range(-3, 4)}
        return next(code for code in (f"{number:06}" for number in range(0, 999_999, 111_111)) if code not in near)

    def wait(self, steps: int = 1) -> None:
        self.now += 30 * steps

    def set_up(self, user: User) -> TOTPDevice:
        """Make this phone the person's second factor, with `codes` on paper, and wait for the next code."""
        made = second_factor.set_up(user, self.key, self.code())
        assert made is not None
        device, self.codes = made
        self.wait()
        return device

    @staticmethod
    def forgive(user: User) -> None:
        """As if the time had passed for which wrong codes make the next one wait."""
        TOTPDevice.objects.filter(user=user).update(throttling_failure_timestamp=None)


def with_password(user: User) -> User:
    user.set_password(PASSWORD)
    user.save()
    return user


def show_password(client: Client, user: User, **more: str):
    return client.post("/login/", {"username": user.username, "password": PASSWORD, **more})


def show_code(client: Client, code: str):
    return client.post("/login/code/", {"code": code})
