"""Certificate requests of chargers: signed by the clock, by a person, or somewhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from certificates import authority, requests
from certificates.models import SigningRequest

from ..lists import ListPage
from ..pages import Allowed, ObjectPage
from .filters import RequestFilters
from .forms import PemForm
from .pem import pem_file
from .rights import SIGN, VIEW_REQUESTS, visible_requests


class Requests(ListPage):
    permission = VIEW_REQUESTS
    template_name = "screens/certificates/requests.html"
    part = "screens/certificates/_requests.html"
    filterset_class = RequestFilters
    sorts = {"received": ("-received_at", "-pk"), "charger": ("charge_point__identity", "-pk")}

    def get_rows(self) -> QuerySet[SigningRequest]:
        return visible_requests(self.access)


class RequestPage(ObjectPage):
    permission = VIEW_REQUESTS
    template_name = "screens/certificates/request.html"
    parts = {"request": "screens/certificates/_request.html"}
    context_object_name = "row"

    def get_queryset(self) -> QuerySet[SigningRequest]:
        return visible_requests(self.access)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**what_may_be_done(self, self.object), **kwargs)


def what_may_be_done(page: Allowed, row: SigningRequest) -> dict[str, Any]:
    """What of signing, refusing and uploading the reader may do with a request as it stands."""
    if not requests.may_be_signed(row) or not page.access.on(SIGN, row.charge_point):
        return {}
    ca = authority.current()
    return {
        "may_decide": True,
        "may_sign": ca is not None and ca.can_sign,
        "may_refuse": row.state == SigningRequest.State.WAITING,
        "form": PemForm(),
    }


class RequestFile(Allowed):
    """The request as it came, to be signed elsewhere."""

    permission = VIEW_REQUESTS

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = get_object_or_404(visible_requests(self.access), pk=pk)
        return pem_file(row.pem, f"{slugify(row.charge_point.identity)}-request-{row.pk}")


class Decide(Allowed):
    """POST: a person decides on a request that is still open to it."""

    permission = SIGN
    http_method_names = ["post"]
    done: Any = ""
    act: Callable[..., Any]

    def row(self, pk: int) -> SigningRequest:
        row = get_object_or_404(visible_requests(self.access), pk=pk)
        if not self.access.on(SIGN, row.charge_point):
            raise PermissionDenied
        return row

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.row(pk)
        if not requests.may_be_signed(row):
            messages.info(request, _("This request has been decided on already."))
            return redirect("screens:signing_request", pk=pk)
        try:
            type(self).act(row, by=self.request.user)
            messages.success(request, str(self.done))
        except requests.CannotSign as refusal:
            messages.error(request, str(refusal))
        return redirect("screens:signing_request", pk=pk)


class Sign(Decide):
    done = gettext_lazy("The certificate is made; it is sent to the charger now.")
    act = staticmethod(requests.sign)


class Refuse(Decide):
    done = gettext_lazy("The request is refused.")
    act = staticmethod(requests.refuse)


class Take(Decide):
    """POST: what was signed elsewhere; what is wrong with it stands beside the form."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = self.row(pk)
        if not requests.may_be_signed(row):
            messages.info(request, _("This request has been decided on already."))
            return redirect("screens:signing_request", pk=pk)
        form = PemForm(request.POST, request.FILES)
        if form.is_valid():
            try:
                requests.take_signed(row, form.cleaned_data["pem"], by=self.request.user)
                messages.success(request, _("The certificate is stored; it is sent to the charger now."))
                return redirect("screens:signing_request", pk=pk)
            except ValidationError as error:
                form.add_error(None, error)
        context = {"row": row, **what_may_be_done(self, row), "form": form}
        return render(request, "screens/certificates/request.html", context, status=422)
