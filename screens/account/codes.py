"""The second factor: setting it up, the step after the password, recovery codes, and taking it away."""

from __future__ import annotations

from base64 import b32encode
from datetime import datetime
from typing import Any

from axes.handlers.proxy import AxesProxyHandler
from axes.helpers import get_lockout_response
from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView
from django_otp.plugins.otp_totp.models import TOTPDevice

from people import second_factor
from people.second_factor import TooSoon

from ..chargers.connection import qr_of
from ..pages import FormPage
from .entrance import come_in_with, first_page, waiting

#: Where the secret waits until a code has shown that an app knows it.
_KEY = "second_factor_key"
_CODE = {"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false", "class": "mono"}


class CodeForm(forms.Form):
    """The code that the app shows now, or a recovery code."""

    code = forms.CharField(label=gettext_lazy("Code"), max_length=40, widget=forms.TextInput(_CODE))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})


class OnlyCode(CodeForm):
    """Where a code is all that is asked for: it can be typed at once."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs["autofocus"] = True


def _check(user: User, form: CodeForm) -> TOTPDevice | None:
    """The authenticator if the code is right; else None, and the form says why."""
    try:
        device = second_factor.verify(user, form.cleaned_data["code"])
    except TooSoon as refusal:
        form.add_error("code", ValidationError(_too_soon(refusal.until), code="too_soon"))
        return None
    if device is None and second_factor.is_recovery_code(form.cleaned_data["code"]):
        form.add_error("code", _("This recovery code is not right, or it has been used."))
    elif device is None:
        form.add_error("code", _("This code is not right, or it has been used. Wait for the next one."))
    return device


def _too_soon(until: datetime) -> str:
    seconds = max(1, int((until - timezone.now()).total_seconds()) + 1)
    if seconds < 120:
        words = ngettext(
            "There were wrong codes before. Wait %(count)s second.",
            "There were wrong codes before. Wait %(count)s seconds.",
            seconds,
        )
        return words % {"count": seconds}
    minutes = seconds // 60 + 1
    words = ngettext(
        "There were wrong codes before. Wait %(count)s minute, or use a recovery code.",
        "There were wrong codes before. Wait %(count)s minutes, or use a recovery code.",
        minutes,
    )
    return words % {"count": minutes}


@method_decorator([never_cache, sensitive_post_parameters()], name="dispatch")
class LoginCode(FormView):  # type: ignore[type-arg]
    """After the password; wrong codes count as wrong passwords do."""

    template_name = "screens/account/login_code.html"
    form_class = OnlyCode

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return redirect(first_page(request.user))
        self.person = waiting(request)
        if self.person is None:
            return redirect("screens:login")
        self.credentials = {"username": self.person.get_username()}
        if not AxesProxyHandler.is_allowed(request, self.credentials):
            locked: HttpResponse = get_lockout_response(request, credentials=self.credentials)
            return locked
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: CodeForm) -> HttpResponse:
        assert self.person is not None  # noqa: S101 - `dispatch` turns others away
        device = _check(self.person, form)
        if device is None:
            if not form.has_error("code", "too_soon"):  # such a code has not been looked at
                user_login_failed.send(__name__, credentials=self.credentials, request=self.request)
            return self.form_invalid(form)
        response = come_in_with(self.request, self.person, device)
        if second_factor.is_recovery_code(form.cleaned_data["code"]):
            _say_how_many_are_left(self.request, self.person)
        return response

    def form_invalid(self, form: CodeForm) -> HttpResponse:
        response = super().form_invalid(form)
        response.status_code = 422
        return response


def _say_how_many_are_left(request: HttpRequest, user: User) -> None:
    summary = second_factor.summary(user)
    left = summary.codes_left if summary else 0
    words = ngettext(
        "This recovery code is used up. %(count)s is left; new ones are made on the page of your account.",
        "This recovery code is used up. %(count)s are left; new ones are made on the page of your account.",
        left,
    )
    messages.warning(request, words % {"count": left})


@method_decorator(sensitive_post_parameters(), name="dispatch")
class SecondFactor(FormPage):
    """Set it up: a picture for the app, and a code that shows that the app has it. Once set up, how it stands."""

    permission = ""
    form_class = CodeForm

    def get_template_names(self) -> list[str]:
        return [f"screens/account/second_factor{'' if self.summary else '_new'}.html"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        self.summary = second_factor.summary(request.user) if isinstance(request.user, User) else None
        return super().dispatch(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.summary is not None:  # set up in another tab
            return redirect("screens:second_factor")
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: CodeForm) -> HttpResponse:
        session = self.request.session
        made = second_factor.set_up(self.request.user, self._key(), form.cleaned_data["code"])
        if made is None:
            form.add_error("code", _("This is not the code of now. Is the phone's clock right?"))
            form.fields["code"].widget.attrs["autofocus"] = True  # on a phone it is below the picture, out of sight
            return self.form_invalid(form)
        device, codes = made
        del session[_KEY]
        session.cycle_key()
        second_factor.passed(session, device)
        return _show(self.request, codes, is_new=True)

    def _key(self) -> str:
        session = self.request.session
        if _KEY not in session:
            session[_KEY] = second_factor.new_key()
        return str(session[_KEY])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "summary": self.summary,
            "is_required": second_factor.is_required(self.access),
            "must_set_up": self.request.must_set_up,
        }
        if self.summary is None:
            device = second_factor.unsaved(self.request.user, self._key())
            shown |= {"address": device.config_url, "qr": qr_of(device.config_url), "key": _in_fours(device.bin_key)}
        return super().get_context_data(**shown, **kwargs)


def _in_fours(key: bytes) -> str:
    """A secret as apps want it typed: base 32, in groups that the eye can hold."""
    text = b32encode(key).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def _show(request: HttpRequest, codes: list[str], *, is_new: bool = False) -> HttpResponse:
    """The recovery codes, this once."""
    context = {"codes": codes, "is_new": is_new, "first_page": first_page(request.user)}
    return TemplateResponse(request, "screens/account/recovery_codes.html", context)


@method_decorator(sensitive_post_parameters(), name="dispatch")
class _WithCode(FormPage):
    """What takes a code of now: whoever finds this browser open cannot do it."""

    permission = ""
    form_class = OnlyCode

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if isinstance(request.user, User) and second_factor.authenticator_of(request.user) is None:
            return redirect("screens:second_factor")
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: CodeForm) -> HttpResponse:
        if _check(self.request.user, form) is None:
            return self.form_invalid(form)
        return self.accepted()

    def accepted(self) -> HttpResponse:
        raise NotImplementedError


class NewRecoveryCodes(_WithCode):
    template_name = "screens/account/second_factor_codes.html"

    def accepted(self) -> HttpResponse:
        return _show(self.request, second_factor.renew_codes(self.request.user))


class RemoveSecondFactor(_WithCode):
    template_name = "screens/account/second_factor_remove.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(is_required=second_factor.is_required(self.access), **kwargs)

    def accepted(self) -> HttpResponse:
        second_factor.remove(self.request.user)
        second_factor.forget(self.request.session)
        messages.success(self.request, _("The second factor has been removed. Other browsers have been logged out."))
        return redirect("screens:account")
