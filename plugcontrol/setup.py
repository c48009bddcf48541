"""First run: the first administrator, made by whoever can read the terminal."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import login, password_validation
from django.contrib.auth.forms import BaseUserCreationForm
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import Group, User
from django.core import signing
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

_SALT = "plugcontrol.setup"
MAX_AGE_S = 7 * 24 * 3600
ROLE = "Administrators"


def setup_token() -> str:
    """A token for the setup link: signed, good for a week, kept nowhere, and worthless once a user exists."""
    return signing.dumps("first administrator", salt=_SALT)


def is_valid_token(token: str) -> bool:
    try:
        signing.loads(token, salt=_SALT, max_age=MAX_AGE_S)
    except signing.BadSignature:
        return False
    return True


def needs_setup() -> bool:
    """Whether there is no user yet; accounts of API keys, which can log in nowhere, do not count."""
    programs = Q(is_staff=False, password__startswith=UNUSABLE_PASSWORD_PREFIX)
    return not User.objects.exclude(programs).exists()


@transaction.atomic
def create_first_administrator(username: str, password: str) -> User:
    """Create the first user with every right; ValidationError for a bad name or password, or if there is a user."""
    # the row lock makes two that come at the same moment wait for each other
    role, _created = Group.objects.select_for_update().get_or_create(name=ROLE)
    if not needs_setup():
        raise ValidationError(_("There is already a user."))
    user = User(username=User.normalize_username(username), is_staff=True, is_superuser=True)
    password_validation.validate_password(password, user)
    user.set_password(password)
    user.full_clean()
    user.save()
    user.groups.add(role)
    return user


class SetupForm(BaseUserCreationForm):  # type: ignore[type-arg]
    """Name and password, twice; the rules for passwords stand beside the field."""

    class Meta:
        model = User
        fields = ("username",)


@method_decorator([never_cache, sensitive_post_parameters()], name="dispatch")
class SetupView(View):
    """`/setup/?token=…`: only with the token, and only until there is a user."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not needs_setup():
            return redirect("admin:login")
        if not is_valid_token(request.GET.get("token", "")):
            return render(request, "setup_closed.html", status=403)
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        return render(request, "setup.html", {"form": SetupForm()})

    def post(self, request: HttpRequest) -> HttpResponse:
        form = SetupForm(request.POST)
        user = self._create(form) if form.is_valid() else None
        if user is None:
            return render(request, "setup.html", {"form": form})
        login(request, user, backend="django.contrib.auth.backends.ModelBackend")
        return redirect("admin:index")

    @staticmethod
    def _create(form: SetupForm) -> User | None:
        try:
            return create_first_administrator(form.cleaned_data["username"], form.cleaned_data["password1"])
        except ValidationError as error:
            form.add_error(None, ValidationError(error.messages))
            return None


@never_cache
def home(request: HttpRequest) -> HttpResponseRedirect:
    """`/`: the admin, or on the first run the page that says what to do."""
    return redirect("setup" if needs_setup() else "admin:index")


@never_cache
def admin_login(request: HttpRequest) -> HttpResponse:
    """The admin's login page; without any user there is nothing to log in to."""
    from django.contrib import admin

    return redirect("setup") if needs_setup() else admin.site.login(request)
