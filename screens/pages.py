"""What every page has in common: who may open it, and that parts of it can be fetched alone."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.generic import DetailView, FormView, TemplateView, View

from people.access import Access
from stations.commands import Origin
from stations.models import CommandSource


class Allowed(View):
    """Lets in who is logged in and holds `permission` at one site at least; what lies at other sites is not found.

    Nobody logged in: to the login page. Without the permission: 403. Objects are looked up through `request.access`,
    so one of another site answers 404. `""` is for everybody who is logged in.
    """

    #: as our middleware leaves it: with `access` and `htmx`
    request: Any
    permission = "stations.view_chargepoint"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if not self.is_allowed():
            raise PermissionDenied
        response = super().dispatch(request, *args, **kwargs)
        response.headers["Cache-Control"] = "no-store"  # what somebody may see is theirs, also after they log out
        return response

    def is_allowed(self) -> bool:
        return not self.permission or self.access.somewhere(self.permission)

    @property
    def access(self) -> Access:
        access: Access = self.request.access
        return access

    @property
    def origin(self) -> Origin:
        """Who raises a command on this page."""
        address = self.request.META.get("REMOTE_ADDR") or ""
        return Origin(CommandSource.SCREEN, user=self.request.user, remote_address=address)


class InParts(Allowed):
    """A page of which htmx may ask a part: `parts` says which template renders the element with that id."""

    #: id of the element that is replaced → template of that element
    parts: dict[str, str] = {}

    def get_template_names(self) -> list[str]:
        part = self.parts.get(self.request.htmx.target or "") if self.request.htmx else None
        return [part] if part else super().get_template_names()  # type: ignore[misc]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        response = super().dispatch(request, *args, **kwargs)
        patch_vary_headers(response, ["HX-Request", "HX-Target"])
        return response


class Page(InParts, TemplateView):
    """A page without an object of its own."""


class ObjectPage(InParts, DetailView):  # type: ignore[type-arg]
    """A page about one row that the reader may see."""


class FormPage(InParts, FormView):  # type: ignore[type-arg]
    """A form; errors stand beside its fields and nothing typed is lost."""

    def form_invalid(self, form: Any) -> HttpResponse:
        response = super().form_invalid(form)
        response.status_code = 422
        return response


def back(request: HttpRequest, fallback: str) -> HttpResponse:
    """After a POST: to the page it came from, if that is one of ours."""
    target = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return HttpResponseRedirect(target if ours else fallback)  # `redirect` might take it for a view's name
