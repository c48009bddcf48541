"""The OpenAPI document, a page to browse it, and what is said of addresses that do not exist."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.views import redirect_to_login
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.exceptions import NotAuthenticated, NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView

from ..permissions import Need
from .base import ApiView

READ = Need("stations.view_chargepoint")


class SchemaView(ApiView, SpectacularAPIView):
    """The OpenAPI 3 document, as YAML or JSON."""

    action = "read"
    needs: ClassVar = {"read": READ}


class DocsView(ApiView, SpectacularSwaggerSplitView):
    """The document as a page to try things out on; everything it loads is ours, and no script stands in the page."""

    action = "read"
    needs: ClassVar = {"read": READ}
    url_name = "api:schema"
    template_name = "api/docs.html"

    def handle_exception(self, exc: Exception) -> Any:
        if isinstance(exc, NotAuthenticated):  # a person with a browser, not a program
            return redirect_to_login(self.request.get_full_path())
        return super().handle_exception(exc)


class NotFoundView(ApiView, APIView):
    """Every other address under /api/."""

    permission_classes = (AllowAny,)
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise NotFound
