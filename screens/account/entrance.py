"""From the password to being logged in: at once, or by way of a code."""

from __future__ import annotations

import time
from typing import Any

from django.contrib.auth import login
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django_otp.plugins.otp_totp.models import TOTPDevice

from people import audit, second_factor
from people.access import access_of

BACKEND = "django.contrib.auth.backends.ModelBackend"
#: For so long a password that was shown waits for its code.
PATIENCE_S = 600
_WAITING = "waiting_for_code"


def come_in(request: HttpRequest, user: User, target: str = "") -> HttpResponse:
    """Log in whoever has shown the password, or ask for their second factor first.

    `target` is where they wanted to go, checked already; "" is the first page of their role.
    """
    if second_factor.authenticator_of(user) is None:
        login(request, user, backend=BACKEND)
        audit.record(audit.Event.LOGIN, user)
        return HttpResponseRedirect(target or first_page(user))
    request.session.flush()  # nobody is logged in between, and the session's key is a new one
    request.session[_WAITING] = {
        "user": user.pk,
        "password": user.get_session_auth_hash(),
        "at": int(time.time()),
        "target": target,
    }
    return redirect("screens:login_code")


def waiting(request: HttpRequest) -> User | None:
    """Whose password was shown a short while ago in this browser, still good and theirs."""
    entry: dict[str, Any] = request.session.get(_WAITING) or {}
    if not entry or time.time() - entry["at"] > PATIENCE_S:
        return None
    user = User.objects.filter(pk=entry["user"], is_active=True).first()
    if user is None or not constant_time_compare(entry["password"], user.get_session_auth_hash()):
        return None
    return user


def come_in_with(request: HttpRequest, user: User, device: TOTPDevice) -> HttpResponse:
    """Log in whoever was `waiting` and has shown the code."""
    entry = request.session.pop(_WAITING)
    login(request, user, backend=BACKEND)
    second_factor.passed(request.session, device)
    audit.record(audit.Event.LOGIN, user, second_factor=True)
    return HttpResponseRedirect(entry["target"] or first_page(user))


def first_page(user: Any) -> str:
    """Operators begin at the overview, those who only charge at their own sessions."""
    return reverse("screens:overview" if access_of(user).is_operator_side else "screens:mine")
