"""What a charger proves itself with: generated, typed in or taken away by hand. Shown once, never read again."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters

from stations import credentials
from stations.models import ChargePoint

from ..pages import FormPage
from .connection import address_of
from .forms import PasswordForm
from .one import Do, OfCharger


class GeneratePassword(OfCharger):
    """POST: a new password, shown on this answer only; it is stored hashed."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        return shown_once(request, self.station, credentials.generate_key(self.station))


def shown_once(request: HttpRequest, station: ChargePoint, password: str) -> HttpResponse:
    context = {"station": station, "password": password, "address": address_of(request, station)}
    return render(request, "screens/chargers/password.html", context)


@method_decorator(sensitive_post_parameters("password"), name="dispatch")
class SetPassword(OfCharger, FormPage):
    form_class = PasswordForm
    template_name = "screens/chargers/set_password.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(station=self.station, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        if credentials.set_password(self.station, form.cleaned_data["password"]):
            messages.success(self.request, _("The password was set."))
        else:
            short = _("The password was set, but it is short: OCPP recommends 16 characters or more.")
            messages.warning(self.request, short)
        return redirect(self.details_url())


class RemovePassword(Do):
    done = gettext_lazy("%(charger)s connects without a password from now on.")
    act = staticmethod(credentials.remove)
