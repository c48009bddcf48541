"""HTTP routes."""

from django.contrib import admin
from django.urls import include, path, re_path
from django.utils.translation import gettext_lazy as _

from .hints import charger_address
from .setup import SetupView, admin_login

admin.site.site_header = admin.site.site_title = "plugcontrol"
admin.site.index_title = _("Overview")
admin.site.site_url = "/"
admin.site.enable_nav_sidebar = False  # its width is worth two columns of a list; the header has the usual ways

urlpatterns = [
    path("setup/", SetupView.as_view(), name="setup"),
    path("admin/login/", admin_login),
    path("admin/", admin.site.urls),
    path("api/", include("api.urls")),
    re_path(r"^ocpp(?:/|$)", charger_address),
    path("", include("screens.urls")),
]

handler400 = "api.problems.bad_request"
handler500 = "plugcontrol.errors.server_error"
