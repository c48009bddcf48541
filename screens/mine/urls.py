from django.urls import path

from .cards import Cards, ReportLost
from .charging import Charging
from .sessions import ExportSessions, Sessions
from .wishes import Start, Stop

urlpatterns = [
    path("mine/", Charging.as_view(), name="mine"),
    path("mine/start/", Start.as_view(), name="mine_start"),
    path("mine/sessions/", Sessions.as_view(), name="mine_sessions"),
    path("mine/sessions/export/<str:format>/", ExportSessions.as_view(), name="mine_export"),
    path("mine/sessions/<int:pk>/stop/", Stop.as_view(), name="mine_stop"),
    path("mine/cards/", Cards.as_view(), name="mine_cards"),
    path("mine/cards/<int:pk>/lost/", ReportLost.as_view(), name="mine_lost"),
]
