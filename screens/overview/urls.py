from django.urls import path

from ..approval import Decide
from ..search import Search
from . import welcome
from .overview import Overview

urlpatterns = [
    path("", Overview.as_view(), name="overview"),
    path("welcome/", welcome.Welcome.as_view(), name="welcome"),
    path("welcome/simulator/", welcome.Trial.as_view(), name="trial"),
    path("chargers/<int:pk>/approve/", Decide.as_view(), name="approve"),
    path("chargers/<int:pk>/reject/", Decide.as_view(approves=False), name="reject"),
    path("search/", Search.as_view(), name="search"),
]
