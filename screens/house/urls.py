from django.urls import path

from . import about, settings

urlpatterns = [
    path("settings/", settings.Settings.as_view(), name="settings"),
    path("settings/sites/add/", settings.AddSite.as_view(), name="site_add"),
    path("settings/sites/<int:pk>/", settings.ChangeSite.as_view(), name="site"),
    path("about/", about.About.as_view(), name="about"),
]
