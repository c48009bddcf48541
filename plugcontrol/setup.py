"""First run: the first administrator, made by whoever can read the terminal."""

from __future__ import annotations

import zoneinfo
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth import login, password_validation
from django.contrib.auth.forms import BaseUserCreationForm
from django.contrib.auth.models import Group, User
from django.contrib.auth.views import redirect_to_login
from django.core import signing
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from people import audit
from people.administration import needs_setup
from people.models import Preferences, check_time_zone
from stations.models import Site

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
    """Name and password, twice, with the rules for passwords beside the field; then what makes the pages theirs."""

    site_name = forms.CharField(
        label=gettext_lazy("Site"),
        max_length=100,
        required=False,
        help_text=gettext_lazy("Where the chargers stand, for example “Garage North”. More sites can follow."),
    )
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=settings.LANGUAGES)
    time_zone = forms.CharField(
        label=gettext_lazy("Time zone"),
        max_length=64,
        validators=[check_time_zone],
        widget=forms.TextInput(attrs={"list": "time-zones", "autocomplete": "off"}),
    )

    class Meta:
        model = User
        fields = ("username",)

    @property
    def time_zones(self) -> list[str]:
        return sorted(zoneinfo.available_timezones())


@method_decorator([never_cache, sensitive_post_parameters()], name="dispatch")
class SetupView(View):
    """`/setup/?token=…`: only with the token, and only until there is a user."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not needs_setup():
            return redirect("screens:login")
        if not is_valid_token(request.GET.get("token", "")):
            return render(request, "setup_closed.html", status=403)
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        likely = {"language": get_language(), "time_zone": settings.TIME_ZONE}
        return render(request, "setup.html", {"form": SetupForm(initial=likely)})

    def post(self, request: HttpRequest) -> HttpResponse:
        form = SetupForm(request.POST)
        user = self._create(form) if form.is_valid() else None
        if user is None:
            return render(request, "setup.html", {"form": form})
        login(request, user, backend="django.contrib.auth.backends.ModelBackend")
        audit.record(audit.Event.LOGIN, user)
        return redirect("screens:welcome")

    @staticmethod
    def _create(form: SetupForm) -> User | None:
        wishes = form.cleaned_data
        try:
            user = create_first_administrator(wishes["username"], wishes["password1"])
        except ValidationError as error:
            form.add_error(None, ValidationError(error.messages))
            return None
        Preferences.objects.create(user=user, language=wishes["language"], time_zone=wishes["time_zone"])
        if wishes["site_name"]:
            Site.objects.get_or_create(name=wishes["site_name"])
        return user


@never_cache
def admin_login(request: HttpRequest) -> HttpResponseBase:
    """The administration has no login of its own, only a page for who is logged in and not let in."""
    from django.contrib import admin

    from screens.account.views import Login

    if needs_setup():
        return redirect("setup")
    if request.method == "POST":
        return Login.as_view(redirect_authenticated_user=False)(request)
    if not request.user.is_authenticated:
        return redirect_to_login(request.GET.get("next") or reverse("admin:index"))
    return admin.site.login(request)
