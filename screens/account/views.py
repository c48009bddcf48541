"""Coming in, going out, and one's own account."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import views as auth_views
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.utils import translation
from django.utils.translation import gettext as _

from people import audit, second_factor
from people.administration import needs_setup
from people.models import Preferences

from ..pages import FormPage
from ..people.words import roles_of
from .entrance import come_in, first_page
from .forms import PreferencesForm


class AccountPage(FormPage):
    """Who one is here, language and time zone; the theme is the browser's own affair."""

    permission = ""
    template_name = "screens/account/account.html"
    form_class = PreferencesForm
    success_url = reverse_lazy("screens:account")

    def get_form_kwargs(self) -> dict[str, Any]:
        user = self.request.user
        assert isinstance(user, User)  # noqa: S101 - `Allowed` asks who is logged in
        own = Preferences.objects.filter(user=user).first()
        return {**super().get_form_kwargs(), "instance": own or Preferences(user=user)}

    def form_valid(self, form: PreferencesForm) -> HttpResponse:
        preferences = form.save()
        with translation.override(preferences.language or translation.get_language()):
            messages.success(self.request, _("Saved."))
        return super().form_valid(form)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        is_holder = self.access.is_holder
        shown = {
            "roles": roles_of(self.request.user, is_holder=is_holder),
            "is_holder": is_holder,
            "second_factor": second_factor.summary(self.request.user),
        }
        return super().get_context_data(**shown, **kwargs)


class ChangePassword(FormPage, auth_views.PasswordChangeView):
    """One's own password; other browsers are logged out by it."""

    permission = ""
    template_name = "screens/account/password.html"
    success_url = reverse_lazy("screens:account")

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, _("Your password has been changed. Other browsers have been logged out."))
        return super().form_valid(form)


class Login(auth_views.LoginView):
    """Name and password; leads back to where one wanted to go, else to the first page of one's role."""

    template_name = "screens/account/login.html"
    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if needs_setup():  # nobody could log in
            return redirect("setup")
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        return come_in(self.request, form.get_user(), self.get_redirect_url())

    def get_default_redirect_url(self) -> str:
        return first_page(self.request.user)


class Logout(auth_views.LogoutView):
    """By POST only; the live pages of this person close."""

    next_page = "screens:login"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if isinstance(request.user, User):
            audit.record(audit.Event.LOGOUT, request.user)
        return super().post(request, *args, **kwargs)


class SetPassword(auth_views.PasswordResetConfirmView):
    """Behind an invitation's link: choose a password and be logged in. The link works once.

    It stands for the password only: who has a second factor is asked for it.
    """

    template_name = "screens/account/set_password.html"

    def get_user(self, uidb64: str) -> User | None:
        """Nobody for a deactivated account: its links are dead."""
        user = super().get_user(uidb64)
        return user if isinstance(user, User) and user.is_active else None

    def form_valid(self, form: Any) -> HttpResponse:
        del self.request.session[auth_views.INTERNAL_RESET_SESSION_TOKEN]
        return come_in(self.request, form.save())
