"""Where each chapter of the screens lives."""

from django.urls import include, path

app_name = "screens"
urlpatterns = [
    path("", include("screens.overview.urls")),
    path("", include("screens.chargers.urls")),
    path("", include("screens.transactions.urls")),
    path("", include("screens.people.urls")),
    path("", include("screens.tags.urls")),
    path("", include("screens.commands.urls")),
    path("", include("screens.reservations.urls")),
    path("", include("screens.profiles.urls")),
    path("", include("screens.messages.urls")),
    path("", include("screens.firmware.urls")),
    path("", include("screens.certificates.urls")),
    path("", include("screens.jobs.urls")),
    path("", include("screens.reports.urls")),
    path("", include("screens.account.urls")),
    path("", include("screens.mine.urls")),
    path("", include("screens.house.urls")),
]
